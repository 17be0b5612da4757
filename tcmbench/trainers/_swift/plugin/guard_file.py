"""Settings of a training for its ms-swift plug-ins: a JSON file, with its path in an environment variable.

The process that starts ms-swift imports this module too, so it must not import ms-swift.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tcmbench import strict_json

VARIABLE = "TCMBENCH_GUARD"
"""Environment variable with the path of the file."""

NAME = "guard.json"
"""Name of the file in the folder of a training."""


def read() -> dict[str, Any]:
    """Return the settings of this process's training."""
    found: dict[str, Any] = strict_json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
    return found
