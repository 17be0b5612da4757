"""Putting the batches of several training files in one order."""

from __future__ import annotations

import hashlib
from collections import deque
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import SpecError
from tcmbench.trainsets.mixed_negatives import MixedNegatives, example_of
from tcmbench.trainsets.rows import count_rows, iter_rows, origins_writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from tcmbench.trainsets.mixed_negatives import Example
    from tcmbench.trainsets.text_keys import Keys

_LOOKAHEAD = 256
"""Examples of a source that may wait because they share a positive with the batch; beyond that the source ends."""


class Stream(NamedTuple):
    """One training file that is read in its order."""

    train: Path
    rows: Path

    per_block: int
    """Its examples in a batch; in batches of one source, all of a batch."""

    name: str
    """What its source is called in messages."""

    keys: Keys | None = None
    """What its documents are known by in all files; None where batches are of one file, or may repeat positives."""

    prompt: str = ""
    """What its queries begin with."""


class Blocks(NamedTuple):
    """A written mixture."""

    lines: tuple[int, ...]
    """Lines of each source."""

    sha256: str
    """Hash of the training file."""

    replaced: int
    """Negatives that were right for another example of their batch, and were replaced."""

    in_conflict: int
    """Those for which there was no other document."""


def write_blocks(
    streams: Sequence[Stream], *, is_mixed: bool, seed: int, train: Path, rows: Path, where: str
) -> Blocks:
    """Write whole batches only, until the files are read; what doesn't fill a batch is left out.

    Args:
        streams: The files, of which one batch at a time is in memory.
        is_mixed: Whether each batch has `per_block` examples of every file, or those of one file, in a seeded order
            in which every file is used up evenly.
        seed: Seed of the order.
        train: The file to write.
        rows: Its table of rows.
        where: Context for messages.

    Raises:
        SpecError: Not one batch can be filled.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    lines = [0] * len(streams)
    digest = hashlib.sha256()
    with ExitStack() as open_files, train.open("wb") as file, origins_writer(rows) as write_origins:
        feeds = [open_files.enter_context(_feed(stream, number)) for number, stream in enumerate(streams)]
        negatives = MixedNegatives(len(streams), seed=seed)
        blocks = _mixed(feeds, rng, negatives) if is_mixed else _by_source(feeds, rng)
        for block in blocks:
            for number, example in block:
                lines[number] += 1
                file.write(example.line)
                digest.update(example.line)
            write_origins([example.origin for _, example in block])
    if not all(lines):
        raise SpecError(
            f"{where}: no batch can be filled from source {streams[lines.index(0)].name!r} without repeating a "
            'positive or an example. Lower training.batch_size, or set batch_rule = "plain", or batches = "by_source" '
            "under [mixing]."
        )
    return Blocks(tuple(lines), digest.hexdigest(), negatives.replaced, negatives.in_conflict)


class _Feed:
    """The examples of a file; those that don't fit the current batch wait for the next."""

    def __init__(self, examples: Iterator[Example], *, per_block: int, total: int) -> None:
        self.per_block = per_block
        self.blocks = total // per_block
        """Batches that the file fills."""

        self._examples = examples
        self._waiting: deque[Example] = deque()

    def take(self, used: set[str]) -> list[Example] | None:
        """Return the next examples whose keys the batch doesn't have, and add them; None where there are too few."""
        taken: list[Example] = []
        waiting, self._waiting = self._waiting, deque()
        while len(taken) < self.per_block:
            example = waiting.popleft() if waiting else next(self._examples, None)
            if example is None or len(self._waiting) > _LOOKAHEAD:
                return None
            if used.isdisjoint(example.keys):
                used |= example.keys
                taken.append(example)
            else:
                self._waiting.append(example)
        self._waiting.extend(waiting)
        return taken


def _by_source(feeds: Sequence[_Feed], rng: np.random.Generator) -> Iterator[list[tuple[int, Example]]]:
    numbers = [number for number, feed in enumerate(feeds) for _ in range(feed.blocks)]
    for number in rng.permutation(numbers).tolist():
        examples = feeds[number].take(set())
        if examples is not None:
            yield [(number, example) for example in examples]


def _mixed(
    feeds: Sequence[_Feed], rng: np.random.Generator, negatives: MixedNegatives
) -> Iterator[list[tuple[int, Example]]]:
    for _ in range(min(feed.blocks for feed in feeds)):
        used: set[str] = set()
        block: list[tuple[int, Example]] = []
        for number, feed in enumerate(feeds):
            examples = feed.take(used)
            if examples is None:
                return
            block += [(number, example) for example in examples]
        block = negatives.without_answers(block, answers=used)
        # Devices read parts of a batch, and should see all sources.
        yield [block[place] for place in rng.permutation(len(block)).tolist()]


@contextmanager
def _feed(stream: Stream, number: int) -> Iterator[_Feed]:
    """Open a file and its table of rows, whose records are named by the number of the file too."""
    with stream.train.open("rb") as lines:
        pairs = zip(lines, iter_rows(stream.rows), strict=True)
        examples = (example_of(line, origin, number, stream.keys, stream.prompt) for line, origin in pairs)
        yield _Feed(examples, per_block=stream.per_block, total=count_rows(stream.rows))
