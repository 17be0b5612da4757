"""The command line as a whole: names, help, version, completion, and what a short command imports."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tcmbench import __version__, cli, plugins

if TYPE_CHECKING:
    from tcmbench.plugins import Kind


FILES = sorted(Path(cli.__file__).parent.glob("[!_]*.py"))


def called(*arguments: str) -> int:
    """Return the exit code of the command line with these arguments."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    code = ended.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(autouse=True)
def _foreign_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments of the process, which belong to another program."""
    monkeypatch.setattr(sys, "argv", ["other", "--help"])


def test_the_arguments_are_those_of_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments of the process don't count where a caller passes its own."""
    assert called("list", "outputs") == 0
    assert "sarif" in capsys.readouterr().out


def test_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version needs no command."""
    assert called("--version") == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_runs_as_a_module() -> None:
    """`python -m tcmbench` is the same program under the same name."""
    done = subprocess.run(
        [sys.executable, "-m", "tcmbench", "--help"], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.startswith("Usage: tcmbench [OPTIONS] COMMAND")


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_kind_of_plugin_is_listed(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    """`tcmbench list KIND` names its plug-ins."""
    assert called("list", kind.replace("_", "-")) == 0
    assert capsys.readouterr().out.split() == plugins.names(kind)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu", "demo"], "tcmbench: no command named 'rnu'. Did you mean 'run'"),
        (["data", "synthh"], "tcmbench: tcmbench data: no command named 'synthh'. Did you mean 'synth'"),
    ],
)
def test_a_misspelt_command_gets_a_suggestion(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the closest command, at every level, and exits with 2."""
    assert called(*arguments) == 2
    assert message in capsys.readouterr().err


def test_files_that_define_a_command_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`tcmbench --help` lists every command by name with what it does, and no file that commands share."""
    modules = {path.stem: importlib.import_module(f"tcmbench.cli.{path.stem}") for path in FILES}
    commands = sorted(
        name.removesuffix("_") for name, m in modules.items() if hasattr(m, "command") or hasattr(m, "app")
    )
    assert commands == list(cli.summaries())
    assert len(commands) < len(modules)
    assert called("--help") == 0
    listed = " ".join(capsys.readouterr().out.partition("Commands:\n")[2].split())
    assert listed == " ".join(f"{name} {summary}" for name, summary in cli.summaries().items())


@pytest.mark.parametrize("name", cli.summaries())
def test_every_command_has_the_same_look_and_says_what_the_list_says(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain text that begins with the summary of `tcmbench --help`; completion is an option of the program alone."""
    monkeypatch.setenv("COLUMNS", "120")
    assert called(name, "--help") == 0
    usage, _, text = capsys.readouterr().out.partition("\n\n")
    assert usage.startswith(f"Usage: tcmbench {name} [OPTIONS]")
    assert text.strip().startswith(cli.summaries()[name])
    assert "--install-completion" not in text
    assert "─" not in text


@pytest.mark.parametrize(
    ("words", "expected"), [("ru", "run"), ("data b", "build"), ("board demo --forma", "--format")]
)  # fmt: skip
def test_completes_at_every_level(
    words: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, their commands and their options are completed."""
    assert called("--help") == 0
    assert "--install-completion" in capsys.readouterr().out
    monkeypatch.setenv("_TCMBENCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"tcmbench {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    assert called() == 0
    assert capsys.readouterr().out.split() == [expected]


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"numpy", "pydantic", "rich", "torch", "mteb"}),
        (["--version"], {"numpy", "pydantic", "rich", "torch", "mteb"}),
        (["list", "sets"], {"numpy", "rich", "torch", "mteb"}),
    ],
)
def test_short_commands_import_nothing_slow(arguments: list[str], absent: set[str]) -> None:
    """What is slow to import is imported by the commands that need it."""
    code = (
        "import sys\nfrom tcmbench.cli import main\n"
        f"try:\n  main({arguments})\nexcept SystemExit:\n  print(sorted({absent} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_reads_the_store_imports_nothing_that_works_out_a_board() -> None:
    """A run with nothing to do plans, gathers and copies a board: without NumPy, the table's schema or a renderer."""
    absent = {"numpy", "pyarrow", "jinja2", "matplotlib", "tcmbench.boards.table", "tcmbench.boards.render"}
    code = (
        "import sys\nfrom tcmbench.boards import publish\nfrom tcmbench.runs import gather, jobs, run_set\n"
        f"from tcmbench.trainsets import build\nprint(sorted({absent} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
