"""The format of a file or folder, by its files or by the keys of its first row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import reading, table_files
from tcmbench.data.lines import LineProblem, read_text
from tcmbench.data.tcm_sd_files import KNOWLEDGE

if TYPE_CHECKING:
    from pathlib import Path

TCM_SD, TABLE, BEIR, WEIGHTED, RAG_JSON = "tcm_sd", "table", "beir", "weighted", "rag_json"

_BY_KEYS = (
    ("swift", frozenset({"messages"})),
    ("swift", frozenset({"query", "rejected_response"})),
    ("pos_doc", frozenset({"pos_doc"})),
    (WEIGHTED, frozenset({"query", "doc", "rel"})),
)
"""Format → keys that the first row of such a file has; of any other file the table's columns are tried."""


def recognise(path: Path) -> str:
    """Return the name of a format; where none fits, the one whose reader says best what is lacking.

    Raises:
        DataAbsent, DataError: It can't be read.
    """
    if reading.is_folder(path):
        stems = {table_files.stem(file) for file in reading.files_in(path)}
        return BEIR if "corpus" in stems and KNOWLEDGE not in stems else TCM_SD
    kind = table_files.ending(path)
    if kind == ".json" and _is_rag_json(path):
        return RAG_JSON
    if kind in {".json", ".jsonl"}:
        first = next((row for row in table_files.read_rows(path) if not isinstance(row, LineProblem)), None)
        keys = frozenset() if first is None else first.value.keys()
        return next((name for name, required in _BY_KEYS if required <= keys), TABLE)
    return TABLE


def _is_rag_json(path: Path) -> bool:
    text = read_text(path)
    return text.lstrip("\ufeff \t\r\n").startswith("{") and '"relevant_docs"' in text
