"""A progress bar for people: one line, on stderr, and none where nobody watches."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from tcmbench.records.model import Model
    from tcmbench.records.score import Score
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.trainers import Step


def waiting(text: str) -> AbstractContextManager[object]:
    """Show that something takes its time; nothing where stderr is no terminal."""
    from rich.console import Console

    return Console(stderr=True).status(text)


_EVERY_SECONDS = 60.0
"""Between two lines of one training, where no bar can move."""


class Progress:
    """Shows which model is measured on what and how much is left; plain lines where stderr is no terminal."""

    def __init__(self, *, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty() or total == 0,
        )
        self._total = total
        self._done = 0
        self._told = float("-inf")
        self._task = self._bar.add_task("starting", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""
        if self._bar.disable:
            sys.stderr.write(f"{text}\n")
        else:
            self._bar.console.print(text, highlight=False, markup=False)

    def describe(self, text: str) -> None:
        """Say what is being done."""
        self._bar.update(self._task, description=text)

    def train(self, name: str, step: Step) -> None:
        """Show how far a training is; without a terminal, in a line a minute."""
        minutes, seconds = divmod(round(step.remaining), 60)
        text = f"{name} · step {step.step}/{step.total} · loss {step.loss:.3f} · {minutes}:{seconds:02d} to go"
        self.describe(text)
        if self._bar.disable and time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            self.note(text)

    def begin(self, model: Model, column: SuiteTask) -> None:
        """Show what is being measured."""
        self.describe(f"{model.name} · {column.column}")

    def end(self, model: Model, column: SuiteTask, score: Score | None) -> None:
        """Count it; without a terminal, print a line."""
        self._done += 1
        self._bar.update(self._task, advance=1)
        if self._bar.disable:
            value = "failed" if score is None else f"{100 * score.record.value:.2f}"
            sys.stderr.write(f"[{self._done}/{self._total}] {model.name} · {column.column}: {value}\n")
