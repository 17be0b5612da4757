"""Training sets: records → pairs → negatives → augmentation → one file that trainers read sequentially.

What trainers do silently or badly is done here: overlong texts are cut (ms-swift drops their rows), every row has one
positive and the same number of negatives, epochs are written out as passes, and equal labels are kept in separate
batches. `tcmbench.trainsets.build.build` builds one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tcmbench import miners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.store import Store


class Tokenizer(Protocol):
    """Tokenizer of the base, for counting and cutting text."""

    @property
    def revision(self) -> str:
        """Hash of everything that lengths depend on."""
        ...

    @property
    def reserved(self) -> int:
        """Tokens that the trainer's template adds to a text, or for a reranker to a pair of texts."""
        ...

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without any that a template adds."""
        ...

    def cut(self, text: str, limit: int) -> str:
        """Return the longest beginning of a text that has at most `limit` tokens."""
        ...


class Requirements(NamedTuple):
    """What a training file is built for: the loss, and the batches."""

    loss: str
    """Name of the loss, for messages."""

    scored: bool
    """Whether the loss reads pairs of texts with a score instead of a positive and its negatives."""

    in_batch: bool
    """Whether the documents of the other examples in a batch are negatives."""

    devices: int
    """Devices that train in parallel, each with its own batch."""


@dataclass(frozen=True, slots=True)
class Context:
    """What building needs in addition to the recipe and the data."""

    store: Store
    """Where training sets are kept."""

    tokenizer: Tokenizer
    """Of the base."""

    requirements: Requirements
    """Of the trainer."""

    mining: miners.MiningContext = field(default_factory=miners.MiningContext)
    """What miners may use."""
