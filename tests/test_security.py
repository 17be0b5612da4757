"""What the package never calls, and that every promise of docs/security.md names a test that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.imports import MODULES, TREES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

NEVER_IMPORTED = {
    "pickle", "shelve", "marshal", "dill", "joblib", "yaml", "tarfile", "zipfile", "xml.sax", "xml.dom", "lxml",
    "requests", "httpx", "aiohttp", "ftplib", "telnetlib", "smtplib",
}  # fmt: skip
NEVER_CALLED = {
    "eval", "exec", "compile", "os.system", "os.popen", "tempfile.mktemp", "np.load", "numpy.load", "torch.load",
    "pd.read_pickle", "pickle.load", "shutil.unpack_archive", "ET.fromstring", "ET.parse", "webbrowser.open",
}  # fmt: skip
NEVER_TRUE = {"shell", "allow_pickle", "trust_remote_code"}
HTTP = {"tcmbench.encoders._http", "tcmbench.encoders._deadline", "tcmbench.data.public.download"}
"""Modules that may ask a server for something."""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_nothing_that_runs_data_is_called() -> None:
    """No pickle, archive, YAML or XML is read, no shell started, no code allowed by a constant."""
    found = []
    for module, tree in TREES.items():
        found += [f"{module} imports {name}" for name in _imported(tree) if name in NEVER_IMPORTED]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = _dotted(node.func)
                found += [f"{module}:{node.lineno} calls {called}"] if called in NEVER_CALLED else []
                found += [
                    f"{module}:{node.lineno} sets {word.arg}"
                    for word in node.keywords
                    if word.arg in NEVER_TRUE and isinstance(word.value, ast.Constant) and word.value.value
                ]
    assert found == []


def test_few_modules_ask_servers() -> None:
    """So redirects, time and size are limited in two places: one sends keys, one downloads files."""
    asking = {module for module, tree in TREES.items() if "urllib.request" in set(_imported(tree))}
    assert asking == HTTP
    assert set(MODULES) >= HTTP


def test_every_promise_is_held_by_a_test() -> None:
    """Each test that the page names exists."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 30
    absent = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text("utf-8")]
    assert absent == []
    promises = text.partition("## Guarantees")[2].partition("## Not guaranteed")[0].strip().split("\n\n")
    assert [promise[:40] for promise in promises if "`tests/" not in promise] == []
