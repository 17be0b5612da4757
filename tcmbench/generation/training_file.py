"""The file of generated training pairs, with the report beside it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from tcmbench.checksums import file_sha256
from tcmbench.data.formats._rows import write_rows
from tcmbench.errors import DataError
from tcmbench.generation.marks import GENERATOR, SYNTHETIC, generators_of
from tcmbench.store import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.generation.queries import Generated
    from tcmbench.generation.sources import QuerySource
    from tcmbench.store import Json

_ENDING = ".jsonl"


def report_path(path: Path) -> Path:
    """Return where the report of a file is."""
    return path.with_name(f"{path.name.removesuffix(_ENDING)}.report.json")


def require_own(path: Path) -> None:
    """Check that a path is free, or a file of generated rows, which may be replaced.

    Raises:
        DataError: It is another file, or not named as one of JSON lines.
    """
    if not path.name.endswith(_ENDING):
        raise DataError(
            f"{path}: expected a name that ends in {_ENDING}; `tcmbench data convert` writes other formats."
        )
    if path.exists() and not generators_of(path):
        raise DataError(f"{path}: expected a new file, or one of generated queries; got other data. Choose another.")


def write(path: Path, generated: Generated, source: QuerySource, *, made_by: Mapping[str, Json]) -> Path:
    """Write the rows, then the report, each atomically; return the report's path.

    Args:
        path: File of JSON lines.
        generated: Rows and counts.
        source: Where the texts come from.
        made_by: Generator, base, judge, options and costs.
    """
    write_rows(generated.rows, path)
    report: dict[str, Json] = {
        SYNTHETIC: True,
        "source": {
            "name": source.name,
            "kind": source.kind,
            "texts": len(source.origins),
            "documents": len(source.corpus),
        },
        **made_by,
        "counts": dict(generated.counts),
        "rows": len(generated.rows),
        **{f"rows_by_{column}": _by(generated, column) for column in ("type", "voice", GENERATOR)},
        "sha256": file_sha256(path),
    }
    write_json(report_path(path), report)
    return report_path(path)


def _by(generated: Generated, column: str) -> Json:
    return cast("Json", dict(sorted(Counter(str(row[column]) for row in generated.rows).items())))
