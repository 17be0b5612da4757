"""Variants for tests of training sets, and readers of what they write."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tcmbench.specs.source import NegativesSpec
from tcmbench.specs.variant import AugmentationSpec, Training, Variant
from tcmbench.trainers import requirements

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.trainsets import Context

HYBRID = NegativesSpec(miner="hybrid")
PERMUTED = AugmentationSpec(name="field_permutations")


def recipe(**fields: Any) -> Variant:
    """Return a variant with a batch of four."""
    training = fields.pop("training", {"batch_size": 4})
    return Variant(name="v", base="tiny", data="folder", training=Training(**training), **fields)


def suiting(context: Context, variant: Variant) -> Context:
    """Return the context with what the variant's trainer requires."""
    return replace(context, requirements=requirements(variant))


def lines(path: Path) -> list[Any]:
    """Return what a JSON lines file holds."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def texts(messages: list[list[dict[str, str]]]) -> list[str]:
    """Return the texts of messages that hold one each."""
    return [message["content"] for (message,) in messages]
