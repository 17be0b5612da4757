"""A small workspace in which commands are disturbed, and what they must leave behind all the same."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.task_types.folders import write_beir, write_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

SET = "small"
VARIANT = "tuned"

_FILES = {
    "tasks/Search.toml": 'type = "retrieval"\npath = "beir"\n',
    "tasks/Alike.toml": 'type = "sts"\npath = "sts.jsonl"\n',
    "tasks/suites/small.toml": '[[tasks]]\ntask = "Search"\nrole = "in_domain"\n'
    '[[tasks]]\ntask = "Alike"\nrole = "general"\n',
    f"models/sets/{SET}.toml": 'suite = "small"\nreference = "hashed-chars"\nmodels = ["hashed-chars", '
    '"mini-zh-static"]\n',
    f"models/variants/{VARIANT}.toml": 'base = "mini-zh-static"\ndata = "records"\ntrainer = "sentence_transformers"\n'
    'batch_rule = "plain"\n[training]\nbatch_size = 4\nepochs = 6\nsave_steps = 4\nlearning_rate = 1e-3\n',
}

COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", SET),
    "board": ("board", SET),
    "baseline": ("check", SET, "--update-baseline"),
    "outputs": ("check", SET, "--output-dir", "report"),
    "figures": ("board", SET, "--figures", "figures"),
    "synth": ("data", "synth", "generated", "--records", "200"),
    "build": ("data", "build", VARIANT),
    "train": ("train", VARIANT),
}
_FROM_NOTHING = frozenset({"run", "synth", "build", "train"})
"""Commands that begin with an empty store; the others begin where a run has ended."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    """Exit code; minus the signal that ended it."""

    said: str
    """What it wrote to stderr."""


class Child(NamedTuple):
    """A command that runs in a process of its own."""

    pid: int
    stderr: Path

    def wait(self) -> Ended:
        """Return how it ended."""
        _, status = os.waitpid(self.pid, 0)
        return Ended(os.waitstatus_to_exitcode(status), self.stderr.read_text(encoding="utf-8", errors="replace"))


def write(root: Path) -> None:
    """Write the workspace, with its data, into an empty folder."""
    from tcmbench.data.synthetic import write_tcm_sd

    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_beir(root / "data/beir")
    write_lines(
        root / "data/sts.jsonl",
        [{"sentence1": f"头痛{n}天", "sentence2": f"头痛{n * n % 7}周", "score": n % 6} for n in range(24)],
    )
    write_tcm_sd(root / "data/records", records=60, seed=0)


def start(root: Path, arguments: Sequence[str], *, stderr: Path) -> Child:
    """Start a command in a workspace; imports, which take seconds, are those of this process."""
    for name in ("mteb", "tcmbench.boards.build", "tcmbench.boards.render", "sentence_transformers"):
        importlib.import_module(name)
    sys.stdout.flush()
    stderr.touch()
    pid = os.fork()
    if pid:
        return Child(pid, stderr)
    code = 1
    try:
        code = _run(root, arguments, stderr)
    except BaseException:  # noqa: BLE001 - the parent reads it as the failure that it is
        traceback.print_exc()
    finally:
        os._exit(code)


def _run(root: Path, arguments: Sequence[str], stderr: Path) -> int:
    from tcmbench import cli

    out = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    os.chdir(root)
    os.environ["TCMBENCH_CACHE"] = str(root / "store")
    try:
        cli.main(list(arguments))
    except SystemExit as ended:
        sys.stderr.flush()
        return ended.code if isinstance(ended.code, int) else 1
    return 0


class Prepared:
    """Workspaces to begin from, and the figures that have to come out."""

    def __init__(self, folder: Path) -> None:
        self.fresh, self.done = folder / "fresh", folder / "done"
        write(self.fresh)
        copy(self.fresh, self.done)
        for name in ("run", "baseline"):
            ended = start(self.done, COMMANDS[name], stderr=folder / "stderr").wait()
            if ended.code:
                raise AssertionError(f"{name}: {ended}")
        self.figures = figures(self.done)
        shutil.rmtree(self.done / "store/boards")

    def start_of(self, command: str) -> Path:
        """Return the workspace that a command begins from."""
        return self.fresh if command in _FROM_NOTHING else self.done


def figures(root: Path) -> dict[str, object]:
    """Return what the set came to: the table of its board, and the baseline without its encoding."""
    with contextlib.suppress(FileNotFoundError):
        baseline = json.loads((root / f"leaderboards/{SET}/baseline.json").read_text(encoding="utf-8"))
        return {"scores": _table(root), "baseline": {n: m["scores"] for n, m in baseline["models"].items()}}
    return {"scores": _table(root)}


def _table(root: Path) -> str:
    return (root / f"leaderboards/{SET}/scores.csv").read_text(encoding="utf-8")


def leftovers(root: Path) -> list[str]:
    """Return what was left half-written."""
    return [path.relative_to(root).as_posix() for path in root.rglob("*.part")]


def copy(source: Path, target: Path) -> None:
    """Copy a workspace into an empty folder."""
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
