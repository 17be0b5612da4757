"""The log of a training by sentence-transformers, in the form that ms-swift writes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench.errors import TrainingError
from tcmbench.trainers._runtime import checkpoints, training_log

if TYPE_CHECKING:
    from transformers import TrainerCallback


def log_writer(path: Path, *, may_be_zero: bool) -> TrainerCallback:
    """Return a callback that writes the log in ms-swift's format, one line per logged step, and checks it.

    Args:
        path: The log.
        may_be_zero: Whether loss and gradient may be 0 in a working training.
    """
    from transformers import TrainerCallback

    class LogWriter(TrainerCallback):
        """Writes the log, stops a failing training, and records the checksums of checkpoints."""

        _began = 0.0
        _first = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:
            """Store time and step of the start."""
            del args, control
            self._began, self._first = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, *, logs: dict[str, Any], **_: object) -> None:
            """Append one line; stop where the loss isn't finite, or was zero throughout."""
            del args, control
            if "loss" not in logs:
                return
            training_log.refuse_divergence(state.log_history)
            if not may_be_zero and training_log.learns_nothing(state.log_history):
                raise TrainingError(training_log.ZERO_LOSS)
            done = max(1, state.global_step - self._first)
            seconds = (time.monotonic() - self._began) / done * (state.max_steps - state.global_step)
            line = {
                **logs,
                "global_step/max_steps": f"{state.global_step}/{state.max_steps}",
                "remaining_time": f"{round(seconds)}s",
            }
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:
            """Record the checksums of the checkpoint."""
            del control
            checkpoints.record(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return LogWriter()
