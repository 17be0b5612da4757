"""The progress of a run on stderr: a bar, or plain lines where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from tcmbench.records.events import JobFailed, MeasuringStarted, Note, ScoreMeasured, TrainingStep
from tcmbench.terminal import printable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from tcmbench.records.events import Event


def waiting(text: str) -> AbstractContextManager[object]:
    """Show a spinner during long work; nothing where stderr is not a terminal."""
    from rich.console import Console
    from rich.text import Text

    return Console(stderr=True).status(Text(printable(text)))


_EVERY_SECONDS = 60.0
"""Seconds between two lines of one training without a terminal."""


class Progress:
    """Shows the current model and column and the remaining work; plain lines where stderr is not a terminal."""

    def __init__(self, *, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty() or total == 0,
        )
        self._total = total
        self._done = 0
        self._printed: dict[str, float] = {}
        self._task = self._bar.add_task("starting", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """Print a permanent line."""
        text = printable(text)
        if self._bar.disable:
            sys.stderr.write(f"{text}\n")
        else:
            self._bar.console.print(text, highlight=False, markup=False)

    def show(self, event: Event) -> None:
        """Show an event of a run."""
        match event:
            case TrainingStep():
                self._train(event)
            case MeasuringStarted(model=model, column=column):
                self._describe(f"{model} · {column}")
            case ScoreMeasured():
                self._count(event)
            case JobFailed(model=model, reason=reason):
                self.note(f"{model}: {reason}")
            case Note(text=text):
                self.note(text)

    def _describe(self, text: str) -> None:
        self._bar.update(self._task, description=printable(text))

    def _train(self, step: TrainingStep) -> None:
        """Show the progress of a training; without a terminal, in one line per model and minute."""
        minutes, seconds = divmod(round(step.remaining), 60)
        text = f"{step.model} · step {step.step}/{step.total} · loss {step.loss:.3f} · {minutes}:{seconds:02d} to go"
        self._describe(text)
        if self._bar.disable and time.monotonic() - self._printed.get(step.model, float("-inf")) >= _EVERY_SECONDS:
            self._printed[step.model] = time.monotonic()
            self.note(text)

    def _count(self, score: ScoreMeasured) -> None:
        """Count a score; without a terminal, print a line."""
        self._done += 1
        self._bar.update(self._task, advance=1)
        if self._bar.disable:
            value = "failed" if score.value is None else f"{100 * score.value:.2f}"
            self.note(f"[{self._done}/{self._total}] {score.model} · {score.column}: {value}")
