"""`tcmbench init DIR`: create a workspace, with one example of each kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import workspace
from tcmbench.errors import SpecError

_FILES = {
    "README.md": """# A tcmbench workspace

Files here take precedence over those bundled with tcmbench. Run `tcmbench list sets`, then `tcmbench run mine`.

- `tasks/*.toml`: one task per file; `tasks/suites/*.toml`: which tasks are measured, and in which role
- `models/bases/*.toml`: models to start from; `models/variants/*.toml`: how they are tuned
- `models/sets/*.toml`: the models of one leaderboard
- `data/`: data; --data names a folder that comes first, $TCMBENCH_DATA one that comes second
""",
    "tasks/MyRetrieval.toml": """# A folder in BEIR layout: corpus.jsonl, queries.jsonl, qrels/test.tsv
type = "retrieval"
path = "my-retrieval"
description = "What the task measures, in one sentence."
license = "unknown"
source = "Put it into data/my-retrieval."
""",
    "tasks/suites/mine.toml": """description = "My task beside generated ones."

[[tasks]]
task = "MyRetrieval"
role = "in_domain"

[[tasks]]
task = "SynthQA"
role = "general"
""",
    "models/bases/my-model.toml": """# A folder (path) or a model of the hub (hub_id). Pooling, prompts and length are
# read from the model's own files; missing ones are set here, e.g. pooling = "cls".
kind = "embedding"
hub_id = "BAAI/bge-small-zh-v1.5"
description = "Description for the leaderboard."
""",
    "models/variants/my-recipe.toml": """# A recipe: name it in `variants` of a set.
base = "my-model"
data = "my-data"                 # data/my-data: records and knowledge base, see `tcmbench data --help`
trainer = "sentence_transformers"
seeds = [0, 1, 2]
negatives = { miner = "bm25", options = { count = 2 } }
training = { learning_rate = 1e-4, batch_size = 32, max_length = 256 }
""",
    "models/sets/mine.toml": """title = "My models"
# author = "Your Name"          # for the citation on the board
suite = "mine"
reference = "hashed-chars"
models = ["hashed-chars", "bm25"]
""",
    ".gitignore": "data/\nreports/generated/\n",
    # lines of two branches are both kept
    ".gitattributes": "leaderboards/*/history.jsonl merge=union\n",
}
_EXAMPLE = "models/bases/my-model.toml"
_FOLDERS = ("data", "leaderboards", "reports")


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Folder to create; it may exist if it is empty.", show_default=False),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="PATH", help="Write the file of this model's base.", show_default=False),
    ] = None,
) -> None:
    """Create a workspace, or the file of a model.

    A workspace has one example of each kind of file. With --model, the file of a base is written from the settings in
    the model's folder; without DIR, into the current workspace.
    """
    from tcmbench.models import base_file
    from tcmbench.store import write_text

    if folder is None and model is None:
        raise SpecError("Name the folder of the new workspace, or a model with --model, or both.")
    if folder is None and not workspace().is_own:
        raise SpecError(
            f"{Path.cwd()}: expected a workspace, with tasks/ and models/. To create one: "
            f"tcmbench init DIR --model {model}"
        )
    text = "" if model is None else base_file.text(workspace(), model)
    if folder is not None:
        _create(folder, model="" if model is None else model.resolve().name)
    if model is not None:
        root = folder or workspace().root
        path = root / "models" / "bases" / f"{model.resolve().name}.toml"
        if path.exists():
            raise SpecError(f"{path}: exists already. Delete it, or copy the model to a folder of another name.")
        write_text(path, text)
        say(f"{path}: the base of {model}. Add {path.stem!r} to `models` of a set.")


def _create(folder: Path, *, model: str) -> None:
    """Write a workspace; with the name of a model, its set lists that, and the example of a base is left out."""
    from tcmbench import disk
    from tcmbench.store import is_free, write_text

    if not is_free(folder):
        raise SpecError(f"{folder}: expected a new or empty folder. Choose another one.")
    with disk.writing(folder / "models"):
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        if model and name == _EXAMPLE:
            continue
        write_text(folder / name, text.replace('"bm25"]', f'"bm25", "{model}"]') if model else text)
    say(f"{folder}: a workspace. Next: cd {folder} && tcmbench list sets")
