"""Names of each field in the copies of TCM-SD, and readers of its value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tcmbench.data.lines import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

Aliases = tuple[str, ...]
"""Keys of one field, the preferred one first."""

RECORD_ID: Aliases = ("example_id", "user_id", "id")
PATIENT_ID: Aliases = ("user_id", "patient_id")
# A raw syndrome is only read where there is no normalised one: scores use normalised names.
NORMALISED_LABELS: Aliases = ("norm_syndrome",)
RAW_LABELS: Aliases = ("syndrome", "证型", "证候")
CHIEF_COMPLAINT: Aliases = ("chief_complaint", "主诉")
HISTORY: Aliases = ("medical_history", "description", "现病史")
EXAMINATION: Aliases = ("FDMR", "detection", "体格检查", "四诊")
DISEASE: Aliases = ("lcd_name", "disease", "疾病", "病名")
NAME: Aliases = ("Name", "name", "名称")
DEFINITION: Aliases = ("Definition", "definition", "定义")
MANIFESTATIONS: Aliases = ("Typical_performance", "typical_performance", "典型表现")
# The first spelling is that of the original.
DISEASES: Aliases = ("Common_isease", "Common_disease", "common_isease", "common_disease", "常见疾病")

# Values that table tools write for an empty cell; no field of a record is ever one of these words.
MISSING_WORDS = frozenset({"", "None", "none", "null", "NULL", "nan", "NaN", "<NA>"})
_LONGEST_MISSING = max(map(len, MISSING_WORDS))


class FieldProblem(ValueError):
    """An invalid value of a field; the message never contains the value, which may be a patient's."""


def text(row: Mapping[str, object], names: Aliases) -> str:
    """Return the first of the fields that has text, cleaned; "" when none has.

    Raises:
        FieldProblem: A value is neither text nor missing.
    """
    for name in names:
        value = row.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            cleaned = clean(value)
            if len(cleaned) > _LONGEST_MISSING or cleaned not in MISSING_WORDS:
                return cleaned
        elif not _is_missing(value):
            raise FieldProblem(f"{name}: expected text, got {type(value).__name__}")
    return ""


def identifier(row: Mapping[str, object], names: Aliases) -> str:
    """Return the first of the fields that has an identifier (text or a whole number); "" when none has.

    Raises:
        FieldProblem: A value is something else.
    """
    for name in names:
        value = row.get(name)
        if value is None:
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        found = text(row, (name,))
        if found:
            return found
    return ""


def labels(row: Mapping[str, object], names: Aliases) -> tuple[str, ...]:
    """Return the syndromes of the first field that has any: from one name, a list, or names joined by "|".

    Raises:
        FieldProblem: A value is neither text nor a list of texts.
    """
    for name in names:
        value = row.get(name)
        if _is_missing(value):
            continue
        pieces: list[str] = []
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, str):
                kind = type(part).__name__
                raise FieldProblem(f"{name}: expected a syndrome, a list of them, or 'A|B'; got {kind}")
            pieces += map(clean, part.replace("｜", "|").split("|"))
        labels = tuple(dict.fromkeys(piece for piece in pieces if piece not in MISSING_WORDS))
        if labels:
            return labels
    return ()


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
