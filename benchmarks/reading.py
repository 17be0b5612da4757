"""How long does it take to read as many records as TCM-SD has, and check every one?

    python -m benchmarks.reading [--records 54152]

Synthetic records with the lengths of TCM-SD's, as JSON lines in UTF-8 and as a JSON array in GB18030 (both are in
circulation). tcmbench reads the folder whole: encoding, aliases of field names, labels against the knowledge base,
NFC, unique ids, a hash of the content. The rival only parses: `json.loads` per line, without checks.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import _cost, _made_up, _result
from benchmarks._result import Row
from tcmbench.data import tcm_sd

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks._cost import Cost

_RECORDS, _QUICK = 54_152, 2_000


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield one row per form of the file."""
    records = given.records or (_QUICK if given.quick else _RECORDS)
    made = _made_up.folder(records=records)
    objects = [
        {
            "user_id": record.patient_id,
            "example_id": record.record_id,
            "norm_syndrome": "|".join(record.labels),
            "chief_complaint": record.chief_complaint,
            "description": record.history,
            "detection": record.examination,
        }
        for record in made.splits["train"]
    ]
    knowledge = [
        {
            "Name": s.name,
            "Definition": s.definition,
            "Typical_performance": s.manifestations,
            "Common_isease": s.diseases,
        }
        for s in made.knowledge
    ]
    characters = sum(len(record.query()) for record in made.splits["train"]) / records
    for form, encoding in (("JSON lines", "utf-8"), ("JSON array", "gb18030")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "train.json", objects, form=form, encoding=encoding)
            write(folder / "syndrome_knowledge.json", knowledge, form="JSON lines", encoding="utf-8")
            ours, count = _cost.apart(read, folder)
            theirs = _cost.apart(parse, folder / "train.json", form, encoding)
        if count != records:
            _result.fail(f"{count} records of {records} were read")
        yield Row(
            case=f"{records:,} records of {characters:.0f} characters, {form} in {encoding.upper()}",
            unit="processor s",
            ours=ours.cpu,
            rival=theirs.cpu,
            rival_name="json alone, nothing checked",
            mib=ours.mib,
            rival_mib=theirs.mib,
            most=3.0,
        )


def write(path: Path, rows: list[dict[str, str]], *, form: str, encoding: str) -> None:
    """Write rows."""
    if form == "JSON array":
        text = json.dumps(rows, ensure_ascii=False, indent=1)
    else:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding=encoding)


def read(folder: Path) -> tuple[Cost, int]:
    """Return the costs of reading with tcmbench, and the number of records."""
    found, cost = _cost.of(lambda: tcm_sd.read_folder(folder))
    return cost, len(found.splits["train"])


def parse(path: Path, form: str, encoding: str) -> Cost:
    """Return the costs of parsing alone."""

    def work() -> list[object]:
        if form == "JSON array":
            return list(json.loads(path.read_text(encoding=encoding)))
        with path.open(encoding=encoding) as file:
            return [json.loads(line) for line in file]

    _, cost = _cost.of(work)
    return cost


def options(parser: argparse.ArgumentParser) -> None:
    """Add the number of records."""
    parser.add_argument("--records", type=int, help=f"how many; {_RECORDS:,} by default")


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=(), options=options))
