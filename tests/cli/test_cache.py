"""`tcmbench cache` from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tcmbench.cli.cache import app
from tcmbench.errors import StoreError
from tcmbench.runs.status import reporting
from tcmbench.store import Store
from tests.test_store_inventory import put, space

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a tuned model, its score and its vectors."""
    store = Store(tmp_path / "store")
    put(store, "models", "aa1", outcome={"variant": "tuned", "seed": 0, "trainset": "bb1"})
    put(store, "scores", "cc1", score={"model": "tuned/seed0", "model_revision": "r"})
    space(store, "ee1", "tcmbench/tuned-seed0", "r")
    monkeypatch.setenv("TCMBENCH_CACHE", str(store.root))
    monkeypatch.chdir(tmp_path)
    return store


def cache(*words: str) -> Result:
    """Call `tcmbench cache` with words."""
    return CliRunner().invoke(app, words)


def kinds(store: Store) -> set[str]:
    """Return the kinds that the store has artefacts of."""
    names = {"outcome.json": "models", "score.json": "scores", "space.json": "embeddings"}
    return {names[path.name] for path in store.root.rglob("*.json")}


def test_shows_kinds_or_artefacts(store: Store) -> None:
    """One line per kind, or per artefact of the named kinds, the largest first where that is asked for."""
    overview = cache("show").output.splitlines()
    assert [line.split()[:2] for line in overview[:-1]] == [["scores", "1"], ["models", "1"], ["embeddings", "1"]]
    assert overview[-1].endswith(str(store.root))
    listed = cache("show", "--kind", "scores", "--kind", "models", "--sort", "size").output.splitlines()
    assert [line.split()[0] for line in listed[:-1]] == ["models", "scores"]
    assert all("tuned/seed0" in line for line in listed[:-1])


def test_prunes_caches_unless_another_kind_is_named(store: Store) -> None:
    """What took hours to compute goes only by name."""
    assert "would remove 1 artefact," in cache("prune", "--max-gib", "0", "--dry-run").output
    assert kinds(store) == {"models", "scores", "embeddings"}
    assert "removed 1," in cache("prune", "--max-gib", "0", "--yes").output
    assert kinds(store) == {"models", "scores"}
    assert cache("prune", "--older-than", "1", "--yes").output == "nothing to remove\n"
    assert cache("prune", "--kind", "models", "--max-gib", "0", "--yes").exit_code == 0
    assert kinds(store) == {"scores"}


def test_a_limit_is_needed(store: Store) -> None:
    """Without one it isn't clear what is meant."""
    result = cache("prune")
    assert isinstance(result.exception, StoreError)
    assert "--older-than DAYS, --max-gib N" in str(result.exception)


def test_deletes_a_model_with_all_that_hangs_on_it(store: Store) -> None:
    """Nothing of it is left."""
    assert "removed 3," in cache("delete", "tuned", "--yes").output
    assert kinds(store) == set()


def test_nothing_is_removed_without_an_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script must say --yes; a person is asked, and may say no."""
    result = cache("delete", "tuned")
    assert isinstance(result.exception, StoreError)
    assert "Add --yes" in str(result.exception)
    monkeypatch.setattr("tcmbench.cli.cache._has_terminal", lambda: True)
    assert CliRunner().invoke(app, ["delete", "tuned"], input="n\n").exit_code == 1
    assert kinds(store) == {"models", "scores", "embeddings"}
    assert CliRunner().invoke(app, ["delete", "tuned"], input="y\n").exit_code == 0
    assert kinds(store) == set()


def test_a_model_is_not_deleted_under_a_run(store: Store) -> None:
    """The message says to wait; a dry run is possible."""
    with reporting(store):
        result = cache("delete", "tuned", "--yes")
        assert isinstance(result.exception, StoreError)
        assert "a run is working on this store" in str(result.exception)
        assert "would remove 3 artefacts" in cache("delete", "tuned", "--dry-run").output
    assert kinds(store) == {"models", "scores", "embeddings"}
