"""``python -m models.recipes --data DATA``: make the bundled bases anew, as ``make mini-zh DATA=…`` does.

Three stages, each a process of its own with a fixed seed: mini-zh, the reranker that starts from its first
stage, and the static model. What a stage has finished below ``--work`` is not done again, so a stopped run can be
taken up.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from models.recipes.mini_zh.export import replace_weights

_STAGES = ("build", "reranker", "static")
_MODELS = ("mini-zh", "mini-zh-reranker", "mini-zh-static")


def main() -> None:
    """Run the stages and put the three models into the ``models`` folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds pretrain/ and general/")
    parser.add_argument("--work", type=Path, default=Path("build/mini-zh"), help="folder for checkpoints and logs")
    arguments = parser.parse_args()
    for stage, model in zip(_STAGES, _MODELS, strict=True):
        if not (arguments.work / model).is_dir():
            module = f"models.recipes.mini_zh.{stage}"
            command = [sys.executable, "-m", module, "--data", str(arguments.data), "--work", str(arguments.work)]
            subprocess.run(command, check=True)
    for model in _MODELS:
        replace_weights(arguments.work / model, Path(__file__).parents[1] / model)


if __name__ == "__main__":
    main()
