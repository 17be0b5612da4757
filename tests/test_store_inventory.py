"""The store's contents by kind, size and age, and what belongs to which model."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import UnknownName
from tcmbench.store import Json, Store, write_json
from tcmbench.store_inventory import OWNER, Owner, artefacts, belonging_to, owner

if TYPE_CHECKING:
    from pathlib import Path


def put(store: Store, kind: str, key: str, **files: Json) -> Path:
    """Write an artefact of JSON files and return its folder."""
    with store.build(kind, key) as part:
        for name, value in files.items():
            write_json(part / f"{name}.json", value)
    return store.path(kind, key)


def space(store: Store, key: str, model: str, revision: str) -> None:
    """Write vectors of a model, as the embedding cache lays them out."""
    write_json(store.root / "embeddings" / key / "space.json", {"model": model, "revision": revision})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Scores of a base and two seeds, their weights, vectors and training sets."""
    store = Store(tmp_path / "store")
    for model, revision in (("base", "r0"), ("tuned/seed0", "r1"), ("tuned/seed1", "r2")):
        mteb = f"tcmbench/{model}".replace("/seed", "-seed")
        put(store, "scores", f"5c{revision}", score={"model": model, "model_revision": revision})
        space(store, f"e{revision}", mteb, revision)
        write_json(store.root / "mteb/results" / mteb.replace("/", "__") / revision / "Task.json", {})
    for seed, trainset in ((0, "7a0"), (1, "7a1")):
        put(store, "models", f"0d{seed}", outcome={"variant": "tuned", "seed": seed, "trainset": trainset})
        put(store, "trainsets", trainset, stats={})
    put(store, "models", "0e0", outcome={"variant": "other", "seed": 0, "trainset": "7a1"})
    write_json(store.path("work", "0f0") / OWNER, {"variant": "other", "seed": 1, "trainset": "7a2"})
    put(store, "trainsets", "7a2", stats={})
    write_json(store.path("failures", "0f0").with_suffix(".json"), {"reason": "it broke"})
    write_json(store.root / "running/host-1.json", {})
    return store


def test_all_kinds_are_listed_with_their_size(store: Store) -> None:
    """Every artefact is there once, whatever the layout of its kind; marks of runs are none."""
    put(store, "of_another_package", "abcd", x=1)
    listed = artefacts(store)
    counts = {kind: sum(artefact.kind == kind for artefact in listed) for kind in {each.kind for each in listed}}
    assert counts == {
        "scores": 3, "embeddings": 3, "mteb": 3, "models": 3, "trainsets": 3, "work": 1, "failures": 1,
        "of_another_package": 1,
    }  # fmt: skip
    files = [path for path in store.root.rglob("*") if path.is_file() and path.parent.name != "running"]
    assert sum(artefact.size for artefact in listed) == sum(path.stat().st_size for path in files)
    assert artefacts(Store(store.root / "none")) == ()


def test_the_longest_unused_comes_first(store: Store) -> None:
    """Age goes by the newest file: vectors that were used lately are young, however old their folder is."""
    for number, key in enumerate(("er2", "er0", "er1")):
        folder = store.root / "embeddings" / key
        os.utime(folder / "space.json", (1e9 + number, 1e9 + number))
        os.utime(folder, (1e9 - number, 1e9 - number))
    assert [artefact.key for artefact in artefacts(store, kinds=["embeddings"])] == ["er2", "er0", "er1"]


def test_folders_of_killed_processes_are_found_after_a_day(store: Store) -> None:
    """A temporary folder counts when its process can't be alive any more; locks never do."""
    for name in (".young.x.part", ".old.y.part", ".abcd.lock"):
        (store.root / "scores/5c" / name).mkdir()
    before = time.time() - 2 * 86_400
    os.utime(store.root / "scores/5c/.old.y.part", (before, before))
    assert [artefact.path.name for artefact in artefacts(store, kinds=["leftovers"])] == [".old.y.part"]
    assert len(artefacts(store, kinds=["scores"])) == 3


def test_an_unknown_kind_gets_a_suggestion(store: Store) -> None:
    """A misspelt kind is an error, not an empty list."""
    with pytest.raises(UnknownName, match="Did you mean 'scores'"):
        artefacts(store, kinds=["score"])


def test_damaged_artefacts_belong_to_nobody(store: Store) -> None:
    """They are listed, so that they can be removed."""
    (store.path("scores", "5cr0") / "score.json").write_text("{", encoding="utf-8")
    damaged = next(artefact for artefact in artefacts(store, kinds=["scores"]) if artefact.key == "5cr0")
    assert owner(damaged) == Owner()


def test_a_variant_has_all_its_seeds_and_what_only_they_use(store: Store) -> None:
    """Scores, vectors, weights, mteb's files, and the training set that no other model was trained on."""
    assert [(artefact.kind, artefact.key) for artefact in belonging_to(store, "tuned")] == [
        ("embeddings", "er1"),
        ("embeddings", "er2"),
        ("models", "0d0"),
        ("models", "0d1"),
        ("mteb", "results/tcmbench__tuned-seed0/r1"),
        ("mteb", "results/tcmbench__tuned-seed1/r2"),
        ("scores", "5cr1"),
        ("scores", "5cr2"),
        ("trainsets", "7a0"),
    ]


def test_one_seed_is_a_model(store: Store) -> None:
    """Other seeds of its variant stay, and so does the training set that another variant shares."""
    found = belonging_to(store, "tuned/seed1")
    assert {(artefact.kind, artefact.key) for artefact in found} == {
        ("embeddings", "er2"), ("models", "0d1"), ("mteb", "results/tcmbench__tuned-seed1/r2"), ("scores", "5cr2"),
    }  # fmt: skip


def test_an_unfinished_training_is_found_with_its_failure(store: Store) -> None:
    """Checkpoints, the training set they were made from, and why it failed."""
    found = belonging_to(store, "other/seed1")
    assert {(artefact.kind, artefact.key) for artefact in found} == {
        ("work", "0f0"), ("trainsets", "7a2"), ("failures", "0f0"),
    }  # fmt: skip


def test_equal_weights_are_one_model(store: Store) -> None:
    """What was stored under another name for the same weights is the same model's."""
    put(store, "scores", "5c9", score={"model": "copy", "model_revision": "r0"})
    assert {artefact.key for artefact in belonging_to(store, "copy")} >= {"5c9", "5cr0", "er0"}


def test_an_unknown_model_gets_a_suggestion(store: Store) -> None:
    """Names are those of boards."""
    with pytest.raises(UnknownName, match=r"store: no model named 'tunde'.*'tuned'.*Known: base, other, other/seed0"):
        belonging_to(store, "tunde")
