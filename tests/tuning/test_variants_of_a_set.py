"""A set with variants from recipe to row: failures are shown with their reasons, and nothing is computed twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tcmbench.encoders.runtime.opening import open_model
from tcmbench.errors import SpecError, UnknownName
from tcmbench.evaluation import evaluate
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.store_inventory import belonging_to
from tcmbench.trainers import sentence_transformers
from tcmbench.trainers._runtime.train_file import read_rows
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import resolve
from tests.running import run, stored

if TYPE_CHECKING:
    from tcmbench.records.entry import Entry
    from tcmbench.trainsets.train_set import TrainSet
    from tcmbench.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODELS = Path(__file__).parents[2] / "models"
HEAD = 'suite = "tiny"\nreference = "mini-zh-static"\nmodels = ["mini-zh-static"]\n'
STATIC = """
[[variant]]
name = "{name}"
base = "mini-zh-static"
data = "tcm-synth"
tuner = "{tuner}"
trainer = "sentence_transformers"
training = {{ batch_size = 16, learning_rate = {rate}, max_length = 64 }}
"""
KILL_IN_TRAINING_B = """
import os
import signal
from tcmbench.cli import main
from tcmbench.trainers import sentence_transformers

train = sentence_transformers.train


def killed_in_b(job, *, options, progress):
    def kill(step):
        os.kill(os.getpid(), signal.SIGKILL)

    return train(job, options=options, progress=kill if job.variant.name == "b" else progress)


sentence_transformers.train = killed_in_b
main(["run", "tiny"])
"""
"""A run that is killed at a step of its second training: on every machine at the same one."""
RERANKER = """
[[variant]]
name = "orders"
base = "mini-zh-reranker"
data = "tcm-synth"
task = "reranker"
tuner = "full"
negatives = { miner = "bm25", options = { count = 2 } }
training = { batch_size = 4, max_steps = 2, max_length = 160, loss = "listwise_reranker" }
"""


def _write(place: Workspace, text: str) -> None:
    (place.root / "models/sets/tiny.toml").write_text(text, encoding="utf-8")


def _measured(place: Workspace) -> tuple[dict[str, Entry], list[str]]:
    """Run the set and return its entries by name, and what was said."""
    done = run(place, "tiny")
    return {entry.name: entry for entry in done.entries}, done.notes


def _stored(place: Workspace) -> dict[str, Entry]:
    """Return the entries that a later look at the store finds."""
    return {entry.name: entry for entry in stored(place, "tiny")}


def test_a_failed_variant_stands_with_its_reason_and_stops_no_other(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong recipe and a training that breaks are rows of their own; the next run tries again and forgets."""
    _write(
        place,
        HEAD
        + STATIC.format(name="wrong", tuner="lora", rate="2e-2")
        + STATIC.format(name="breaks", tuner="full", rate="1e-2")
        + STATIC.format(name="works", tuner="full", rate="2e-2"),
    )
    real = sentence_transformers.train

    def train(job: sentence_transformers.Job, **more: object) -> object:
        if job.variant.name == "breaks":
            raise RuntimeError("the disk made a noise")
        return real(job, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(sentence_transformers, "train", train)
    entries, _ = _measured(place)
    assert set(entries["works"].scores) == {"Tiny", "TinySTS"}
    assert "lora" in (entries["wrong"].failure or "").lower()
    assert "the disk made a noise" in (entries["breaks"].failure or "")
    later = _stored(place)
    assert later["breaks"].failure == entries["breaks"].failure
    assert {state.state for state in later["breaks"].states.values()} == {"failed"}
    monkeypatch.undo()
    entries, notes = _measured(place)
    assert set(entries["breaks"].scores) == {"Tiny", "TinySTS"}
    assert [note.partition(":")[0] for note in notes if "trained in" in note] == ["breaks/seed0"]
    assert _stored(place)["breaks"].failure is None
    # both were trained on the same records, so neither has the training set for itself
    own = {artefact.kind for artefact in belonging_to(place.store, "works")}
    assert own == {"models", "scores", "embeddings", "mteb"}


def test_a_misspelt_base_is_told_before_anything_is_measured(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of models are read first, so that hours of measuring aren't lost to one."""
    _write(place, HEAD.replace('models = ["mini-zh-static"]', 'models = ["mini-zh-static", "tfiddf"]'))

    def measured(*_: object, **__: object) -> None:
        raise AssertionError("something was measured")

    monkeypatch.setattr(evaluate, "measure", measured)
    with pytest.raises(UnknownName, match=r"set tiny: no base named 'tfiddf'\. Did you mean 'tfidf'"):
        _measured(place)


def test_an_error_of_a_library_stops_no_other(place: Workspace) -> None:
    """A damaged tokenizer is found while keys are worked out: it costs its own rows, with what to do."""
    shutil.copytree(MODELS / "mini-zh-static", place.root / "models/damaged")
    (place.root / "models/damaged/tokenizer.json").write_text("{", encoding="utf-8")
    base = (MODELS / "bases/mini-zh-static.toml").read_text(encoding="utf-8").replace("mini-zh-static", "damaged")
    (place.root / "models/bases/damaged.toml").write_text(base, encoding="utf-8")
    broken = STATIC.format(name="broken", tuner="full", rate="2e-2").replace("mini-zh-static", "damaged")
    _write(place, HEAD + broken + STATIC.format(name="works", tuner="full", rate="2e-2"))
    entries, _ = _measured(place)
    assert set(entries["works"].scores) == {"Tiny", "TinySTS"}
    assert (entries["broken"].failure or "").startswith("variant broken")
    assert {state.state for state in entries["broken"].states.values()} == {"failed"}


def test_a_recipe_is_refused_before_anything_is_mined(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be trained is said at once, not after hours of building its training set."""
    _write(place, HEAD + STATIC.format(name="wrong", tuner="lora", rate="2e-2"))

    def build(*_: object, **__: object) -> None:
        raise AssertionError("the training set was built")

    monkeypatch.setattr(tune, "training_set", build)
    (variant,) = place.variants(place.spec(ModelSet, "tiny"))
    recipe = resolve(place, variant)
    with pytest.raises(SpecError, match="no layer that LoRA could adapt"):
        tune.tune(place, recipe, seed=0, progress=lambda _: None)
    with pytest.raises(SpecError, match="no layer that LoRA could adapt"):
        tune.plan(place, recipe, seed=0)


@pytest.mark.parametrize("name", ["", "mini-zh-static"])
def test_negatives_are_mined_with_a_base(place: Workspace, name: str) -> None:
    """The tuned base or a named one gives the vectors: nearly every query is nearer to what it gets than to most."""
    mined = f'negatives = {{ miner = "embedding", options = {{ count = 2, model = "{name}" }} }}\n'
    _write(place, HEAD + STATIC.format(name="near", tuner="full", rate="2e-2") + mined)
    (variant,) = place.variants(place.spec(ModelSet, "tiny"))
    made = tune.training_set(place, resolve(place, variant), seed=0)
    rows = [row for row in read_rows(made.train) if row.negatives]
    encoder = open_model(MODELS / "mini-zh-static", place.spec(Base, "mini-zh-static"))
    documents = sorted({text for row in rows for text in (row.positive, *row.negatives)})
    vectors = dict(zip(documents, encoder.encode(documents), strict=True))
    queries = encoder.encode([row.query for row in rows])
    near = [
        max(float(query @ vectors[text]) for text in row.negatives) for query, row in zip(queries, rows, strict=True)
    ]
    typical = [float(sum(query @ vector for vector in vectors.values())) / len(vectors) for query in queries]
    assert made.statistics.negatives_per_example == 2
    assert sum(n > t for n, t in zip(near, typical, strict=True)) > 0.8 * len(rows)


@pytest.mark.parametrize("name", ["bm25", "tfidf", "mini-zh-reranker"])
def test_a_base_without_vectors_mines_nothing(place: Workspace, name: str) -> None:
    """Searchers, rerankers and vectors fitted to one task are refused, and the message names the alternative."""
    shutil.copy(MODELS / f"bases/{name}.toml", place.root / "models/bases")
    with pytest.raises(SpecError, match=f"can't be mined with {name}, which has no vectors that hold"):
        _mined_with(place, name)


def test_any_base_with_vectors_mines(place: Workspace) -> None:
    """A baseline whose vectors hold for all texts is a model like any other to a miner."""
    shutil.copy(MODELS / "bases/hashed-chars.toml", place.root / "models/bases")
    assert _mined_with(place, "hashed-chars").statistics.negatives_per_example == 2


def _mined_with(place: Workspace, name: str) -> TrainSet:
    mined = f'negatives = {{ miner = "embedding", options = {{ count = 2, model = "{name}" }} }}\n'
    _write(place, HEAD + STATIC.format(name="near", tuner="full", rate="2e-2") + mined)
    (variant,) = place.variants(place.spec(ModelSet, "tiny"))
    return tune.training_set(place, resolve(place, variant), seed=0)


def test_a_failed_measurement_stands_with_its_reason(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library's error on one task is that cell's reason, now and later, and another run measures it."""
    _write(place, HEAD)
    real = evaluate._through_mteb

    def broken(loaded: object, instance: object, *args: object, **more: object) -> object:
        if type(instance).__name__ == "TinySTS":
            raise MemoryError("no more")
        return real(loaded, instance, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluate, "_through_mteb", broken)
    for entries in (_measured(place)[0], _stored(place)):
        assert set(entries["mini-zh-static"].scores) == {"Tiny"}
        state = entries["mini-zh-static"].states["TinySTS"]
        assert state.state == "failed"
        assert "expected enough memory, but: no more" in str(state.reason)
    monkeypatch.undo()
    assert set(_measured(place)[0]["mini-zh-static"].scores) == {"Tiny", "TinySTS"}
    assert _stored(place)["mini-zh-static"].states == {}


def test_a_killed_run_goes_on(place: Workspace) -> None:
    """What was trained before the kill is not trained again, and everything is there in the end."""
    _write(
        place, HEAD + "".join(STATIC.format(name=n, tuner="full", rate=r) for n, r in (("a", "1e-2"), ("b", "2e-2")))
    )
    environment = {**os.environ, "TCMBENCH_CACHE": str(place.cache), "TCMBENCH_DATA": str(place.data_root)}
    killed = subprocess.run(
        [sys.executable, "-c", KILL_IN_TRAINING_B], cwd=place.root, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    models = place.cache / "models"
    (first,) = models.glob("*/*/outcome.json")
    written = first.stat().st_mtime_ns
    entries, notes = _measured(place)
    assert [note.partition(":")[0] for note in notes if "trained in" in note] == ["b/seed0"]
    assert first.stat().st_mtime_ns == written
    assert all(set(entries[name].scores) == {"Tiny", "TinySTS"} for name in ("a", "b"))


def test_a_reranker_goes_from_recipe_to_row(place: Workspace) -> None:
    """Pairs are built, trained with ms-swift and measured on candidates; what it can't do is not applicable."""
    name = "mini-zh-reranker"
    shutil.copy(MODELS / f"bases/{name}.toml", place.root / "models/bases")
    (place.root / f"models/{name}").symlink_to(MODELS / name)
    (place.root / "tasks/TinyReranking.toml").write_text(
        'type = "syndrome_reranking"\npath = "tcm-synth"\n[options]\nconfusable = 2\nbm25 = 2\n', encoding="utf-8"
    )
    (place.root / "tasks/suites/tiny.toml").write_text(
        '[[tasks]]\ntask = "TinyReranking"\nrole = "in_domain"\n[[tasks]]\ntask = "TinySTS"\nrole = "general"\n',
        encoding="utf-8",
    )
    _write(place, 'suite = "tiny"\nreference = "mini-zh-reranker"\nmodels = ["mini-zh-reranker"]\n' + RERANKER)
    entry = _measured(place)[0]["orders"]
    assert entry.failure is None
    assert set(entry.scores) == {"TinyReranking"}
    assert entry.states["TinySTS"].state == "not_applicable"
