"""Every exit code of every command, and where it comes from."""

from __future__ import annotations

import ast
import errno
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from tcmbench import cli, errors
from tcmbench.comparison.verdict import EXIT
from tcmbench.faults import EXIT_FAULT
from tests.cli.test_main import called
from tests.imports import TREES

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = {
    "board": ["demo"], "card": ["v"], "export": ["demo"], "history": ["demo"],
    "cache delete": ["bm25"], "cache prune": [], "cache show": [], "cache verify": [],
    "check": ["demo"], "compare": ["bm25", "tfidf"], "cost": ["demo"], "data build": ["v"], "data get": ["x"],
    "data convert": ["a", "b", "--from", "beir", "--to", "pos_neg"],
    "data queries": ["x", "--url", "http://localhost/v1", "--model", "m"],
    "data views": ["x", "--url", "http://localhost/v1", "--model", "m", "--kind", "keywords", "--output", "y"],
    "data split": ["x", "y", "--shares", "60/20/20"],
    "data synth": ["x"], "data validate": ["x"], "doctor": [], "eval": ["bm25"], "init": ["x"], "list": ["tasks"],
    "power": ["demo"], "run": ["demo"], "search": ["demo"], "serve": ["mini-zh"], "site": [], "train": ["v"],
    "verify": ["http://localhost:1", "--model", "bm25"], "vocabulary": ["mini-zh"],
}  # fmt: skip
"""Every command with arguments that it can be called with."""

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TcmbenchError)]
ENDS: dict[str, tuple[BaseException, int]] = {
    **{kind.__name__: (kind.__new__(kind, "mend it"), 3 if kind is errors.NotComparable else 2) for kind in KINDS},
    "a full disk": (OSError(errno.ENOSPC, "No space left on device"), 2),
    "a read-only file system": (OSError(errno.EROFS, "Read-only file system", "/srv/store"), 2),
    "too little memory": (MemoryError(), 2),
    "a terminal's encoding": (UnicodeEncodeError("ascii", "气虚", 0, 2, "ordinal not in range(128)"), 2),
    "an OSError of a library": (OSError("Can't load this"), 70),
    "a fault": (KeyError("patient 7"), 70),
    "an assertion": (AssertionError(), 70),
    "recursion": (RecursionError("maximum recursion depth exceeded"), 70),
    "a library that ends the process": (SystemExit("bye"), 70),
    "a library that ends the process with 1": (SystemExit(1), 70),
    "a library that ends the process well": (SystemExit(0), 0),
    "a reader that is gone": (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141),
    "ctrl-c": (KeyboardInterrupt(), 130),
    "no": (typer.Abort(), 130),
    "ctrl-d": (EOFError(), 130),
}
"""What ends a command → its exit code."""

_SOURCES = {
    "tcmbench.cli": ["SystemExit(code_of(call))", "typer.Exit"],
    "tcmbench.cli.check": ["typer.Exit(report.exit_code)"],
    "tcmbench.cli.doctor": ["typer.Exit(2)"],
    "tcmbench.cli.search": ["typer.Exit(found.outcome.exit_code)"],
    "tcmbench.cli.verify": ["typer.Exit(found.exit_code)"],
    # processes of our own, whose exit code is read by their parent alone
    "tcmbench.encoders._vllm_worker": ["sys.exit(0)"],
    "tcmbench.executors._worker": ["SystemExit(1)"],
    "tcmbench.trainers._runtime.leash": ["sys.exit(128 + signal.SIGTERM)"],
}
"""Module → where it ends a process."""


def test_commands_are_all_of_them() -> None:
    """A new command is held to the same exit codes."""
    assert sorted(_leaves()) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_end_of_every_command_has_its_exit_code(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Never 1, never a traceback, and one line that begins with the name of the program."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name, (error, code) in ENDS.items():

        def end(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(typer.core.TyperCommand, "invoke", end)
        assert called(*command.split(), *COMMANDS[command]) == code, name
        said = capsys.readouterr().err.strip()
        assert "Traceback" not in said
        assert "patient 7" not in said
        assert said.startswith("tcmbench: ") or code in {0, 141}, name


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_option_is_a_mistake(command: str) -> None:
    """Exit code 2, as for all that can be mended."""
    assert called(*command.split(), *COMMANDS[command], "--no-such-option") == 2


def test_only_the_gate_ends_with_one() -> None:
    """1 is an outcome of a verdict, and no error has it."""
    assert {outcome for outcome, code in EXIT.items() if code == 1} == {"regression", "too_little_gain", "inconclusive"}
    assert {kind.exit_code for kind in KINDS} == {2, 3}
    assert EXIT_FAULT == 70


def test_exit_codes_come_from_these_places_alone() -> None:
    """Whatever else ends a process would have to be told here, and in the table of docs/ci.md."""
    places = {module: ends for module, tree in TREES.items() if (ends := sorted(_ends(tree)))}
    assert places == _SOURCES


def test_the_guide_lists_the_exit_codes() -> None:
    """All of them, and no others."""
    text = (Path(__file__).parents[2] / "docs/ci.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert listed == {*EXIT.values(), *(code for _, code in ENDS.values())}


def test_a_fault_is_told_in_a_line_and_kept_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The line has the kind of error and the place, the file has the traceback, and only its owner can read it."""

    def fail(*_: object) -> None:
        raise KeyError("patient 7")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tcmbench.plugins.names", fail)
    assert called("list", "miners") == 70
    said = capsys.readouterr().err
    (kept,) = tmp_path.iterdir()
    assert said == (
        "tcmbench: internal error: KeyError in tcmbench/cli/list_.py:"
        f"{re.findall(r'list_.py:([0-9]+)', said)[0]}. This is a bug in tcmbench, please report it: the traceback is "
        f"in {kept}, TCMBENCH_LOG=DEBUG prints it here.\n"
    )
    assert "KeyError: 'patient 7'" in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o077 == 0


def test_a_fault_without_room_for_its_traceback_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And says how to see it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    monkeypatch.setattr("tcmbench.plugins.names", lambda _: 1 / 0)
    assert called("list", "miners") == 70
    assert "please report it: TCMBENCH_LOG=DEBUG prints the traceback.\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        ("TCMBENCH_LOG=loud tcmbench list sets", 2),
        ("TCMBENCH_LOG=debug tcmbench list sets", 0),
        ("tcmbench list sets > /dev/full", 2),
        ("tcmbench list nothing 2> /dev/full", 2),
        # through a descriptor, so that no mistake of the test can replace the device
        ("tcmbench board demo --format schema --output /dev/fd/9 9> /dev/full", 2),
        ("tcmbench board demo --format schema --output /dev/fd/9 9> schema.json && test -s schema.json", 0),
        ("{ tcmbench board demo --format schema; echo $? > code; } | head -1; grep -qE '^(0|141)$' code", 0),
        ("tcmbench list sets >&-", 0),
        ("LC_ALL=C PYTHONIOENCODING=ascii PYTHONUTF8=0 tcmbench list sets", 0),
        ("{ tcmbench list sets; echo $? > code; } | true; exit $(cat code)", 141),
    ],
)
def test_streams_that_cannot_be_written_to_end_it_as_listed(redirection: str, code: int, tmp_path: Path) -> None:
    """`python -m tcmbench` is the same program."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    program = f'tcmbench() {{ {sys.executable} -m tcmbench "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", program + redirection], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def _leaves() -> Iterator[str]:
    for name in cli.summaries():
        command: Any = cli._load(name)
        below = getattr(command, "commands", None)
        yield from [f"{name} {inner}" for inner in below] if below else [name]


def _ends(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Raise)
            and node.exc is not None
            and re.match(r"(typer\.|System)Exit", ast.unparse(node.exc))
        ):
            found.append(ast.unparse(node.exc))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sys.exit", "os._exit", "exit", "quit"}:
            found.append(ast.unparse(node))
    return found
