"""The commands of the README, read from it and run in a shell; the Chinese README has the same ones."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import adapters

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
WEIGHTS = ROOT / "models" / "mini-zh-static"

# A path that the README leaves open, and what stands there in the test.
DATA = "/path/to/my-retrieval"
SERVE = "tcmbench board mine --serve"
_SERVED = (
    f"{SERVE} --port 0 > served & trap 'kill %1' EXIT\n"
    "until grep -q http served; do kill -0 %1; sleep 0.2; done; cp served ../served"
)
"""The other terminal, which is closed with this one."""

_EDITOR = """
import os, re, sys
from pathlib import Path

file = Path(sys.argv[1])
field, value = os.environ["EDITED"].split(" = ", 1)
text, changes = re.subn(r"(?m)^(path|hub_id|models) = .*$", f"{field} = {value}", file.read_text("utf-8"))
assert changes == 1, text
file.write_text(text, "utf-8")
"""
"""Replaces one line of a file by the setting in $EDITED."""


def blocks(readme: str) -> list[list[str]]:
    """Return the lines of every shell block."""
    found = re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / readme).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return [block.splitlines() for block in found]


def block(readme: str, start: str) -> list[str]:
    """Return the lines of the only block that begins with a command."""
    (only,) = (lines for lines in blocks(readme) if lines[0].startswith(start))
    return only


def commands(lines: list[str]) -> list[str]:
    """Return the lines without their comments."""
    return [line.partition("  #")[0].strip() for line in lines]


@pytest.fixture
def shell(tmp_path: Path, clean_environment: None) -> Path:
    """An empty folder with the virtual environment and the editor that the commands use."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").write_text(f'PATH="{tmp_path}/.venv/bin:$PATH"\n', encoding="utf-8")
    program = tmp_path / ".venv/bin/tcmbench"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tcmbench "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "editor.py").write_text(_EDITOR, encoding="utf-8")
    return tmp_path


def run(folder: Path, script: str) -> str:
    """Return what a script in a folder prints; the first command that fails ends it."""
    environment = {
        **os.environ,
        "EDITOR": f"{sys.executable} {folder}/editor.py",
        "PYTHONPATH": str(ROOT),
        "TCMBENCH_CACHE": str(folder / "store"),
    }
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def with_settings(line: str) -> str:
    """Return the line of a block as it is run: the editor makes the change that the comment states."""
    command, _, comment = line.partition("  #")
    command = command.strip()
    if command == SERVE:
        return _SERVED
    if not command.startswith("$EDITOR"):
        return command
    stated = re.search(r"models = \[.*\]", comment)
    setting = stated[0] if stated else f'path = "{WEIGHTS}"'
    return f"EDITED={shlex.quote(setting)} {command}"


def retrieval(folder: Path) -> Path:
    """Write a small retrieval task in BEIR's layout."""
    pairs = [("咳嗽痰多色白", "痰湿阻肺证"), ("口干盗汗", "阴虚火旺证"), ("神疲乏力", "气虚证"), ("畏寒肢冷", "阳虚证")]
    (folder / "qrels").mkdir(parents=True)
    texts = {"queries": [query for query, _ in pairs], "corpus": [document for _, document in pairs]}
    for name, rows in texts.items():
        lines = [json.dumps({"_id": f"{name}{n}", "text": text}, ensure_ascii=False) for n, text in enumerate(rows)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    judged = [f"queries{n}\tcorpus{n}\t1\n" for n in range(len(pairs))]
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged), encoding="utf-8")
    return folder


def test_both_readmes_have_the_same_commands() -> None:
    """All that the Chinese one has are in the English one; those of the first use are complete."""
    english, chinese = ([commands(lines) for lines in blocks(readme)] for readme in READMES)
    assert [lines for lines in chinese if lines not in english] == []
    for start in ("make demo", "tcmbench eval", "source"):
        assert commands(block(READMES[0], start)) in chinese


def test_the_ten_lines(shell: Path) -> None:
    """From an empty folder to a gate that passes: a board with the model, and a baseline."""
    lines = block("README.md", "source")
    assert len(lines) == 10
    script = "\n".join(map(with_settings, lines))
    assert DATA in script
    run(shell, script.replace(DATA, str(retrieval(shell / "my-retrieval"))))
    board = shell / "mine/leaderboards/mine"
    with (board / "scores.csv").open(encoding="utf-8", newline="") as file:
        cells = {(line["model"], line["task"]): line["status"] for line in csv.DictReader(file)}
    assert {cells[model, task] for model in ("bm25", "my-model") for task in ("MyRetrieval", "SynthQA")} == {"measured"}
    assert (board / "index.html").is_file()
    assert (board / "baseline.json").is_file()
    assert (shell / "served").read_text(encoding="utf-8").startswith("http://127.0.0.1:")


def test_the_first_real_use(shell: Path) -> None:
    """A score and a verdict, each in one command without a workspace; an untrained adapter has gained nothing."""
    measured, gated = commands(block("README.md", "tcmbench eval"))
    shutil.copytree(WEIGHTS, shell / "my-model")
    adapters.adapter(shell / "my-adapter", kind="AutoModel")
    rows = ("咳嗽痰多,痰湿阻肺证", "口干盗汗,阴虚火旺证", "神疲乏力,气虚证", "畏寒肢冷,阳虚证", "胸胁胀痛,肝郁气滞证",
            "面色萎黄,血虚证")  # fmt: skip
    (shell / "pairs.csv").write_text("query,answer\n" + "\n".join(rows), encoding="utf-8")
    said = run(shell, f"source .venv/bin/activate\n{measured}")
    assert re.fullmatch(r"pairs +in_domain +[\d.]+ +ndcg_at_10, 6 items\n", said)
    said = run(shell, f"source .venv/bin/activate\n{gated} || echo exit code $?")
    assert "may it ship? (each variant against mini-zh)" in said
    assert said.endswith("exit code 1\n")
