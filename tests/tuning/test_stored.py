"""What is damaged in the store is made again once it was deleted as the message says."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import StoreError
from tcmbench.trainers import Outcome, Point, TrainedRows, sentence_transformers
from tcmbench.tuning import training_data, tune
from tcmbench.tuning.recipe import resolve

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
    assert tune.stored(place, resolve(place, variant), seed=0) is None
    assert tuned(place, variant).outcome["variant"] == "tuned"
    shutil.rmtree(folder / "model")
    assert (tuned(place, variant).folder / "model" / "modules.json").is_file()
    assert len(trainings) == 3


@pytest.mark.parametrize("damaged", ["", "{", "[]", "\x00"])
def test_a_damaged_outcome_says_what_to_delete(
    place: Workspace, variant: Variant, trainings: list[TrainingJob], damaged: str
) -> None:
    """The message names the file, and deleting it is enough."""
    path = tuned(place, variant).folder / "outcome.json"
    path.write_text(damaged, encoding="utf-8")
    with pytest.raises(StoreError, match=r"outcome\.json: .*Delete it and run again"):
        tuned(place, variant)
    path.unlink()
    assert tuned(place, variant).folder == path.parent
    assert len(trainings) == 2


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
    ],
)
def test_a_damaged_training_set_is_built_again(place: Workspace, variant: Variant, name: str, is_cut: bool) -> None:
    """A file that is gone or, where its checksum is known, cut: the same set comes out."""
    recipe = resolve(place, variant)
    made = tune.training_set(place, recipe, seed=0)
    path = made.folder / name
    if is_cut:
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()
    again = tune.training_set(place, recipe, seed=0)
    assert (again.sha256, path.is_file()) == (made.sha256, True)


def test_damaged_contents_say_what_to_delete(place: Workspace, variant: Variant) -> None:
    """What the store knows of the data is read again once its file is deleted."""
    before = training_data.find(place, variant)
    (path,) = (place.store.root / training_data.KIND).rglob("contents.json")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(StoreError, match=r"(?s)contents\.json: .*Delete it and run again"):
        training_data.find(place, variant)
    path.unlink()
    assert training_data.find(place, variant) == before
