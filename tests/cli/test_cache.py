"""`tcmbench cache` from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from tcmbench.cli.cache import app
from tcmbench.encoders.runtime.embedding_cache import Space, digest
from tcmbench.errors import StoreError
from tcmbench.records import failures
from tcmbench.runs.status import reporting
from tcmbench.store import Store
from tcmbench.trainers._runtime import checkpoints
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
    return {names[path.name] for path in store.root.rglob("*.json") if path.name in names}


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


def test_what_is_as_it_was_written_is_counted(store: Store) -> None:
    """One line per kind; what has no checksums is neither whole nor damaged."""
    put(store, "trainsets", "bb1", stats={})
    (store.path("trainsets", "bb1") / "manifest.json").unlink()
    result = cache("verify", "--kind", "models", "--kind", "scores", "--kind", "trainsets")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["models", "1", "0", "0"], ["scores", "1", "0", "0"], ["trainsets", "0", "1", "0"],
    ]  # fmt: skip
    assert "a run rebuilds those that it needs" in lines[4]


def test_damage_is_named_and_removed_where_that_is_asked_for(store: Store) -> None:
    """Each file with what is wrong with it; without --delete it is an error, and all stays."""
    path = store.path("models", "aa1") / "outcome.json"
    path.write_text("{}", encoding="utf-8")
    result = cache("verify", "--kind", "models")
    assert f"damaged: models  {path}: its content doesn't match" in result.output
    assert isinstance(result.exception, StoreError)
    assert "1 artefact damaged" in str(result.exception)
    assert cache("verify", "--kind", "models", "--delete", "--dry-run").exit_code == 0
    assert path.is_file()
    assert "removed 1," in cache("verify", "--kind", "models", "--delete", "--yes").output
    assert kinds(store) == {"scores", "embeddings"}
    assert cache("verify", "--kind", "models").exit_code == 0


def test_kinds_with_checksums_of_their_own_are_verified_too(store: Store) -> None:
    """A vector, a note of a failure, and one checkpoint of two: only what is damaged goes."""
    failures.note(store, "dd1", StoreError("it broke"))
    note = store.path("failures", "dd1").with_suffix(".json")
    note.write_text(note.read_text(encoding="utf-8").replace("broke", "brake"), encoding="utf-8")
    space = Space(store.root / "embeddings", model="m", revision="r", max_length=8, dtype="float32")
    space.add([digest("a"), digest("b")], np.ones((2, 4), dtype=np.float32))
    folder = space.folder
    del space  # what a process writes to isn't deleted under it
    vectors = folder / "vectors.f32"
    vectors.write_bytes(bytes([vectors.read_bytes()[0] ^ 1]) + vectors.read_bytes()[1:])
    run = store.path("work", "ff1") / "run"
    for step in (1, 2):
        (run / f"checkpoint-{step}").mkdir(parents=True)
        (run / f"checkpoint-{step}" / "trainer_state.json").write_text("{}", encoding="utf-8")
        checkpoints.record(run / f"checkpoint-{step}")
    (run / "checkpoint-2" / "trainer_state.json").write_text("[]", encoding="utf-8")

    words = ("verify", "--kind", "failures", "--kind", "embeddings", "--kind", "work")
    result = cache(*words)
    assert f"{note}: the file's sha256 doesn't match its fields" in result.output
    assert "1 of 2 vectors differ from their checksums" in result.output
    assert "checkpoint-2/trainer_state.json: its content doesn't match" in result.output
    cache(*words, "--delete", "--yes")
    assert not note.exists()
    assert not folder.exists()
    assert [path.name for path in run.iterdir()] == ["checkpoint-1"]
