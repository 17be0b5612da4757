"""The progress of a run on stderr: one line that moves, or plain lines where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from tcmbench.records.events import (
    Encoding,
    JobFailed,
    MakingStarted,
    MeasuringStarted,
    Note,
    ScoreMeasured,
    TrainingStep,
)
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

_ENCODING_SECONDS = 30.0
"""The same of one measurement."""


class Progress:
    """Shows the current model and column and the remaining work; plain lines where stderr is not a terminal."""

    def __init__(self, *, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bar
        from rich.progress import SpinnerColumn, TextColumn

        self._bar = Bar(
            SpinnerColumn(),
            # one column of text, which a narrow terminal cuts at its end
            TextColumn("[{task.completed}/{task.total}] {task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty() or total == 0,
        )
        self._total = total
        self._done = 0
        self._printed: dict[str, float] = {}
        self._started = time.monotonic()
        self._parts: dict[str, float] = {}
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
            case MakingStarted(model=model):
                self._describe(f"{model} · being made")
            case MeasuringStarted(model=model, column=column):
                self._printed[model] = time.monotonic()
                self._describe(f"{model} · {column}")
            case Encoding():
                self._encode(event)
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
        left = _duration(step.remaining)
        accuracy = "" if step.accuracy is None else f" · accuracy in the batch {step.accuracy:.1%}"
        text = f"{step.model} · step {step.step}/{step.total} · loss {step.loss:.3f}{accuracy} · {left} to go"
        self._say(step.model, text, every=_EVERY_SECONDS)

    def _encode(self, event: Encoding) -> None:
        """Show the texts or pairs of the current list, its speed, and the time left of it and of the run."""
        share = event.tokens_done / event.tokens if event.tokens else 1.0
        self._parts[event.model] = share
        speed = event.tokens_done / event.seconds if event.seconds else 0.0
        left = event.seconds * (1 - share) / share if share else 0.0
        text = (
            f"{event.model} · {event.column} · {event.done:,}/{event.total:,} {event.unit} · {speed:,.0f} tokens/s · "
            f"{_duration(left)} to go{self._rest()}"
        )
        self._say(event.model, text, every=_ENCODING_SECONDS)

    def _rest(self) -> str:
        """Return the time left of the run, if columns were of equal size; empty before a tenth of them, and for one.

        The first trainings would count for the columns that there are: hours for a run of minutes.
        """
        done = self._done + sum(self._parts.values())
        if self._total <= 1 or done < self._total / 10:
            return ""
        left = (time.monotonic() - self._started) * (self._total - done) / done
        return f", about {_duration(max(left, 0.0))} for all"

    def _say(self, model: str, text: str, *, every: float) -> None:
        """Show a text on the moving line; without a terminal, print it if that of the model is old enough."""
        self._describe(text)
        if self._bar.disable and time.monotonic() - self._printed.get(model, float("-inf")) >= every:
            self._printed[model] = time.monotonic()
            self.note(text)

    def _count(self, score: ScoreMeasured) -> None:
        """Count a score; without a terminal, print a line."""
        self._done += 1
        self._parts.pop(score.model, None)
        self._bar.update(self._task, advance=1)
        if self._bar.disable:
            value = "failed" if score.value is None else f"{100 * score.value:.2f}"
            self.note(f"[{self._done}/{self._total}] {score.model} · {score.column}: {value}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
