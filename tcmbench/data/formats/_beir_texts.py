"""The texts of a BEIR folder: its corpus, or its queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import columns, reading, table_files, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import Document
from tcmbench.data.lines import clean
from tcmbench.data.rows import numbered
from tcmbench.errors import BadLines, DataAbsent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.data.columns import Names

LAYOUT = (
    "A BEIR folder contains corpus.jsonl, queries.jsonl and qrels/<split>.tsv; each may also be a CSV, Parquet or JSON "
    "file, compressed or not."
)

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "corpus": {"document_id": ("_id", "id"), "document": ("text",), "title": ("title",)},
    "queries": {"query_id": ("_id", "id"), "query": ("text",), "query_title": ("title",)},
}
"""File → column (id, text, title) → its common names."""

_LONGEST_SHOWN = 80


class BeirTexts(NamedTuple):
    """The texts of one file."""

    path: Path

    documents: dict[str, Document]
    """Id → text, in the file's order."""

    numbers: list[str]
    """Ids that are numbers in the file."""

    problems: list[str]
    """Its bad lines."""

    def require(self, doc_id: str, what: str) -> None:
        """Check that there is a text of this id.

        Raises:
            FieldProblem: There is none.
        """
        if doc_id not in self.documents:
            hint = f", where _id is a number, such as {self.numbers[0]}" if self.numbers else ""
            raise FieldProblem(f"{what} {shown(doc_id)} is not in {self.path.name}{hint}")


def find(folder: Path, name: str) -> Path:
    """Return the file of the corpus or of the queries, in whichever format it is.

    Raises:
        DataError: There are several.
    """
    return table_files.find(folder, name)


def read(folder: Path, name: str, mapped: Mapping[str, str]) -> BeirTexts:
    """Return the texts of the corpus or of the queries.

    Args:
        folder: The BEIR folder.
        name: `corpus` or `queries`.
        mapped: Column → its name in the file, where it has another one; those of other files are ignored.

    Raises:
        DataAbsent: There is no such file.
        DataError: There are several, or it lacks a mapped column.
    """
    path = find(folder, name)
    if not reading.exists(path):
        raise DataAbsent(path, what=f"The file of the {name}", how=LAYOUT)
    names = columns.names(COLUMNS[name], {key: value for key, value in mapped.items() if key in COLUMNS[name]})
    read = BeirTexts(path, {}, [], [])

    def add(row: Mapping[str, object]) -> None:
        doc_id, document = _parse(row, names)
        if not isinstance(row.get(_name_of_id(row, names)), str):
            read.numbers.append(doc_id)
        if doc_id in read.documents:
            raise FieldProblem(f"{doc_id}: a second text of this id")
        read.documents[doc_id] = document

    try:
        for _ in numbered(path, add, required=names.mapped.values()):
            pass
    except BadLines as bad:
        read.problems.extend(bad.problems)
    return read


def shown(cell: str) -> str:
    """Return a cell, shortened for messages."""
    return cell if len(cell) <= _LONGEST_SHOWN else f"{cell[:_LONGEST_SHOWN]}…"


def _parse(row: Mapping[str, object], names: Names) -> tuple[str, Document]:
    ids, (text_name, *_), (title_name, *_) = names.of.values()
    doc_id = values.identifier(row, *ids)
    for name in (title_name, text_name):
        value = row.get(name)
        if not isinstance(value, str) and not values.is_missing(value):
            raise FieldProblem(f"{doc_id}: {name}: expected text, got {values.kind(value)}")
    # pandas writes NaN for an empty cell
    title, text = ("" if values.is_missing(value := row.get(name)) else str(value) for name in (title_name, text_name))
    document = Document(text=clean(text, strip=False), title=clean(title))
    if not document.full_text().strip():
        what = "blank text" if text or text_name not in row else values.kind(row[text_name])
        got = "no such key" if text_name not in row else what
        raise FieldProblem(f"{doc_id}: {text_name}: expected text, got {got}")
    return doc_id, document


def _name_of_id(row: Mapping[str, object], names: Names) -> str:
    ids = next(iter(names.of.values()))
    return next((name for name in ids if name in row), ids[0])
