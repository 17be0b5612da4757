"""Artefacts are removed as a whole, and never under a process that works on them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tcmbench.runs.status import reporting
from tcmbench.store import Store, write_json
from tcmbench.store_inventory import OWNER, Artefact, artefacts
from tcmbench.store_removal import beyond, has_live_run, remove
from tests.test_store_inventory import put, space

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A model that is being trained, one that is finished, and a cache."""
    store = Store(tmp_path / "store")
    write_json(store.path("work", "aa1") / OWNER, {"variant": "tuned", "seed": 0, "trainset": "bb1"})
    put(store, "trainsets", "bb1", stats={})
    put(store, "trainsets", "bb2", stats={})
    put(store, "models", "cc1", outcome={})
    space(store, "ee1", "m", "r")
    return store


def aged(*ages_and_sizes: tuple[float, int], now: float) -> list[Artefact]:
    """Return artefacts, the oldest first."""
    from pathlib import Path

    return [
        Artefact("scores", str(place), Path(str(place)), size, now - age * DAY)
        for place, (age, size) in enumerate(ages_and_sizes)
    ]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"older_than": 3}, ["0", "1"]),
        ({"max_bytes": 30}, []),
        ({"max_bytes": 29}, ["0"]),
        ({"max_bytes": 0}, ["0", "1", "2"]),
        ({"older_than": 100, "max_bytes": 15}, ["0", "1"]),
        ({"older_than": 8, "max_bytes": 20}, ["0"]),
    ],
)
def test_the_longest_unused_go_until_both_limits_are_kept(limits: dict[str, float], expected: list[str]) -> None:
    """What is too old goes in any case, and then as much as is too large."""
    listed = aged((9.0, 10), (5.0, 10), (1.0, 10), now=1e9)
    assert [artefact.key for artefact in beyond(listed, now=1e9, **limits)] == expected  # type: ignore[arg-type]


def test_what_is_removed_leaves_nothing(store: Store) -> None:
    """Folders and files of every layout are gone, and no temporary folder is left."""
    write_json(store.path("failures", "dd1").with_suffix(".json"), {"reason": "x"})
    selected = artefacts(store)
    assert remove(store, selected) == (selected, ())
    assert artefacts(store) == ()
    assert [path for path in store.root.rglob("*") if not path.is_dir()] == []
    # another process was faster
    assert remove(store, selected).removed == selected


def test_a_training_keeps_its_checkpoints_and_its_training_set(store: Store) -> None:
    """While the model's lock is held they are in use; other training sets aren't."""
    with store.lock("models", "aa1"):
        removal = remove(store, artefacts(store, kinds=["work", "trainsets"]))
    assert {artefact.key for artefact in removal.in_use} == {"aa1", "bb1"}
    assert {artefact.key for artefact in removal.removed} == {"bb2"}
    assert store.has("trainsets", "bb1")


@pytest.mark.parametrize(("kind", "key"), [("models", "cc1"), ("trainsets", "bb2")])
def test_what_is_being_made_stays(store: Store, kind: str, key: str) -> None:
    """A held lock of the artefact's own protects it."""
    with store.lock(kind, key):
        removal = remove(store, [a for a in artefacts(store, kinds=[kind]) if a.key == key])
    assert ([artefact.key for artefact in removal.in_use], removal.removed) == ([key], ())


def test_vectors_stay_while_a_process_adds_to_them(store: Store) -> None:
    """The locks of the embedding cache are respected: that of the space, and those of its segments."""
    from tcmbench.encoders.runtime.embedding_cache import _locked
    from tcmbench.encoders.runtime.embedding_segment import own

    with _locked(store.root / "embeddings/ee1"):
        assert remove(store, artefacts(store, kinds=["embeddings"])).removed == ()
    place = own(store.root / "embeddings/ee1")
    assert remove(store, artefacts(store, kinds=["embeddings"])).removed == ()
    place.lock.release()
    assert len(remove(store, artefacts(store, kinds=["embeddings"])).removed) == 1


@pytest.mark.parametrize("is_running", [True, False])
def test_a_live_run_keeps_what_it_may_read(store: Store, is_running: bool) -> None:
    """Under a run only caches are removed, and a run that is over keeps nothing."""
    with contextlib.ExitStack() as runs:
        if is_running:
            runs.enter_context(reporting(store))
        assert has_live_run(store) == is_running
        removal = remove(store, artefacts(store, kinds=["models", "embeddings"]))
    expected = {"embeddings"} if is_running else {"embeddings", "models"}
    assert expected == {artefact.kind for artefact in removal.removed}
