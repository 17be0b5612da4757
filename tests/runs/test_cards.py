"""Cards of tasks: slices of records, and texts only for those who ask."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.data import tcm_sd
from tcmbench.data.tcm_sd import Record
from tcmbench.runs.cards import slices, task_cards
from tcmbench.specs.suite import Suite
from tcmbench.specs.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from tcmbench.workspace import Workspace


def record(number: int, *, label: str = "甲虚证", disease: str = "") -> Record:
    """Return a record whose query has `number` characters more than the shortest."""
    return Record(f"r{number:02d}", f"p{number}", (label,), "倦怠" + "甚" * number, "", "", disease)


def test_length_splits_into_thirds() -> None:
    """Nine records of nine lengths: three short, three medium, three long."""
    found = slices([record(number) for number in range(9)], seen=frozenset())
    assert Counter(found["length"].values()) == {"short": 3, "medium": 3, "long": 3}
    assert found["length"]["r00"] == "short"
    assert found["length"]["r08"] == "long"
    assert "seen" not in found


def test_rare_diseases_stand_together() -> None:
    """The six most frequent diseases have their own slice, records without one stand outside."""
    records = [record(number, disease=f"病{min(number // 2, 9)}") for number in range(20)] + [record(20)]
    found = slices(records, seen=frozenset())["disease"]
    assert sorted(Counter(found.values()).items()) == sorted([*((f"病{n}", 2) for n in range(6)), ("other", 8)])
    assert "r20" not in found


def test_seen_follows_the_training_labels() -> None:
    """A record whose gold syndrome no training record has is unseen."""
    records = [record(0, label="甲虚证"), record(1, label="乙实证")]
    assert slices(records, seen=frozenset({"甲虚证"}))["seen"] == {"r00": "seen", "r01": "unseen"}


def test_cards_hold_texts_only_on_request(tiny: Workspace) -> None:
    """Slices of every in-domain task of records; texts of records, queries and headlines where they are asked for."""
    planned = tasks.plan_suite(tiny, tiny.spec(Suite, "tiny"))
    variant = Variant(name="v", base="hashed-chars", data="tcm-synth", tuner="full")
    cards = task_cards(tiny, planned, variants=[variant])
    assert set(cards["TinyRetrieval"].slices) == {"length", "disease", "seen"}
    assert set(cards["TinyRetrieval"].slices["seen"].values()) == {"seen", "unseen"}
    sample = task_cards(tiny, planned, variants=[variant.model_copy(update={"max_samples": 10})])
    assert set(sample["TinyRetrieval"].slices) == {"length", "disease"}
    assert cards["TinyRetrieval/test_unseen"].slices == {}
    assert all(card.texts == {} for card in cards.values())
    told = task_cards(tiny, planned, show_text=True)
    assert {name for name, card in told.items() if card.texts} >= {
        "TinyRetrieval",
        "TinyProbe",
        "TinyQA",
        "TinyHeadlines",
    }
    assert "主诉：" in next(iter(told["TinyRetrieval"].texts.values()))
    assert told["TinyAbsent"].texts == {}


def test_the_records_of_a_split_are_read_once(tiny: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that ask about the same records share them, training records are not read, nor what nothing is said of."""
    planned = tasks.plan_suite(tiny, tiny.spec(Suite, "tiny"))
    variant = Variant(name="v", base="hashed-chars", data="tcm-synth", tuner="full")
    task_cards(tiny, planned, variants=[variant])
    asked: list[tuple[str, ...]] = []
    real = tcm_sd.read_folder

    def counted(root: Path, *, splits: Sequence[str]) -> tcm_sd.Folder:
        asked.append(tuple(splits))
        return real(root, splits=splits)

    monkeypatch.setattr(tcm_sd, "read_folder", counted)
    task_cards(tiny, planned, variants=[variant])
    assert asked == [("test",)]
