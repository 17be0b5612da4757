"""Run a command that ends with its parent: `leash.py PARENT COMMAND …`, as a script.

A harness that is killed (SIGKILL, out of memory) can't end its training; the kernel does. It uses only the standard
library and is run by path, because importing the package would take longer than everything else.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Request SIGTERM at the parent's death, then execute the command."""
    parent, command = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # The parent ended before the request.
        sys.exit(128 + signal.SIGTERM)
    os.execvp(command[0], command)  # noqa: S606 (the caller built the command)


if __name__ == "__main__":
    main(sys.argv[1:])
