"""The command line: one command a file, found by its file name and imported only when it is called.

Exit codes: 0 done; 1 a regression (`check`); 2 a mistake that can be mended, or a score that is missing;
3 scores that can't be compared. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.core
import typer.main

if TYPE_CHECKING:
    from types import ModuleType

PROGRAM = "tcmbench"

_HELP = "What did fine-tuning gain on TCM-SD, what did the model forget, is it real, what did it cost, may it ship?"

# Shown by --help without importing any command, which would cost half a second each.
_SUMMARIES = {
    "run": "Train and evaluate what is missing from a set and write its leaderboard.",
    "train": "Train the missing models of a variant, one per seed.",
    "list": "List tasks, suites, bases, variants, sets and plug-ins.",
    "eval": "Evaluate one model on a suite.",
    "board": "Write the leaderboard of a set from stored scores.",
    "compare": "Compare two models query by query, from stored scores.",
    "check": "Run the regression gate.",
    "data": "Validate, convert, generate and build data.",
    "doctor": "Report what is installed, what is missing, and how to get it.",
    "cache": "Show, prune and delete what the store holds.",
    "init": "Create a workspace.",
}

_LOOK: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
"""Help is plain text, and a traceback has no local variables, because those can hold text of records."""

Command = typer.core.TyperCommand | typer.core.TyperGroup


class Group(typer.core.TyperGroup):
    """Commands whose misspelt names get a suggestion."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command and the remaining arguments.

        Raises:
            UnknownName: No such command.
        """
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            from tcmbench.errors import UnknownName

            where = ctx.command_path if ctx.parent else ""
            raise UnknownName.of("command", args[0], self.list_commands(ctx), where=where)
        return super().resolve_command(ctx, args)


class _Commands(Group):
    """Commands that are files of this folder."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return [name for name in _SUMMARIES if (Path(__file__).parent / f"{_file(name)}.py").is_file()]

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        """Return a command that can be listed; `resolve_command` returns one that can be called."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return typer.core.TyperCommand(cmd_name, short_help=_SUMMARIES[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if command else None, rest


def group(name: str) -> typer.Typer:
    """Return an application for a command that has commands of its own."""
    return typer.Typer(cls=Group, help=_SUMMARIES[name], no_args_is_help=True, add_completion=False, **_LOOK)


def _file(name: str) -> str:
    # `list` and `eval` would hide Python's own names where they are imported.
    return {"list": "list_", "eval": "eval_"}.get(name, name)


def _load(name: str) -> Command:
    module: ModuleType = importlib.import_module(f"tcmbench.cli.{_file(name)}")
    if hasattr(module, "app"):
        command = typer.main.get_command(module.app)
    else:
        single = typer.Typer(add_completion=False, **_LOOK)
        single.command(name=name)(module.command)
        command = typer.main.get_command(single)
    if not isinstance(command, typer.core.TyperCommand | typer.core.TyperGroup):
        raise TypeError(f"expected a typer command in tcmbench/cli/{_file(name)}.py, got {type(command)}")
    command.name = name
    return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, help=_HELP, **_LOOK)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from tcmbench import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _global(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
    ),
) -> None:
    del version


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an error that the user can mend is printed without a traceback.

    Args:
        arguments: Words after the name of the program; None takes those of the process.
    """
    import gc

    from tcmbench.errors import TcmbenchError

    # Imports make objects by the hundred thousand that live for ever; looking through them for garbage after every 700
    # is an eighth of a short command's time.
    gc.set_threshold(100_000, *gc.get_threshold()[1:])
    _set_up_logging()
    try:
        return app(args=arguments, prog_name=PROGRAM)
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
