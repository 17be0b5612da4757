"""Training files are joined from pieces, thousands of lines at once, and read as if each was written alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tcmbench.specs.source import NegativesSpec
from tcmbench.specs.variant import AugmentationSpec, Training, Variant
from tcmbench.trainers import requirements
from tcmbench.trainsets.build import build
from tcmbench.trainsets.rows import read_rows
from tcmbench.trainsets.write import _HashedFile

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.base import Base
    from tcmbench.trainsets import Context

RECIPES = {
    "no negatives": {"negatives": NegativesSpec()},
    "random negatives": {"negatives": NegativesSpec(miner="random", options={"count": 2})},
    "scored": {"negatives": NegativesSpec(miner="random", options={"count": 2}), "loss": "contrastive"},
    "two passes, plain": {"negatives": NegativesSpec(), "epochs": 2, "batch_rule": "plain"},
}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_each_line_is_the_json_of_its_row(name: str, base: Base, folder: Folder, context: Context) -> None:
    """The bytes equal `json.dumps` of the query and documents that rows.parquet names, in the view it names."""
    given = dict(RECIPES[name])
    training = Training(batch_size=4, **{n: given.pop(n) for n in ("loss", "epochs") if n in given})
    variant = Variant(
        name="v",
        base="tiny",
        data="folder",
        training=training,
        augmentation=AugmentationSpec(name="field_permutations"),
        **given,
    )
    context = dataclasses.replace(context, requirements=requirements(variant))
    made = build(variant, base, folder, seed=0, context=context)
    lines = made.train.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = read_rows(made.rows)
    assert len(lines) == len(rows) == made.statistics.lines
    assert [json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in lines] == lines
    queries = {record.record_id: base.query_prompt + record.query() for record in folder.splits["train"]}
    fields = {s.doc_id: sorted(s.document().split("\n")) for s in folder.knowledge}
    for line, row in zip(map(json.loads, lines), rows, strict=True):
        assert line["messages"][-1]["content"] == queries[row.record_id]
        texts = [m["content"] for (m,) in (*line["positive_messages"], *line.get("negative_messages", []))]
        # A scored line shows its negative alone, in the place of the positive.
        is_negative = line.get("label") == 0.0
        shown = [*row.negatives] if is_negative else [row.positive, *row.negatives]
        assert [sorted(text.removeprefix(base.document_prompt).split("\n")) for text in texts] == [
            fields[document] for document in shown
        ]


def test_the_hash_is_that_of_the_file(base: Base, folder: Folder, context: Context) -> None:
    """The hash computed while writing is that of the file."""
    variant = Variant(name="v", base="tiny", data="folder", training=Training(batch_size=4))
    made = build(variant, base, folder, seed=0, context=context)
    assert hashlib.sha256(made.train.read_bytes()).hexdigest() == made.sha256


def test_a_failed_write_is_not_lost(tmp_path: Path) -> None:
    """An error of the writing thread stops the building of the set, and the thread with it."""

    def full(_: object) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), _HashedFile(tmp_path / "train.jsonl") as file:
        file._file.close()
        file._file = type("Disk", (), {"write": staticmethod(full), "close": lambda _: None})()  # type: ignore[assignment]
        file.write(b"line\n")
