"""`tcmbench init DIR`: a workspace of one's own, with one example of each kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.errors import SpecError

_FILES = {
    "README.md": """# A tcmbench workspace

What is here comes before what is bundled with tcmbench. Run `tcmbench list sets`, then `tcmbench run mine`.

- `tasks/*.toml`: one task per file; `tasks/suites/*.toml`: which tasks are measured, and as what
- `models/bases/*.toml`: models to start from; `models/variants/*.toml`: how they are tuned
- `models/sets/*.toml`: what stands on one leaderboard
- `data/`: the data root, unless --data or $TCMBENCH_DATA names another
""",
    "tasks/MyRetrieval.toml": """# A folder in BEIR layout: corpus.jsonl, queries.jsonl, qrels/test.tsv
type = "retrieval"
path = "my-retrieval"
description = "What the task asks, in one sentence."
license = "who may use the data"
source = "How to get the data."
""",
    "tasks/suites/mine.toml": """description = "My task beside generated ones."

[[tasks]]
task = "MyRetrieval"
role = "in_domain"

[[tasks]]
task = "SynthQA"
role = "general"
""",
    "models/bases/my-model.toml": """# Weights: a folder under models/ (path) or a model of the hub (hub_id)
kind = "embedding"
hub_id = "Qwen/Qwen3-Embedding-0.6B"
architecture = "qwen3"
pooling = "last"
padding_side = "left"
max_length = 512
dtype = "bfloat16"
query_prompt = "Instruct: Given a clinical record, retrieve the syndrome it shows\\nQuery:"
description = "What stands on the leaderboard about it."
""",
    "models/sets/mine.toml": """title = "My models"
suite = "mine"
reference = "hashed-chars"
models = ["hashed-chars", "bm25"]
""",
    ".gitignore": "data/\nreports/generated/\n",
}
_FOLDERS = ("models/variants", "data", "leaderboards", "reports")


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; it may exist if it is empty.")],
) -> None:
    """Create a workspace.

    It holds one example of each kind of file.
    """
    from tcmbench import disk
    from tcmbench.store import is_free, write_text

    if not is_free(folder):
        raise SpecError(f"{folder}: expected a new or empty folder. Name another one.")
    with disk.writing(folder / "models"):
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        write_text(folder / name, text)
    typer.echo(f"{folder}: a workspace. Next: cd {folder} && tcmbench list sets")
