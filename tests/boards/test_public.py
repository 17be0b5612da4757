"""A public board: nothing about single items of the data is in any byte of it."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tcmbench.boards import figures, html, render
from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.errors import ScoreMissing, SpecError

from . import fake as fakes
from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.records.entry import Entry

CANARY = "Zq7canary"
LABELS = tuple(f"{CANARY}label{number}证" for number in range(8))


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, *, items: int = 480) -> fakes.Fake:
    """Return a set whose ids, labels, patients, diseases, texts, metrics and commands hold the canary."""
    monkeypatch.setattr(fakes, "LABELS", LABELS)
    fake = make(folder, Shape(variants=2, columns=4, items=items, broken=False))
    for path in folder.rglob("items.parquet"):
        table = pq.read_table(path)
        for name in ("item", "cluster"):
            marked = pa.array([f"{CANARY}{name}{value}" for value in table[name].to_pylist()])
            table = table.set_column(table.column_names.index(name), name, marked)
        pq.write_table(table, path)
    ids = {
        column: [f"{CANARY}item{task.task}-{number:05d}" for number in range(items)]
        for column, task in ((task.column, task) for task in fake.suite.tasks)
    }
    cards = {
        column: replace(
            card,
            slices={
                "disease": {item: f"{CANARY}disease{place % 2}" for place, item in enumerate(ids[column])},
                "length": {item: ("short", "long")[place % 2] for place, item in enumerate(ids[column])},
                "seen": {item: "seen" if place < 12 else "unseen" for place, item in enumerate(ids[column])},
            },
            texts=dict.fromkeys(ids[column], f"{CANARY}text"),
        )
        for column, card in fake.cards.items()
    }
    return replace(fake, entries=tuple(_marked(entry) for entry in fake.entries), cards=cards)


def _marked(entry: Entry) -> Entry:
    scores = {
        column: tuple(
            replace(s, record=s.record.model_copy(update={"metrics": {**s.record.metrics, f"recall_{CANARY}": 0.5}}))
            for s in of_column
        )
        for column, of_column in entry.scores.items()
    }
    return replace(
        entry,
        scores=scores,
        recipe={**entry.recipe, "data": f"/home/{CANARY}/records"},
        provenance={
            **entry.provenance,
            "command": f"tcmbench run --data /{CANARY}",
            "notes on data": f"{CANARY} twice",
        },
    )


def board(fake: fakes.Fake, *, public: bool) -> Table:
    """Return the table of a set."""
    policy = f"/home/{CANARY}/strict.toml"
    command = f"tcmbench board fake --public --policy {policy}"
    options = Options(cards=fake.cards, policies=POLICIES._replace(source=policy), command=command, public=public)
    return build(fake.model_set, fake.suite, fake.entries, options=options)


def written(table: Table, folder: Path) -> Mapping[str, bytes]:
    """Return file → its bytes, what is packed in the page unpacked."""
    paths = [*render.write(table, folder, names=render.WRITERS), *figures.save(table, folder / "figures")]
    texts = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for place, packed in enumerate(re.findall(rb'"(eN[\w+/=]+)"', texts["index.html"])):
        texts[f"packed {place}"] = zlib.decompress(base64.b64decode(packed))
    return texts


def test_no_byte_of_a_public_board_is_about_an_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page, panels, tables and figures hold no id, label, patient, disease, text, foreign metric, command or folder."""
    fake = planted(tmp_path / "scores", monkeypatch)
    for largest in (html.LARGEST, 0):
        monkeypatch.setattr(html, "LARGEST", largest)
        texts = written(board(fake, public=True), tmp_path / "public")
        assert any(name.startswith("packed") for name in texts)
        assert [name for name, text in texts.items() if CANARY.encode() in text] == []
    private = {name for name, text in written(board(fake, public=False), tmp_path / "private").items()
               if CANARY.encode() in text}  # fmt: skip
    assert {"index.html", "scores.json", "figures/confusions.svg", "packed 0"} <= private


def test_slices_are_published_with_enough_items_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slicing of the data's own names, or with one small slice, is left out whole: the rest would give it away."""
    fake = planted(tmp_path, monkeypatch)
    column = fake.suite.tasks[0].column
    assert set(board(fake, public=False).column(column).slice_sizes) == {"frequency", "disease", "length", "seen"}
    public = board(fake, public=True)
    assert set(public.column(column).slice_sizes) == {"frequency", "length"}
    assert set(public.rows[1].cells[column].slices) == {"frequency", "length"}


def test_a_task_of_few_patients_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records of each patient: 30 records are 15 independent items, below the limit; the message names them."""
    with pytest.raises(SpecError, match=r"at least 20 independent items \(patients\), got InDomain0 \(15\)"):
        board(planted(tmp_path, monkeypatch, items=30), public=True)


def test_a_public_board_has_all_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of a missing score may quote the data, so there is none."""
    fake = planted(tmp_path, monkeypatch)
    lost = replace(fake.entries[2], scores={})
    with pytest.raises(ScoreMissing, match="4 are missing, such as random-full-00 · InDomain0"):
        board(replace(fake, entries=(*fake.entries[:2], lost)), public=True)
