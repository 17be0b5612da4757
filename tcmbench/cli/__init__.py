"""The command line: one command a file, found by its file name and imported only when it is called.

Exit codes: 0 done; 1 a regression (`check`); 2 a mistake that can be mended, or a score that is missing;
3 scores that can't be compared. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.core
import typer.main

if TYPE_CHECKING:
    from types import ModuleType

_HELP = "What did fine-tuning gain on TCM-SD, what did the model forget, is it real, what did it cost, may it ship?"

# Shown by --help without importing any command, which would cost half a second each.
_SUMMARIES = {
    "run": "Train and evaluate what is missing of a model set and write its leaderboard.",
    "train": "Train what is missing of a variant, one model a seed.",
    "list": "List tasks, suites, bases, variants, sets and plug-ins.",
    "eval": "Evaluate one model on a suite.",
    "board": "Write the leaderboard of a set from stored scores.",
    "compare": "Compare two models query by query.",
    "check": "Say whether anything got worse: the regression gate.",
    "data": "Validate, convert, generate and build data.",
    "doctor": "Say what is installed, what is missing, and how to get it.",
    "cache": "Say how large the store is, and shrink it.",
    "init": "Make a workspace.",
}


Command = typer.core.TyperCommand | typer.core.TyperGroup


class _Commands(typer.core.TyperGroup):
    """A group whose commands are files of this folder."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return [name for name in _SUMMARIES if (Path(__file__).parent / f"{_file(name)}.py").is_file()]

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        if ctx.resilient_parsing or "--help" in sys.argv[1:2] or len(sys.argv) == 1:
            return typer.core.TyperCommand(cmd_name, short_help=_SUMMARIES[cmd_name], help=_SUMMARIES[cmd_name])
        return _load(cmd_name)


def _file(name: str) -> str:
    # `list` and `eval` would hide Python's own names where they are imported.
    return {"list": "list_", "eval": "eval_"}.get(name, name)


def _load(name: str) -> Command:
    module: ModuleType = importlib.import_module(f"tcmbench.cli.{_file(name)}")
    if hasattr(module, "app"):
        command = typer.main.get_command(module.app)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(name=name)(module.command)
        command = typer.main.get_command(single)
    if not isinstance(command, typer.core.TyperCommand | typer.core.TyperGroup):
        raise TypeError(f"expected a typer command in tcmbench/cli/{_file(name)}.py, got {type(command)}")
    command.name = name
    return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, help=_HELP)


@app.callback(invoke_without_command=False)
def _global(
    version: bool = typer.Option(False, "--version", is_eager=True, help="Print the version and stop."),
) -> None:
    if version:
        from tcmbench import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an error that the user can mend is printed without a traceback."""
    import gc

    from tcmbench.errors import TcmbenchError

    # Imports make objects by the hundred thousand that live for ever; looking through them for garbage after every 700
    # is an eighth of a short command's time.
    gc.set_threshold(100_000, *gc.get_threshold()[1:])
    _set_up_logging()
    try:
        return app(args=arguments)
    except TcmbenchError as error:
        typer.echo(f"tcmbench: {error}", err=True)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        typer.echo("tcmbench: stopped; what was finished is kept, run the same command again to go on", err=True)
        raise SystemExit(130) from None


def _set_up_logging() -> None:
    import logging
    import os

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=os.environ.get("TCMBENCH_LOG", "ERROR"))
    # bm25s logs at DEBUG from the moment it is imported
    logging.getLogger("bm25s").propagate = False
    # Progress bars of the libraries fight with ours over the same line.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
