"""A cure: makes a model from tuned models and their base, so that it forgets less and keeps the gain.

`merge.py` is the cure `merge`. A cure writes the folder of a model; `settings` returns the fields of the base's file
that this folder is loaded with instead of the base's own, such as another encoder. `tcmbench/treatment` looks up the
inputs and stores the outcome under the key of all of them.

A module may declare two facts about its models, by its formula:

    def averaged(trainings: float, *, options) -> float            number of trainings whose mean is as variable as one
                                                                   model made from several, where scores are linear in
                                                                   the weights
    def share(*, is_together: bool, options) -> float | None       share of the tuned weights, for the cure curve: 0 is
                                                                   the base, 1 the tuned model; `is_together`: one model
                                                                   is made from all seeds

Without the first the model counts as one training, which makes its interval too wide rather than too narrow.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tcmbench import plugins
from tcmbench.errors import SpecError, TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.plugins import Plugin, PluginOptions
    from tcmbench.records.model import Model
    from tcmbench.specs.base import Base
    from tcmbench.store import Json
    from tcmbench.tuning.learned_data import LearnedData


@dataclass(frozen=True, slots=True)
class CureWork:
    """Everything that one model is made from."""

    name: str
    """Name of the model, for messages: `cure/seed0`."""

    base: Model
    """The base that all inputs were tuned from."""

    tuned: tuple[Model, ...]
    """The inputs, in the order of `of`, and of their seeds where these are taken together. Each has the fields of its
    base's file that it is loaded with; those of a cure may differ from the base's."""

    seed: int
    """Seed of anything random."""

    data: LearnedData | None
    """What the first variant learned from, with its dev split where it has one; None unless the cure reads data."""

    cache: Path
    """The store, where `models.load` keeps the vectors of texts."""

    device: str | None = None
    """torch device of models that are loaded; None for the default of their library."""


class CureMethod(Protocol):
    """Interface of a module of this folder."""

    REVISION: str
    """Raised whenever the same inputs give another model; part of its key."""

    READS_DATA: bool
    """Whether it reads training data, whose hash is then part of the key."""

    LOADS_MODEL: bool
    """Whether it encodes texts with a model, for which a GPU is reserved where there is one."""

    def settings(self, base: Base, *, count: int, options: PluginOptions) -> Mapping[str, Any]:
        """Return the fields of the base's file that the made folder is loaded with instead; empty for none.

        It is called without data or weights when a run is planned: what is learned belongs into files of the folder.

        Args:
            base: How the first input is loaded.
            count: Number of inputs.
            options: Options of the cure.

        Raises:
            SpecError: The cure can't be made of so many models, or not of such a base.
        """
        ...

    def make(self, work: CureWork, out: Path, *, options: PluginOptions) -> dict[str, Json]:
        """Write the files of the model into a new folder, and return facts for the board, as few as are worth reading.

        Args:
            work: Inputs.
            out: Empty folder; everything in it is the model, and its hash is the model's revision.
            options: Options of the cure.

        Raises:
            SpecError: The inputs don't fit the cure or one another.
            TrainingError: No usable model came out.
        """
        ...


def of_recipe(recipe: Mapping[str, Json]) -> Plugin | None:
    """Return the cure of a row with its options; None where it, or an option of it, isn't installed here."""
    options = {name.removeprefix("options."): value for name, value in recipe.items() if name.startswith("options.")}
    try:
        return plugins.use("cures", str(recipe.get("cure")), options)
    except (TcmbenchError, ImportError):  # ImportError: of another package, whose own dependencies are absent
        return None


def one_input(count: int, *, cure: str) -> None:
    """Refuse several inputs.

    Raises:
        SpecError: There are several.
    """
    if count != 1:
        raise SpecError(f'cure {cure}: expected one model, got {count}. Name one in `of`, with seeds = "each".')


def copy_model(model: Model, out: Path) -> None:
    """Give a folder the files of a model.

    Weights are hard links where the file system has them, which take no space: replace such a file, but never write
    into it.

    Raises:
        ValueError: The model has no folder; what cures and forms are made from has one.
    """
    source = model.model_dir
    if source is None:
        raise ValueError(f"{model.name} has no folder")
    for path in sorted(source.rglob("*")):
        target = out / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            with contextlib.suppress(OSError):
                os.link(path.resolve(), target)
                continue
        shutil.copy2(path, target)
