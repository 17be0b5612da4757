"""A teacher's scores stand in the training set, for every document of every row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models
from tcmbench.errors import SpecError
from tcmbench.models import base_model
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import resolve
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture
def taught(variant: Variant) -> Variant:
    """A recipe that learns from its own base."""
    training = variant.training.model_copy(update={"loss": "distill_kl"})
    negatives = variant.negatives.model_copy(update={"miner": "random", "options": {"count": 2}})
    return variant.model_copy(update={"training": training, "negatives": negatives, "teacher": "mini-zh-static"})


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_model_with_vectors_teaches_its_cosines(place: Workspace, taught: Variant) -> None:
    """Equal to those of the texts encoded here, in the train and the dev file; the other fields are as without it."""
    taught = taught.model_copy(update={"batch_rule": "plain"})  # only InfoNCE would have batches without repeats
    made = tune.training_set(place, resolve(place, taught), seed=0)
    encoder: Any = models.load(base_model(place, "mini-zh-static"), cache=place.cache)
    plain = taught.training.model_copy(update={"loss": None})
    without = tune.training_set(
        place, resolve(place, taught.model_copy(update={"training": plain, "teacher": ""})), seed=0
    )
    assert made.dev is not None
    for line, other in zip(_lines(made.train), _lines(without.train), strict=True):
        texts = [messages[0]["content"] for messages in (*line["positive_messages"], *line["negative_messages"])]
        query, *documents = encoder.encode_list([line["messages"][0]["content"], *texts])
        np.testing.assert_allclose(line.pop("teacher"), np.array(documents) @ query, atol=1e-6)
        assert line == other
    assert all(len(line["teacher"]) == 3 for line in _lines(made.dev))


def test_a_teacher_without_unit_vectors_teaches_cosines_too(place: Workspace, taught: Variant) -> None:
    """Its scores are those of the same weights with a normalisation."""
    folder = shutil.copytree(MODELS / "mini-zh-static", place.root / "models/raw")
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    left = [module for module in modules if not module["type"].endswith("Normalize")]
    (folder / "modules.json").write_text(json.dumps(left), encoding="utf-8")
    (place.root / "models/bases/raw.toml").write_text(
        'kind = "embedding"\npath = "raw"\narchitecture = "static"\nnormalize = false\n', encoding="utf-8"
    )
    raw, unit = (
        _lines(tune.training_set(place, resolve(place, taught.model_copy(update={"teacher": name})), seed=0).train)
        for name in ("raw", "mini-zh-static")
    )
    for line, other in zip(raw, unit, strict=True):
        np.testing.assert_allclose(line["teacher"], other["teacher"], atol=1e-6)


def test_a_teacher_reads_texts_without_the_prompts_of_sources(place: Workspace, taught: Variant) -> None:
    """The score is that of the bare query, though the line has a prompt."""
    write_table(place.data_root / "pairs.csv", [{"query": f"问{n}", "positive": f"答{n}"} for n in range(32)])
    document = taught.model_dump() | {"data": [{"path": "pairs.csv", "prompt": "检索："}]}
    mixed = type(taught).model_validate(document)
    made = tune.training_set(place, resolve(place, mixed), seed=0)
    encoder: Any = models.load(base_model(place, "mini-zh-static"), cache=place.cache)
    line = _lines(made.train)[0]
    assert line["messages"][0]["content"].startswith("检索：问")
    query, positive = encoder.encode_list(
        [line["messages"][0]["content"].removeprefix("检索："), line["positive_messages"][0][0]["content"]]
    )
    assert line["teacher"][0] == pytest.approx(float(query @ positive), abs=1e-6)


def test_a_reranker_teaches_its_logits_and_the_student_trains(place: Workspace, taught: Variant) -> None:
    """Another teacher is another model; a training reads the scores."""
    (place.root / "models/bases/mini-zh-reranker.toml").write_text(
        (MODELS / "bases/mini-zh-reranker.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (place.root / "models/mini-zh-reranker").symlink_to(MODELS / "mini-zh-reranker")
    few = taught.model_copy(update={"max_samples": 16, "teacher": "mini-zh-reranker"})
    own, other = (
        tune.model_key(place, resolve(place, one), seed=0)
        for one in (few, few.model_copy(update={"teacher": "mini-zh-static"}))
    )
    assert own != other
    tuned = tune.tune(place, resolve(place, few), seed=0, progress=lambda _: None)
    assert tuned.outcome["loss"] == "distill_kl"


@pytest.mark.parametrize(
    ("loss", "teacher", "complaint"),
    [("distill_kl", "", "learns from a teacher"), (None, "mini-zh-static", "has no teacher")],
)
def test_loss_and_teacher_go_together(
    place: Workspace, taught: Variant, loss: str | None, teacher: str, complaint: str
) -> None:
    """Neither is ignored."""
    training = taught.training.model_copy(update={"loss": loss})
    one = taught.model_copy(update={"training": training, "teacher": teacher})
    with pytest.raises(SpecError, match=complaint):
        tune.model_key(place, resolve(place, one), seed=0)
