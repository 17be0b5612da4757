"""Conversion of the files of public data sets to layouts that tasks read; each function takes the files and a target.

A target that is a folder is new and empty; a file is written atomically.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow, _rows, beir, gather
from tcmbench.data.lines import LineProblem, describe, read_text
from tcmbench.data.rows import numbered
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    from tcmbench.store import Json

    Row = TypeVar("Row")

_TITLES = 5000
_ADVICE = "The source has changed: nothing was written."


def cmrc(files: Sequence[Path], target: Path) -> None:
    """CMRC 2018: a question is a query, the passage with its answer its document; BEIR with split test."""
    (path,) = files
    try:
        contexts = strict_json.loads(read_text(path))
        rows = [
            TrainingRow(str(question["query_text"]), (str(context["context_text"]),))
            for context in contexts
            for question in context["qas"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected a list of contexts with context_text and qas of query_text, got something else "
            f"({type(error).__name__} {error}). {_ADVICE}"
        ) from error
    beir.write(gather(rows, split="test").collection, target)


def scored_pairs(files: Sequence[Path], target: Path) -> None:
    """Two sentences and a score between tabs: one JSON line each."""
    (path,) = files

    def row(cells: list[str]) -> Mapping[str, Json]:
        first, second, score = cells
        return {"sentence1": first, "sentence2": second, "score": float(score) if "." in score else int(score)}

    _rows.write_rows(_cells(path, row), target)


def titles(files: Sequence[Path], target: Path) -> None:
    """The first 5,000 titles, with the number of their class behind a tab: one JSON line each."""
    (path,) = files

    def row(cells: list[str]) -> Mapping[str, Json]:
        text, label = cells
        return {"text": text, "label": int(label)}

    _rows.write_rows(_cells(path, row, limit=_TITLES), target)


def headlines(files: Sequence[Path], target: Path) -> None:
    """TNEWS of FewCLUE: headlines with the names of their classes, train and test."""

    def row(line: Mapping[str, object]) -> Mapping[str, Json]:
        return {"text": values.text(line, "sentence"), "label": values.text(line, "label_desc")}

    for path, split in zip(files, ("train", "test"), strict=True):
        _rows.write_rows((each for _, each in numbered(path, row)), target / f"{split}.jsonl")


LAYOUTS: Mapping[str, Callable[[Sequence[Path], Path], None]] = {
    "cmrc": cmrc,
    "headlines": headlines,
    "scored_pairs": scored_pairs,
    "titles": titles,
}
"""Name of a layout in the TOML of a data set → function."""


def _cells(
    path: Path, row: Callable[[list[str]], Mapping[str, Json]], *, limit: int | None = None
) -> Iterator[Mapping[str, Json]]:
    """Yield what `row` returns for the cells of each line that isn't empty; repeated tabs are one.

    Raises:
        BadLines: After the last line: all lines that `row` refuses.
    """
    problems: list[str] = []
    lines = [(n, line) for n, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
    for number, line in lines[:limit]:
        cells = [cell.strip() for cell in line.split("\t") if cell.strip()]
        try:
            yield row(cells)
        except (ValueError, FieldProblem):
            problem = LineProblem(number, f"expected texts and a number between tabs, got {len(cells)} cells")
            problems.append(describe(path, problem))
    if problems or not lines:
        raise BadLines(problems or [f"{path}: no lines"], advice=_ADVICE)
