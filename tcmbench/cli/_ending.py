"""How a command ends: every exit code of the program, and its causes.

0    success
1    a regression, one that can't be ruled out, or too little gain: only from `check` and `search`, by their verdict
2    an error that the user can fix: a TcmbenchError, a wrong option, a missing score, a full disk
3    scores that can't be compared
70   an internal error
130  interrupted from the keyboard, or a question answered with no
141  the reader of the output has closed it (`tcmbench list tasks | head -1`)

Exit codes of libraries are not used: Python, click and typer exit with 1 for other reasons.
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
"""Typer includes its own copy of click, or uses click, depending on its version."""


def code_of(call: Callable[[], Any]) -> int:
    """Run a command and return its exit code, after printing any error on stderr.

    Args:
        call: Runs the command without ending the process, and returns None or an exit code.
    """
    try:
        code = call()
    except TcmbenchError as error:
        return _report(str(error), error.exit_code)
    except _CLICK_ERROR as error:
        return _said_by_click(error)
    except BrokenPipeError:
        return _unread()
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    except SystemExit as error:
        return _of_library(error)
    except Exception as error:  # noqa: BLE001 - the only place where any error becomes an exit code
        return _of_other(error)
    return _stopped() if code == EXIT_STOPPED else code if isinstance(code, int) else 0


def _of_other(error: Exception) -> int:
    """Report the translation of an error; one without is an internal error, whose traceback is in the debug log."""
    known = faults.translated(error)
    if known is not None:
        logger.debug("%s", type(error).__name__, exc_info=error)
        return _report(str(known), known.exit_code)
    return _fault(error)


def _of_library(error: SystemExit) -> int:
    """Return the exit code where a library ends the process: success, a closed output, or an internal error."""
    if error.code in (None, 0):
        return 0
    return _unread() if isinstance(error.__context__, BrokenPipeError) else _fault(error)


def _fault(error: BaseException) -> int:
    logger.debug("%s", type(error).__name__, exc_info=error)
    return _report(faults.report(error), faults.EXIT_FAULT)


def _said_by_click(error: Any) -> int:
    error.message = str(error.message).replace("Value error, ", "")  # a word of pydantic, which checks options
    with contextlib.suppress(OSError):
        error.show()
    return int(getattr(error, "exit_code", _USAGE))


def _stopped() -> int:
    return _report("interrupted; finished work is stored, run the same command again to continue", EXIT_STOPPED)


def _unread() -> int:
    _close_stdout()
    return EXIT_UNREAD


def _report(text: str, code: int) -> int:
    with contextlib.suppress(OSError):  # an unwritable stderr doesn't change the exit code
        say(f"tcmbench: {text}", err=True)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        return code
    _close_stdout()
    return code


def _close_stdout() -> None:
    """Discard the buffer of stdout: Python would try to write it again at exit, and exit with 120."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
