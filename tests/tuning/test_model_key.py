"""The key of a tuned model holds its trainer, what the trainer shares, and its options: no more, no less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.specs.variant import Variant
from tcmbench.trainers import Loss, _runtime, sentence_transformers
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import resolve

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


def key_of(place: Workspace, variant: Variant, **training: Any) -> str:
    """Return the key of a variant's model, its training overlaid."""
    fields = variant.model_dump()
    changed = Variant.model_validate({**fields, "training": {**fields["training"], **training}})
    return tune.model_key(place, resolve(place, changed), seed=0)


def test_code_that_trains_is_in_the_key(place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new revision of the trainer, or of what all trainers share, trains anew."""
    keys = [key_of(place, variant)]
    for module, name in ((sentence_transformers, "REVISION"), (_runtime, "RUNTIME_REVISION")):
        monkeypatch.setattr(module, name, "other")
        keys.append(key_of(place, variant))
        monkeypatch.undo()
    assert len(set(keys)) == 3
    assert key_of(place, variant) == keys[0]


@pytest.mark.parametrize(
    "training",
    [
        {"options": {"matryoshka_dims": [64, 32]}},
        {"loss": "matryoshka", "options": {"matryoshka_dims": [64, 32]}},
        {"loss": "mnrl"},
        {"accumulation": 2},
    ],
)
def test_what_changes_a_training_changes_the_key(place: Workspace, variant: Variant, training: dict[str, Any]) -> None:
    """Options of the trainer, the loss and the hyper-parameters are all in it."""
    assert key_of(place, variant, **training) != key_of(place, variant)


@pytest.mark.parametrize("training", [{"options": {"matryoshka_dims": []}}, {"loss": "infonce"}, {"accumulation": 1}])
def test_a_default_that_is_spelled_out_is_the_same_model(
    place: Workspace, variant: Variant, training: dict[str, Any]
) -> None:
    """What a recipe says and what it leaves unsaid train alike, so they are one key."""
    assert key_of(place, variant, **training) == key_of(place, variant)


def test_new_options_and_losses_orphan_nothing(
    place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer that gains an option with a default, or another loss, keeps the models that it has trained."""

    class Options(sentence_transformers.Options):
        patience: int = 3

    before = key_of(place, variant)
    monkeypatch.setattr(sentence_transformers, "Options", Options)
    monkeypatch.setattr(sentence_transformers, "LOSSES", (*sentence_transformers.LOSSES, Loss("triplet")))
    assert key_of(place, variant) == before
    assert key_of(place, variant, options={"patience": 4}) != before
