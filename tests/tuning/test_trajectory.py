"""Trajectories: checkpoints are measured on a part of each task, once, and survive the removal of their weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load_file, save_file

from tcmbench import tasks
from tcmbench.boards import build
from tcmbench.boards.canvas import Canvas
from tcmbench.boards.figures import trajectory as figure
from tcmbench.boards.options import Options
from tcmbench.comparison import trajectory
from tcmbench.runs import checkpoint_choice, jobs, trajectories
from tcmbench.specs import policy
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.variant import Variant
from tcmbench.store_inventory import belonging_to
from tcmbench.trainers import Outcome, TrainedRows, sentence_transformers
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of
from tests.running import Run, run

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.comparison.trajectory import StepChange
    from tcmbench.trainers import TrainingJob
    from tcmbench.workspace import Workspace

SET = """
suite = "tiny"
reference = "mini-zh-static"
models = ["mini-zh-static"]

[[variant]]
name = "tuned"
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
evaluate_checkpoints = true
seeds = [0, 1]
training = { batch_size = 4, max_length = 64 }
"""


@pytest.fixture
def trained(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace whose trainer moves all weights by an amount that is proportional to the step."""

    def write(job: TrainingJob, target: Path, step: int) -> Path:
        shutil.copytree(job.base_dir, target)
        (path,) = target.rglob("model.safetensors")
        drawn = np.random.default_rng(job.seed)
        moved = {
            name: value + (value.std() * step / job.steps * drawn.normal(size=value.shape)).astype(value.dtype)
            for name, value in load_file(path).items()
        }
        save_file(moved, path)
        return target

    def train(job: TrainingJob, **_: object) -> Outcome:
        return Outcome(
            model_dir=write(job, job.work_dir / "model", job.steps),
            checkpoints={step: write(job, job.work_dir / f"at-{step}", step) for step in job.kept_steps},
            curves=(), seconds=1.0, rows=TrainedRows(job.rows), tokens=1, peak_memory_mib=1.0,
            peak_gpu_memory_mib=0.0, trained_parameters=1, parity={}, command=("train",), environment={},
        )  # fmt: skip

    monkeypatch.setattr(sentence_transformers, "train", train)
    (place.root / "models/sets/over-steps.toml").write_text(SET, encoding="utf-8")
    return place


def changes(workspace: Workspace, run_: Run) -> tuple[ModelSet, Table]:
    """Return the set and its board."""
    model_set = workspace.spec(ModelSet, "over-steps")
    planned = tasks.plan_set(workspace, model_set)
    options = Options(policies=policy.default().with_resamples(200))
    return model_set, build.build(model_set, planned.suite, run_.entries, options=options)


@pytest.mark.filterwarnings("ignore")
def test_checkpoints_are_measured_once_and_drawn(trained: Workspace) -> None:
    """Each is compared with the reference on the same items; the last point is the variant on the same part."""
    trajectories_of = run(trained, "over-steps")
    _, table = changes(trained, trajectories_of)
    row = table.row("tuned")
    steps = [point.step for point in row.trajectory]
    assert len(steps) == 5
    assert steps == sorted(steps)
    assert row.probe_items == trajectories.PROBE_ITEMS
    assert all(point.in_domain is not None and point.general is not None for point in row.trajectory)
    # all items of these small tasks are within the part, so the last point is the row itself
    last = row.trajectory[-1]
    assert last.in_domain is not None
    assert row.aggregates.in_domain is not None
    assert last.in_domain.value == pytest.approx(row.aggregates.in_domain.value, abs=1e-9)
    width, of_row = (one.high - one.low for one in (last.in_domain, row.aggregates.in_domain))
    assert width == pytest.approx(of_row, rel=0.3), "steps of one training lend each other nothing"
    assert len({point.general.value for point in row.trajectory if point.general is not None}) == 5
    with Canvas.for_page("trajectory").settings():
        assert figure.draw(table, Canvas.for_page("trajectory")) is not None
    # the weights are gone, the figures are not, and there is nothing left to do
    assert not list(trained.store.root.glob("checkpoints/*/*/step-*"))
    model_set = trained.spec(ModelSet, "over-steps")
    assert jobs.plan(trained, model_set, tasks.plan_set(trained, model_set)).jobs == ()
    assert "trajectories" in {artefact.kind for artefact in belonging_to(trained.store, "tuned")}


@pytest.mark.filterwarnings("ignore")
def test_a_kill_before_the_measuring_loses_nothing(trained: Workspace) -> None:
    """A trained model without its trajectory is planned again as the measuring alone."""
    model_set = trained.spec(ModelSet, "over-steps")
    planned = tasks.plan_set(trained, model_set)
    first = jobs.plan(trained, model_set, planned).jobs
    assert [job.of_checkpoints for job in first if job.seed == 0] == [False, False, True]
    whole = run(trained, "over-steps").entries
    shutil.rmtree(trained.store.root / "trajectories")
    again = jobs.plan(trained, model_set, planned).jobs
    assert [(job.seed, job.of_checkpoints) for job in again] == [(0, True), (1, True)]
    assert next(entry for entry in whole if entry.name == "tuned").trajectory is not None


@pytest.mark.filterwarnings("ignore")
def test_the_gate_chooses_the_last_checkpoint_that_passes(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scores are those of the row, its weights stay, and the board says how it was chosen."""
    text = SET.replace("evaluate_checkpoints = true", 'evaluate_checkpoints = true\nselect = "gate"')
    (trained.root / "models/sets/over-steps.toml").write_text(text, encoding="utf-8")
    measured = trajectory.changes

    def third_is_last(*arguments: Any, **named: Any) -> tuple[StepChange, ...]:
        steps = measured(*arguments, **named)
        return tuple(step._replace(passed=number == 2) for number, step in enumerate(steps))

    monkeypatch.setattr(trajectory, "changes", third_is_last)
    model_set = trained.spec(ModelSet, "over-steps")
    planned = tasks.plan_set(trained, model_set)
    order = [
        (job.seed, not job.is_measuring and not job.of_checkpoints, job.of_checkpoints)
        for job in jobs.plan(trained, model_set, planned).jobs
    ]
    assert order[1:4] == [(0, True, False), (0, False, True), (0, False, False)]
    result = run(trained, "over-steps")
    _, table = changes(trained, result)
    row = table.row("tuned")
    third = row.trajectory[2]
    assert third.in_domain is not None
    assert row.aggregates.in_domain is not None
    assert third.in_domain.value == pytest.approx(row.aggregates.in_domain.value, abs=1e-9)
    assert f"step {third.step}, {third.step}" in row.provenance["selection"].en
    assert len(list(trained.store.root.glob(f"checkpoints/*/*/step-{third.step}"))) == 2
    assert jobs.plan(trained, model_set, planned).jobs == ()
    # without the checkpoints the figures stay
    shutil.rmtree(trained.store.root / "checkpoints")
    assert jobs.plan(trained, model_set, planned).jobs == ()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("select", "which"), [("last", 4), ("gate", 2)])
def test_a_repeated_training_has_its_own_trajectory(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, select: str, which: int
) -> None:
    """A training that is repeated may differ: the checkpoints of the first are neither shown nor chosen for it."""
    text = SET.replace("evaluate_checkpoints = true", f'evaluate_checkpoints = true\nselect = "{select}"')
    (trained.root / "models/sets/over-steps.toml").write_text(text.replace("[0, 1]", "[0]"), encoding="utf-8")
    measured = trajectory.changes

    def third_is_last(*arguments: Any, **named: Any) -> tuple[StepChange, ...]:
        steps = measured(*arguments, **named)
        return tuple(step._replace(passed=number == 2) for number, step in enumerate(steps))

    monkeypatch.setattr(trajectory, "changes", third_is_last)
    _, before = changes(trained, run(trained, "over-steps"))
    shutil.rmtree(trained.store.root / "models")
    train = sentence_transformers.train
    monkeypatch.setattr(
        sentence_transformers, "train", lambda job, **more: train(replace(job, seed=job.seed + 7), **more)
    )
    _, after = changes(trained, run(trained, "over-steps"))
    point, gain = after.row("tuned").trajectory[which].in_domain, after.row("tuned").aggregates.in_domain
    assert point is not None
    assert gain is not None
    assert point.value == pytest.approx(gain.value, abs=1e-9)
    assert point != before.row("tuned").trajectory[which].in_domain


@pytest.mark.filterwarnings("ignore")
def test_where_no_checkpoint_passes_there_is_no_model(trained: Workspace) -> None:
    """The row has failed and says what to change; it is never the last checkpoint in silence."""
    text = SET.replace("evaluate_checkpoints = true", 'evaluate_checkpoints = true\nselect = "gate"')
    text = text.replace('suite = "tiny"', 'suite = "tiny"\npolicy = { reference = { required_gain = 99.0 } }')
    (trained.root / "models/sets/over-steps.toml").write_text(text, encoding="utf-8")
    entry = next(entry for entry in run(trained, "over-steps").entries if entry.name == "tuned")
    assert entry.scores == {}
    assert "none of its 5 measured checkpoints passes the gate" in str(entry.failure)
    model_set = trained.spec(ModelSet, "over-steps")
    again = jobs.plan(trained, model_set, tasks.plan_set(trained, model_set))
    assert again.jobs == ()
    assert "Lower training.learning_rate" in again.refused["tuned"]


@pytest.mark.filterwarnings("ignore")
def test_a_choice_is_of_the_weights_of_its_reference(trained: Workspace) -> None:
    """With other weights under the name of the reference the choice is made anew."""
    model_set = trained.spec(ModelSet, "over-steps")
    planned = tasks.plan_set(trained, model_set)
    (recipe,) = [recipe_of(trained, variant, planned) for variant in trained.variants(model_set)]
    tuned = tune.tune(trained, recipe, seed=0, progress=lambda _: None)
    before = checkpoint_choice._key(trained, model_set, tuned, planned)
    assert checkpoint_choice._key(trained, model_set, tuned, planned) == before
    folder = trained.root / "models/mini-zh-static"
    source = folder.resolve()
    folder.unlink()
    shutil.copytree(source, folder)
    (path,) = folder.rglob("model.safetensors")
    save_file({name: value * 2 for name, value in load_file(path).items()}, path)
    assert checkpoint_choice._key(trained, model_set, tuned, planned) != before


def test_selection_needs_measured_checkpoints() -> None:
    """The field alone is refused."""
    with pytest.raises(ValidationError, match="set evaluate_checkpoints = true"):
        Variant.model_validate({"name": "v", "base": "b", "data": "d", "select": "gate"})


def test_cures_are_not_made_of_another_checkpoint_than_the_row(trained: Workspace) -> None:
    """A cure reads the last checkpoint, so one of a variant with a chosen checkpoint is refused."""
    text = SET.replace("evaluate_checkpoints = true", 'evaluate_checkpoints = true\nselect = "gate"')
    cure = '\n[[cure]]\nname = "half"\ncure = "merge"\nof = ["tuned"]\noptions = { alpha = 0.5 }\n'
    (trained.root / "models/sets/over-steps.toml").write_text(text + cure, encoding="utf-8")
    model_set = trained.spec(ModelSet, "over-steps")
    planned = jobs.plan(trained, model_set, tasks.plan_set(trained, model_set))
    assert 'Name a variant with select = "last"' in planned.refused["half"]
