"""What is damaged in the store is found when it is used, and made again."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import DamagedArtefact
from tcmbench.models.revisions import revision
from tcmbench.trainers import Outcome, Point, TrainedRows, sentence_transformers
from tcmbench.tuning import training_data, tune
from tcmbench.tuning.recipe import parts_of, resolve

if TYPE_CHECKING:
    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import TrainingJob
    from tcmbench.workspace import Workspace


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """The trainings so far, by a trainer that copies the base."""
    jobs: list[TrainingJob] = []

    def train(job: TrainingJob, **_: object) -> Outcome:
        jobs.append(job)
        return Outcome(
            model_dir=shutil.copytree(job.base_dir, job.work_dir / "model"),
            curves=(Point(1, loss=1.0, gradient_norm=math.inf),),
            seconds=1.0,
            rows=TrainedRows(48, repeated=24, left_out=24),
            tokens=1,
            peak_memory_mib=1.0,
            peak_gpu_memory_mib=0.0,
            trained_parameters=1,
            parity={"quantised=evaluation": math.nan},
            command=("train",),
            environment={},
        )

    monkeypatch.setattr(sentence_transformers, "train", train)
    return jobs


def tuned(place: Workspace, variant: Variant) -> tune.Tuned:
    """Return the model of a variant, trained unless it is in the store."""
    return tune.tune(place, resolve(place, variant), seed=0, progress=lambda _: None)


def test_a_model_that_lacks_a_part_is_trained_again(
    place: Workspace, variant: Variant, trainings: list[TrainingJob]
) -> None:
    """Whichever file was deleted, the rest of the store doesn't prevent a new training."""
    folder = tuned(place, variant).folder
    assert tuned(place, variant).folder == folder
    assert len(trainings) == 1
    (folder / "outcome.json").unlink()
    with pytest.raises(DamagedArtefact, match=r"outcome\.json: it is missing"):
        tune.stored(place, resolve(place, variant), seed=0)
    assert tuned(place, variant).outcome["variant"] == "tuned"
    shutil.rmtree(folder / "model")
    assert (tuned(place, variant).folder / "model" / "modules.json").is_file()
    assert len(trainings) == 3


def test_a_recipe_can_turn_the_dev_split_off(place: Workspace, variant: Variant, trainings: list[TrainingJob]) -> None:
    """Trainers then get no dev file, which saves the time of measuring on it."""
    tuned(place, variant)
    off = variant.training.model_copy(update={"dev_evaluations": 0})
    tuned(place, variant.model_copy(update={"training": off}))
    assert [job.dev_file is None for job in trainings] == [False, True]


@pytest.mark.parametrize("damaged", ["", "{", "[]", "\x00"])
def test_a_damaged_outcome_is_trained_again(
    place: Workspace, variant: Variant, trainings: list[TrainingJob], damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A board names the file; a run says so and makes the model anew."""
    first = tuned(place, variant)
    path = first.folder / "outcome.json"
    path.write_text(damaged, encoding="utf-8")
    with pytest.raises(DamagedArtefact, match=r"outcome\.json: its content doesn't match"):
        tune.stored(place, resolve(place, variant), seed=0)
    again = tuned(place, variant)
    assert (again.folder, again.model.revision) == (first.folder, first.model.revision)
    assert "outcome.json: its content doesn't match" in caplog.text
    assert len(trainings) == 2


@pytest.mark.parametrize("change", ["flipped", "gone", "added"])
def test_damaged_weights_are_never_loaded(
    place: Workspace, variant: Variant, trainings: list[TrainingJob], change: str
) -> None:
    """The revision stays that of what was trained, and whoever would load the model trains it again."""
    first = tuned(place, variant)
    weights = next((first.folder / "model").rglob("*.safetensors"))
    if change == "flipped":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    elif change == "gone":
        weights.unlink()
    else:
        (first.folder / "model" / "added_tokens.json").write_text("{}", encoding="utf-8")
    stored = tune.stored(place, resolve(place, variant), seed=0)
    assert stored is not None
    assert stored.model.revision == first.model.revision
    assert tune.usable(place, resolve(place, variant), seed=0) is None
    again = tuned(place, variant)
    assert again.model.revision == first.model.revision == revision(again.model.base, again.folder / "model")
    assert tune.usable(place, resolve(place, variant), seed=0) == again
    assert len(trainings) == 2


def test_a_model_of_an_earlier_version_gets_its_manifest(
    place: Workspace, variant: Variant, trainings: list[TrainingJob]
) -> None:
    """It had none: what is there counts, and is compared from then on."""
    first = tuned(place, variant)
    (first.folder / "manifest.json").unlink()
    stored = tune.stored(place, resolve(place, variant), seed=0)
    assert stored == first
    assert (first.folder / "manifest.json").is_file()
    assert len(trainings) == 1


def test_numbers_that_are_not_finite_are_null(place: Workspace, variant: Variant, trainings: list[TrainingJob]) -> None:
    """JSON has none: a model with an infinite gradient norm in its log is kept all the same."""
    outcome = tuned(place, variant).outcome
    json.dumps(outcome, allow_nan=False)
    curves = outcome["curves"]
    assert isinstance(curves, list)
    assert isinstance(curves[0], dict)
    assert (curves[0]["loss"], curves[0]["gradient_norm"]) == (1.0, None)
    assert outcome["parity"] == {"quantised=evaluation": None}
    assert len(trainings) == 1


def test_rows_that_were_read_again_stand_in_the_outcome(
    place: Workspace, variant: Variant, trainings: list[TrainingJob]
) -> None:
    """Batches that the trainer draws itself leave out other rows than the training set says."""
    drawn = variant.model_copy(update={"batch_rule": "no_duplicates"})
    outcome = tuned(place, drawn).outcome
    statistics = outcome["statistics"]
    assert isinstance(statistics, dict)
    assert (statistics["batch_rule"], statistics["dropped"], statistics["repeated"]) == ("no_duplicates", [24], 24)
    assert outcome["rows"] == {"read": 48, "repeated": 24, "left_out": 24}
    assert len(trainings) == 1


@pytest.mark.parametrize(
    ("name", "is_cut"),
    [
        ("stats.json", False),
        ("train.jsonl", False),
        ("rows.parquet", False),
        ("stats.json", True),
        ("train.jsonl", True),
        ("rows.parquet", True),
        ("dev.jsonl", True),
        ("dev.jsonl", False),
        ("recipe.json", True),
    ],
)
def test_a_damaged_training_set_is_built_again(place: Workspace, variant: Variant, name: str, is_cut: bool) -> None:
    """A file that is gone or cut, before a training reads it: the same set comes out."""
    recipe = resolve(place, variant)
    made = tune.training_set(place, recipe, seed=0)
    path = made.folder / name
    whole = path.read_bytes()
    if is_cut:
        path.write_bytes(whole[:-20])
    else:
        path.unlink()
    again = tune.training_set(place, recipe, seed=0)
    assert (again.sha256, path.read_bytes()) == (made.sha256, whole)


def test_damaged_contents_are_read_again(place: Workspace, variant: Variant) -> None:
    """The hash of the data and its labels, without which no model has a key."""
    before = parts_of(place, variant)[0].data
    (path,) = (place.store.root / training_data.KIND).rglob("contents.json")
    path.write_text(path.read_text(encoding="utf-8").replace("labels", "labelz"), encoding="utf-8")
    assert parts_of(place, variant)[0].data == before
