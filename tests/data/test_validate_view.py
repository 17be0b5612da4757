"""The validation report on a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from tcmbench.data.validate import validate
from tcmbench.data.validate_view import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]
    MakeRecord = Callable[..., dict[str, object]]


def shown(root: Path) -> str:
    """Return what a terminal of 80 columns shows."""
    output = io.StringIO()
    Console(file=output, width=80, highlight=False).print(*render(validate(root)), sep="\n")
    return output.getvalue()


def test_everything_is_said_within_80_columns(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """Splits, copies, shared patients, coverage, the check against the published sizes; nothing is cut off."""
    rows = [make_record(1), make_record(2, norm_syndrome="丁热证")]
    root = make_folder(
        {"train": rows, "dev": rows, "test": rows, "test_unseen": rows},
        files={"syndrome_vocab.txt": "甲虚证\n", "label_map.txt": "甲,甲虚证,MERGE,\n"},
    )
    text = shown(root)

    assert "…" not in text
    for part in (
        "test_unseen",
        "records without chief complaint",
        "test and train",
        "Patients with records in both train and test: 2",
        "Not in the knowledge base, 1: 丁热证 (4 records)",
        "Not in the vocabulary, 1: 丁热证 (4 records)",
        "Label map: 1 entries",
        "43,180",
        "This is not the official TCM-SD",
    ):
        assert part in text


def test_a_knowledge_base_alone_says_so(make_folder: MakeFolder) -> None:
    """Empty tables are not shown."""
    text = shown(make_folder())

    assert "No splits, only a knowledge base." in text
    assert "Splits" not in text


def test_ids_are_not_taken_for_markup(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """An id in brackets is shown as it is."""
    rows = [make_record(1, user_id="[red]a"), make_record(1, user_id="[b]")]

    assert "within train: [b] ~ [red]a (1.00)" in shown(make_folder({"train": rows}))
