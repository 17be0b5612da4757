"""How a command ends: every exit code of the program, and where it comes from.

0    done
1    a regression, or one that can't be ruled out: `check` alone, by its verdict
2    something to mend: an error of ours, a wrong option, a score that is missing, a disk that is full
3    scores that can't be compared
70   a fault of tcmbench's own
130  stopped from the keyboard, or a question answered with no
141  nobody reads the output any more (`tcmbench list tasks | head -1`)

What libraries make of an error is never one of these: Python, click and typer end with 1 for reasons of their own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import typer

from tcmbench import faults
from tcmbench.cli._output import say
from tcmbench.errors import TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

EXIT_STOPPED = 130
EXIT_UNREAD = 141
_USAGE = 2

_CLICK_ERROR: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""Typer carries a copy of click of its own, or uses click, by its version."""


def code_of(call: Callable[[], Any]) -> int:
    """Run a command and return its exit code, after what there is to say was said on stderr.

    Args:
        call: Runs the command without ending the process, and returns None or an exit code.
    """
    try:
        code = call()
    except TcmbenchError as error:
        return _say(str(error), error.exit_code)
    except _CLICK_ERROR as error:
        return _said_by_click(error)
    except BrokenPipeError:
        return _unread()
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    except SystemExit as error:
        return _of_library(error)
    except Exception as error:  # noqa: BLE001 - the one place where any error becomes an exit code
        return _of_other(error)
    return _stopped() if code == EXIT_STOPPED else code if isinstance(code, int) else 0


def _of_other(error: Exception) -> int:
    """Say what an error means here; one without a meaning is a fault, and the debug log has its traceback."""
    known = faults.translated(error)
    if known is not None:
        logger.debug("%s", type(error).__name__, exc_info=error)
        return _say(str(known), known.exit_code)
    return _fault(error)


def _of_library(error: SystemExit) -> int:
    """Return the exit code where a library ends the process: done, or an output that nobody reads, or a fault."""
    if error.code in (None, 0):
        return 0
    return _unread() if isinstance(error.__context__, BrokenPipeError) else _fault(error)


def _fault(error: BaseException) -> int:
    logger.debug("%s", type(error).__name__, exc_info=error)
    return _say(faults.report(error), faults.EXIT_FAULT)


def _said_by_click(error: Any) -> int:
    with contextlib.suppress(OSError):
        error.show()
    return int(getattr(error, "exit_code", _USAGE))


def _stopped() -> int:
    return _say("stopped; what was finished is kept, run the same command again to go on", EXIT_STOPPED)


def _unread() -> int:
    _close_stdout()
    return EXIT_UNREAD


def _say(text: str, code: int) -> int:
    with contextlib.suppress(OSError):  # a stderr that can't be written to changes no exit code
        say(f"tcmbench: {text}", err=True)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        return code
    _close_stdout()
    return code


def _close_stdout() -> None:
    """Give up what stdout still holds: Python would try again to write it at its end, and exit with 120."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
