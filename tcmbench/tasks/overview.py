"""What a task's files hold, as it is measured: counts, the first rows, and what is unusual about them.

The task is loaded as for a measurement, so what is shown is what a model gets, and what is refused is refused here too.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench import tasks
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

_ROWS = 3
_LONGEST = 100
_FIELDS = {"labels": "label", "sentences": "text"}
"""mteb's name of a column → the one in files."""


class ShownRow(NamedTuple):
    """One row as it is understood: name of each part with its text."""

    parts: tuple[tuple[str, str], ...]


class SplitOverview(NamedTuple):
    """One split."""

    name: str

    counts: Mapping[str, int]
    """What there is → how many."""

    rows: tuple[ShownRow, ...]
    """The first three."""


class Overview(NamedTuple):
    """The data of a task."""

    name: str

    type: str

    path: str

    files: tuple[str, ...]

    splits: tuple[SplitOverview, ...]

    notes: tuple[str, ...]
    """What is unusual, with counts."""

    def to_json(self) -> dict[str, Json]:
        """Return everything but texts."""
        return {
            "task": self.name, "type": self.type, "path": self.path, "files": [*self.files],
            "splits": {split.name: dict(split.counts) for split in self.splits}, "notes": [*self.notes],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Yield it for a terminal, texts shortened."""
        yield f"{self.path}: {self.type}, from {', '.join(self.files)}"
        for split in self.splits:
            yield f"split {split.name}: {', '.join(f'{count:,} {what}' for what, count in split.counts.items())}"
            for number, row in enumerate(split.rows, start=1):
                width = max(len(name) for name, _ in row.parts)
                for index, (name, text) in enumerate(row.parts):
                    yield f"  {number if index == 0 else ' '}  {name:<{width}}  {_short(text)}"
        for note in self.notes:
            yield f"note: {note}"


def overview(workspace: Workspace, name: str) -> Overview:
    """Return the overview of a local task, by its name.

    Raises:
        DataAbsent: Its data isn't here.
        DataError: It can't be measured; bad lines are named.
    """
    task = tasks.resolve(workspace, name)
    spec = task.spec
    if spec is None:
        raise SpecError(
            f"{name} is a task of mteb, which loads its data itself. Expected a file, a folder or one of ours."
        )
    splits: list[SplitOverview] = []
    notes: dict[str, None] = {}
    for split in spec.splits:
        instance: Any = tasks.instantiate(task, split)
        instance.load_data()
        notes |= dict.fromkeys(getattr(instance, "notes", ()))
        splits += _splits(instance, split)
    return Overview(
        name=spec.name,
        type=spec.type,
        path=str(task.path),
        files=tuple(path.name for path, _ in task.contents),
        splits=tuple({split.name: split for split in splits}.values()),
        notes=tuple(notes),
    )


def _splits(instance: Any, split: str) -> Iterator[SplitOverview]:
    data = instance.dataset.get("default", instance.dataset)
    for name in (split, *(other for other in data if other != split)):
        read = data[name]
        yield (
            _judged(name, read)
            if "relevant_docs" in read
            else _rows(name, read, getattr(instance, "label_names", None))
        )


def _judged(name: str, read: Any) -> SplitOverview:
    """Return the overview of queries, documents and judgements."""
    qrels: Mapping[str, Mapping[str, int]] = read["relevant_docs"]
    texts = dict(zip(read["corpus"]["id"], read["corpus"]["text"], strict=True))
    counts = {
        "queries": len(read["queries"]),
        "documents": len(texts),
        "judgements": sum(map(len, qrels.values())),
    }
    if read["top_ranked"]:
        counts["candidates"] = sum(map(len, read["top_ranked"].values()))
    rows = []
    for query in read["queries"].select(range(min(_ROWS, counts["queries"]))):
        judged = qrels.get(query["id"], {})
        rows.append(
            ShownRow(
                (
                    ("query", query["text"]),
                    *_first(judged, texts, relevant=True),
                    *_first(judged, texts, relevant=False),
                )
            )
        )
    return SplitOverview(name, counts, tuple(rows))


def _first(judged: Mapping[str, int], texts: Mapping[str, str], *, relevant: bool) -> Iterator[tuple[str, str]]:
    """Yield the first document above grade 0, or the first of the others, where there is one."""
    what = "positive" if relevant else "negative"
    found = ((what, texts[doc]) for doc, grade in judged.items() if (grade > 0) is relevant and doc in texts)
    yield from islice(found, 1)


def _rows(name: str, read: Any, labels: list[str] | None) -> SplitOverview:
    """Return the overview of rows; codes of labels are shown as labels."""
    columns = {column: _FIELDS.get(column, column) for column in read.column_names if column not in {"item", "cluster"}}
    rows = tuple(
        ShownRow(
            tuple(
                (field, _value(row[column], labels if field == "label" else None)) for column, field in columns.items()
            )
        )
        for row in read.select(range(min(_ROWS, len(read))))
    )
    return SplitOverview(name, {"rows": len(read)}, rows)


def _value(value: Any, labels: list[str] | None) -> str:
    return str(value if labels is None else labels[value])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
