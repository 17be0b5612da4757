"""A set as jobs: what is missing, with keys, needs and what each waits for."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench import models, tasks
from tcmbench.errors import EvaluationError
from tcmbench.runs.jobs import PlannedRun, plan
from tcmbench.runs.perform import note_failure, perform
from tcmbench.specs.model_set import ModelSet
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of
from tests.running import stored

if TYPE_CHECKING:
    import pytest

    from tcmbench.workspace import Workspace

SET = """
suite = "tiny"
reference = "mini-zh-static"
models = ["hashed-chars", "mini-zh-static"]
[[variant]]
name = "tuned"
base = "mini-zh-static"
data = "tcm-synth"
tuner = "full"
trainer = "sentence_transformers"
seeds = [0, 1]
training = { batch_size = 16, max_length = 64 }
[[variant]]
name = "impossible"
base = "mini-zh-static"
data = "nowhere"
tuner = "full"
"""
COLUMNS = ("Tiny", "TinySTS")


def planned_run(place: Workspace, text: str = SET) -> PlannedRun:
    """Write the set and plan it."""
    (place.root / "models/sets/tiny.toml").write_text(text, encoding="utf-8")
    model_set = place.spec(ModelSet, "tiny")
    return plan(place, model_set, tasks.plan_set(place, model_set))


def test_a_set_becomes_trainings_and_measurings(place: Workspace) -> None:
    """One measuring per model, so that it is loaded once; that of an untrained model waits for its training."""
    planned = planned_run(place)
    rows = [(job.model, job.columns, job.needs.gpus, job.needs.threads) for job in planned.jobs]
    assert rows == [
        ("hashed-chars", COLUMNS, 0, 1),
        ("mini-zh-static", COLUMNS, 1, 4),
        ("tuned/seed0", (), 1, 4),
        ("tuned/seed0", COLUMNS, 1, 4),
        ("tuned/seed1", (), 1, 4),
        ("tuned/seed1", COLUMNS, 1, 4),
    ]
    keys = [job.key for job in planned.jobs]
    assert [job.after for job in planned.jobs] == [(), (), (), (keys[2],), (), (keys[4],)]
    assert len(set(keys)) == len(keys)
    assert planned.scores == 8
    memory = [job.needs.memory_mib for job in planned.jobs]
    assert memory[0] is None
    assert memory[1] == memory[3]
    assert memory[1] is not None
    assert memory[2] == 4 * memory[1]
    assert list(planned.refused) == ["impossible"]
    assert "nowhere" in planned.refused["impossible"]


def test_a_training_has_the_key_of_its_model(place: Workspace) -> None:
    """Two runs and two sets that train the same model plan the same training, and equal jobs have equal keys."""
    jobs = planned_run(place).jobs
    variant = next(v for v in place.variants(place.spec(ModelSet, "tiny")) if v.name == "tuned")
    recipe = recipe_of(place, variant, tasks.plan_set(place, place.spec(ModelSet, "tiny")))
    assert [job.key for job in jobs if not job.is_measuring] == [tune.model_key(place, recipe, seed=s) for s in (0, 1)]
    assert planned_run(place).jobs == jobs


def test_a_measuring_has_a_key_of_all_that_its_scores_depend_on(place: Workspace) -> None:
    """Changed data of one of its tasks gives another key, that of a task of no column doesn't."""
    first = planned_run(place).jobs[0]
    path = place.data_root / "general-synth/sts.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    changed = planned_run(place).jobs[0]
    assert changed.key != first.key
    assert replace(changed, key=first.key) == first


def test_a_job_travels_as_a_few_names_and_paths(place: Workspace) -> None:
    """It can be pickled, small, and is the same where it arrives."""
    for job in planned_run(place).jobs:
        sent = pickle.dumps(job)
        assert pickle.loads(sent) == job  # noqa: S301 (made here)
        assert len(sent) < 4096


def test_what_is_measured_is_no_job(place: Workspace) -> None:
    """A job can be performed from its names alone; a second one finds its scores in the store."""
    first = planned_run(place).jobs[0]
    assert perform(first, emit=lambda _: None) is None
    assert [job.model for job in planned_run(place).jobs][:1] == ["mini-zh-static"]

    events: list[object] = []
    assert perform(first, emit=events.append) is None
    assert events == []


def test_a_job_whose_model_is_gone_fails_with_the_reason(place: Workspace) -> None:
    """A measuring that is performed without its training is an answer, not a crash."""
    measuring = planned_run(place).jobs[3]
    reason = perform(measuring, emit=lambda _: None)
    assert reason is not None
    assert reason.startswith("tuned/seed0: ")
    assert "does not hold its model as it was written" in reason


def test_the_failure_of_a_job_stands_in_its_row(place: Workspace) -> None:
    """A base has it in each of its cells, a variant in all."""
    jobs = planned_run(place).jobs
    for job in (jobs[0], jobs[2]):
        note_failure(job, EvaluationError(f"{job.model} broke"))
    entries = {entry.name: entry for entry in stored(place, "tiny")}
    assert {str(state.reason) for state in entries["hashed-chars"].states.values()} == {"hashed-chars broke"}
    assert {state.state for state in entries["mini-zh-static"].states.values()} == {"pending"}
    assert {str(state.reason) for state in entries["tuned"].states.values()} == {"tuned/seed0 broke"}
    assert entries["tuned"].failure == "tuned/seed0 broke"


def test_the_model_of_a_job_has_the_device_that_it_is_given(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed down to the model; without one the library's default holds."""
    devices: list[object] = []
    load = models.load

    def spy(*arguments: object, device: str | None = None, **more: object) -> object:
        devices.append(device)
        loaded = load(*arguments, device=device, **more)  # type: ignore[arg-type]
        devices.append(str(loaded.inner.model.device))  # type: ignore[attr-defined]
        return loaded

    monkeypatch.setattr(models, "load", spy)
    job = planned_run(place).jobs[1]
    assert perform(job, emit=lambda _: None, device="cpu") is None
    assert devices == ["cpu", "cpu"]
