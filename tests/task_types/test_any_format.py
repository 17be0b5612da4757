"""Every type of task reads every format, and reads the same from all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import tasks
from tcmbench.errors import DataError, SpecError
from tcmbench.task_types._judged import JudgedOptions
from tcmbench.tasks import resolve
from tests.task_types.folders import DOCUMENTS, QRELS, QUERIES, workspace_of, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Rows = list[dict[str, object]]

FORMATS = (
    "jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz", "csv.gz", "csv.zst", "parquet.gz", "tsv.zst", "CSV.GZ",
)  # fmt: skip

_PAIRS: Rows = [
    {"sentence1": f"头痛, {n}", "sentence2": f'发热"{n}"\n恶寒', "score": n / 2, "label": n % 2} for n in range(8)
]
_TEXTS: Rows = [{"text": f"头痛发热{n}", "label": ("表证", "里证")[n % 2]} for n in range(8)]
_RECORDS: Rows = [
    {"user_id": str(n), "norm_syndrome": ("甲证|乙证", "乙证")[n % 2], "chief_complaint": f"头痛{n}天"}
    for n in range(6)
]
_JUDGED: Rows = [
    {"query-id": query, "corpus-id": document, "score": int(grade)}
    for query, document, grade in (line.split("\t") for line in QRELS.splitlines()[1:])
]
FILES: Mapping[str, Mapping[str, Rows]] = {
    "retrieval": {
        "corpus": [{"_id": name, "title": "题", "text": text} for name, text in DOCUMENTS.items()],
        "queries": [{"_id": name, "text": text} for name, text in QUERIES.items()],
        "qrels/test": _JUDGED,
    },
    "sts": {"": _PAIRS},
    "pair_classification": {"": _PAIRS},
    "classification": {"train": _TEXTS, "test": _TEXTS},
    "clustering": {"": _TEXTS},
    "pairs_retrieval": {"": [{"query": row["sentence1"], "positive": row["sentence2"]} for row in _PAIRS]},
    "syndrome_retrieval": {"test": _RECORDS, "syndrome_knowledge": [{"Name": "甲证"}, {"Name": "乙证"}]},
}
"""Type → name of a file, without its ending → its rows."""


def task(root: Path, kind: str, form: str, *, options: str = "", rename: Mapping[str, str] | None = None) -> tasks.Task:
    """Return a task whose files are in this format, with some columns renamed."""
    for name, rows in FILES[kind].items():
        renamed = [{(rename or {}).get(key, key): value for key, value in row.items()} for row in rows]
        write_table(root / f"data/data{'/' if name else ''}{name}.{form}", renamed)
    path = f"data.{form}" if "" in FILES[kind] else "data"
    place = workspace_of(root, {"Task": f'type = "{kind}"\npath = "{path}"\n{options}'})
    return resolve(place, "Task")


def content(resolved: tasks.Task) -> Any:
    """Return what mteb is given."""
    instance = tasks.instantiate(resolved, "test")
    instance.load_data()
    split: Any = instance.dataset
    split = split.get("default", split)["test"]
    if isinstance(split, dict):
        return {name: _plain(part) for name, part in split.items()}
    return split.to_dict()


def _plain(part: Any) -> Any:
    return part.to_dict() if hasattr(part, "to_dict") else part


@pytest.mark.parametrize("kind", FILES)
def test_every_format_holds_the_same(tmp_path: Path, kind: str) -> None:
    """Compressed or not, whatever the capitals of the ending."""
    expected = content(task(tmp_path / "usual", kind, "jsonl"))
    for form in FORMATS:
        assert content(task(tmp_path / form, kind, form)) == expected, form


COLUMNS: Sequence[tuple[str, dict[str, str]]] = [
    ("sts", {"sentence1": "left", "sentence2": "right", "score": "similarity"}),
    ("pair_classification", {"sentence1": "left", "sentence2": "right", "label": "same"}),
    ("classification", {"text": "headline", "label": "class"}),
    ("clustering", {"text": "headline", "label": "class"}),
    ("pairs_retrieval", {"query": "title", "positive": "body"}),
]


@pytest.mark.parametrize(("kind", "renamed"), COLUMNS)
def test_columns_may_have_other_names(tmp_path: Path, kind: str, renamed: dict[str, str]) -> None:
    """The same is measured, and the texts for leaks and boards are the same."""
    expected = task(tmp_path / "usual", kind, "csv")
    options = f"[options.columns]\n{_toml(renamed)}"
    resolved = task(tmp_path / "renamed", kind, "csv", options=options, rename=renamed)
    assert content(resolved) == content(expected)
    assert _texts(resolved) == _texts(expected)


def _texts(resolved: tasks.Task) -> list[str]:
    assert resolved.spec is not None
    assert resolved.path is not None
    read = tasks.layout(resolved.spec).evaluation_texts("Task", resolved.path, ["test"])
    return [text for texts in read for text in texts.texts.values()]


def _toml(columns: Mapping[str, str]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in columns.items())


def test_another_column_is_another_task(tmp_path: Path) -> None:
    """The bytes are the same, but not the data: a stored score of the other column isn't shown."""
    rows: Rows = [{**row, "other": 5 - index / 2} for index, row in enumerate(_PAIRS)]
    write_table(tmp_path / "data/pairs.csv", rows)
    usual = 'type = "sts"\npath = "pairs.csv"\n'
    place = workspace_of(tmp_path, {"Usual": usual, "Other": f'{usual}[options.columns]\nscore = "other"\n'})
    one, other = resolve(place, "Usual"), resolve(place, "Other")
    assert one.revision != other.revision
    assert content(one)["score"] != content(other)["score"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            'score = "similarity"',
            r"no column named 'similarity'.* Known: label, score, sentence1",
        ),
        ('points = "score"', "columns: expected some of sentence1, sentence2, score, got points"),
        ('sentence1 = "x"\nsentence2 = "x"', "expected a different name for each column, got x, x"),
        ('sentence1 = "sentence2"', "sentence1 takes the name of column sentence2. Map sentence2 too"),
    ],
)
def test_a_mapping_that_would_measure_something_else_is_refused(tmp_path: Path, columns: str, said: str) -> None:
    """A misspelt column, an unknown one, and two that would be compared with themselves."""
    with pytest.raises((DataError, SpecError), match=said):
        content(task(tmp_path, "sts", "csv", options=f"[options.columns]\n{columns}\n"))


def test_columns_of_different_files_may_have_one_name() -> None:
    """The id of a document in the corpus and in the judgements, for example; within a file it can't be."""
    JudgedOptions(columns={"document_id": "pid", "judged_document": "pid", "document": "contents", "query": "contents"})
    with pytest.raises(ValueError, match="expected a different name for each column, got pid, pid"):
        JudgedOptions(columns={"document_id": "pid", "document": "pid"})


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_misspelt_column_of_grades_is_refused(tmp_path: Path, form: str) -> None:
    """Without its grades, every negative would count as a positive."""
    options = '[options.columns]\ngrade = "labelled"\n'
    with pytest.raises(DataError, match=r"no column named 'labelled'"):
        content(task(tmp_path, "pairs_retrieval", form, options=options))


def test_the_files_of_a_task_may_have_different_formats(tmp_path: Path) -> None:
    """Each is looked up by its name."""
    expected = content(task(tmp_path / "usual", "retrieval", "jsonl"))
    for form, (name, rows) in zip(("csv", "parquet", "json.gz"), FILES["retrieval"].items(), strict=True):
        write_table(tmp_path / f"data/data/{name}.{form}", rows)
    place = workspace_of(tmp_path, {"Task": 'type = "retrieval"\npath = "data"\n'})
    assert content(resolve(place, "Task")) == expected
