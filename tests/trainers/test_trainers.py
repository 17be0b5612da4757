"""What a trainer declares is all that anything else needs: its losses, its options, its devices."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tcmbench import plugins
from tcmbench.errors import SpecError, UnknownName
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Variant
from tcmbench.trainers import Loss, TrainerOptions, loss_of, requirements
from tests.trainers.tiny import make_job

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
TRAINERS = plugins.names("trainers")
LOSSES = [(name, loss) for name in TRAINERS for loss in plugins.load("trainers", name).LOSSES]


def variant(**fields: Any) -> Variant:
    """Return a recipe whose fields are overlaid."""
    return Variant.model_validate({"name": "v", "base": "b", "data": "d", **fields})


@pytest.mark.parametrize("name", TRAINERS)
def test_losses_are_declared_once(name: str) -> None:
    """No name twice, so that a recipe's loss is one loss."""
    names = [loss.name for loss in plugins.load("trainers", name).LOSSES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", TRAINERS)
def test_the_guide_names_all_losses_and_options(name: str) -> None:
    """Its table is read by those who write recipes."""
    trainer = plugins.use("trainers", name)
    (row,) = (line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |"))
    expected = {*(loss.name for loss in trainer.module.LOSSES), *type(trainer.options).model_fields}
    assert expected == {*row.split("`")[3::2]}


@pytest.mark.parametrize("name", TRAINERS)
def test_trainers_have_options_of_their_own(name: str) -> None:
    """They say how many devices train, which decides the batches of the training set."""
    options = plugins.use("trainers", name).options
    assert isinstance(options, TrainerOptions)
    assert options.device_count() == 1


@pytest.mark.parametrize(("trainer", "loss"), LOSSES, ids=lambda value: getattr(value, "name", value))
def test_a_declaration_is_what_the_training_set_suits(trainer: str, loss: Loss) -> None:
    """Name, pairs with a score, and negatives of the batch come from the declaration alone."""
    recipe = variant(trainer=trainer, task=loss.task, training={"loss": loss.name})
    found = requirements(recipe)
    assert (found.loss, found.scored, found.in_batch) == (loss.name, loss.scored, loss.in_batch != "never")
    # such losses read each example by itself
    assert not (found.in_batch and (loss.scored or loss.task == "reranker"))
    if loss.in_batch == "optional":
        alone = recipe.training.model_copy(update={"in_batch": False})
        assert not requirements(recipe.model_copy(update={"training": alone})).in_batch


@pytest.mark.parametrize(
    ("trainer", "task", "expected"),
    [
        ("swift", "embedding", "infonce"),
        ("swift", "reranker", "pointwise_reranker"),
        ("sentence_transformers", "embedding", "infonce"),
    ],
)
def test_the_first_loss_of_a_task_is_the_default(trainer: str, task: str, expected: str) -> None:
    """A recipe that names no loss gets one that trains its task."""
    assert expected == requirements(variant(trainer=trainer, task=task)).loss


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"training": {"loss": "gist"}}, r"swift trainer has no loss 'gist' for task embedding. It has: infonce, matr"),
        ({"task": "reranker", "training": {"loss": "infonce"}}, r"no loss 'infonce' for task reranker.*pointwise_rer"),
        ({"training": {"loss": "listwise_reranker"}}, r"no loss 'listwise_reranker' for task embedding"),
        (
            {"trainer": "sentence_transformers", "task": "reranker"},
            r"has no loss for task reranker\. Choose another tr",
        ),
        (
            {"trainer": "sentence_transformers", "training": {"in_batch": False}},
            r"loss infonce always takes the other examples.*in_batch = true",
        ),
        (
            {"trainer": "sentence_transformers", "training": {"options": {"devices": 2}}},
            r"variant v: options of sentence_transformers: devices: .*Known options: matryoshka_dims, attention, mini_",
        ),
        (
            {"training": {"options": {"device": 2}}},
            r"swift: device: .*Known options: matryoshka_dims, attention, deepspeed, devices, margin, ndcg_at\.",
        ),
        ({"training": {"options": {"matryoshka_dims": [64, 0]}}}, "greater than or equal to 1"),
        ({"training": {"options": {"matryoshka_dims": [64, 128]}}}, r"must fall, each once, got \[64, 128\]"),
    ],
)
def test_a_recipe_that_its_trainer_cannot_follow_is_refused(fields: dict[str, Any], said: str) -> None:
    """The message names the trainer, and what it has."""
    with pytest.raises(SpecError, match=said):
        requirements(variant(**fields))


def test_a_misspelt_trainer_gets_a_suggestion() -> None:
    """As any other plug-in does."""
    with pytest.raises(UnknownName, match=r"variant v: no trainer named 'swfit'\. Did you mean 'swift'"):
        requirements(variant(trainer="swfit"))


def test_devices_are_those_of_the_options() -> None:
    """Several devices make the block in which no label may repeat larger."""
    expected = 4
    assert expected == requirements(variant(training={"options": {"devices": 4}})).devices


def test_a_new_loss_needs_its_declaration_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer of another package brings losses that nothing of ours has heard of."""
    trainer = SimpleNamespace(LOSSES=(Loss("triplet", scored=True), Loss("order", task="reranker")))
    monkeypatch.setattr(plugins, "load", lambda *_, **__: trainer)
    recipe = variant(trainer="theirs", training={"loss": "triplet"})
    assert requirements(recipe) == ("triplet", True, False, 1)
    assert loss_of(variant(trainer="theirs", task="reranker"), trainer.LOSSES).name == "order"


@pytest.mark.parametrize(
    ("rows", "training", "steps", "examples"),
    [
        (100, {"options": {"devices": 2}, "accumulation": 3}, 3, 100),
        (24, {}, 3, 24),
        (26, {}, 4, 26),
        (25, {}, 3, 24),
        (25, {"accumulation": 3}, 1, 24),
        (25, {"max_steps": 9}, 3, 24),
        (25, {"max_steps": 2}, 2, 16),
        (33, {"options": {"devices": 2}}, 2, 32),
        (34, {"options": {"devices": 2}}, 3, 34),
        (35, {"options": {"devices": 4}}, 1, 32),
        (36, {"options": {"devices": 4}}, 2, 36),
    ],
)
def test_steps_are_those_that_are_trained(
    tmp_path: Path, embedding_base: Base, rows: int, training: dict[str, object], steps: int, examples: int
) -> None:
    """The last step may be short; a lone last example and rows beyond an equal share of the devices make none."""
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=rows, training=training)
    assert (steps, examples) == (job.steps, job.examples)
