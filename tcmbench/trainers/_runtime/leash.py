"""Become a command that dies with its parent: run as a script, `leash.py PARENT COMMAND …`.

A killed harness (SIGKILL, out of memory) can't end its training itself; the kernel does it then. Only the standard
library, and run by path, because importing the package would cost more than the rest.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask for SIGTERM at the parent's death, then become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # it died before we could ask
        sys.exit(128 + signal.SIGTERM)
    os.execvp(command[0], command)  # noqa: S606 (the caller built the command)


if __name__ == "__main__":
    main(sys.argv[1:])
