"""The command line: one command per file, identified by its file name and imported only when it is called.

`_ending` lists the exit codes and their causes.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import re
from pathlib import Path
from typing import Any

import typer
import typer.core
import typer.main

PROGRAM = "tcmbench"

_HELP = "What did fine-tuning gain on TCM-SD, what did the model forget, is it real, what did it cost, may it ship?"

_SUMMARY = re.compile(r'^def command\((?s:.*?):\n    """(.+?)(?:"""|$)|^app = group\("(.+)"\)$', re.MULTILINE)
"""Matches a command and its summary in the source, because importing a command takes half a second."""

_LOOK: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
"""Help is plain text, and a traceback has no local variables, because those can contain text of records."""

Command = typer.core.TyperCommand | typer.core.TyperGroup


class Group(typer.core.TyperGroup):
    """Commands with suggestions for misspelt names."""

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
        return list(summaries())

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        """Return a command that can be listed; `resolve_command` returns one that can be called."""
        del ctx
        summary = summaries().get(cmd_name)
        return None if summary is None else typer.core.TyperCommand(cmd_name, short_help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if command else None, rest


@functools.cache
def summaries() -> dict[str, str]:
    """Return the summary of each command by its name, in alphabetical order, without importing any.

    A file that defines `command`, or `app` by `group`, is a command.
    """
    files = (path for folder in __path__ for path in Path(folder).glob("[!_]*.py"))
    sources = {path.stem.removesuffix("_"): path.read_text(encoding="utf-8") for path in files}
    matches = {name: _SUMMARY.search(sources[name]) for name in sorted(sources)}
    return {name: match[1] or match[2] for name, match in matches.items() if match}


def group(summary: str) -> typer.Typer:
    """Return an application for a command with subcommands."""
    return typer.Typer(cls=Group, help=summary, no_args_is_help=True, add_completion=False, **_LOOK)


def _file(name: str) -> str:
    # A module `list` would hide Python's own name where it is imported.
    return f"{name}_" if hasattr(builtins, name) else name


def _load(name: str) -> Command:
    file = _file(name)
    module = importlib.import_module(f"tcmbench.cli.{file}")
    if hasattr(module, "app"):
        command = typer.main.get_command(module.app)
    else:
        single = typer.Typer(add_completion=False, **_LOOK)
        single.command(name=name)(module.command)
        command = typer.main.get_command(single)
    if not isinstance(command, typer.core.TyperCommand | typer.core.TyperGroup):
        raise TypeError(f"expected a typer command in tcmbench/cli/{file}.py, got {type(command)}")
    command.name = name
    return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, help=_HELP, **_LOOK)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from tcmbench.version import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _global(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
    ),
) -> None:
    del version


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code; errors are printed without a traceback.

    Args:
        arguments: Arguments after the name of the program; None takes those of the process.
    """
    import gc
    import io
    import sys

    from tcmbench.cli._ending import code_of

    # Imports create hundreds of thousands of permanent objects; collecting garbage after every 700 of them takes an
    # eighth of a short command's time.
    gc.set_threshold(100_000, *gc.get_threshold()[1:])
    for stream in (sys.stdout, sys.stderr):
        # A file name may contain characters outside the terminal's encoding.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def call() -> Any:
        _set_up_logging()
        return app(args=arguments, prog_name=PROGRAM, standalone_mode=False)

    raise SystemExit(code_of(call))


def _set_up_logging() -> None:
    import logging
    import os

    from tcmbench import processor
    from tcmbench.terminal import log_handler

    level = os.environ.get("TCMBENCH_LOG") or "ERROR"
    levels = [name for name in logging.getLevelNamesMapping() if name not in {"NOTSET", "WARN", "FATAL"}]
    if level.upper() not in levels:
        from tcmbench.errors import UnknownName

        raise UnknownName.of("level of logging", level, levels, where="$TCMBENCH_LOG")
    logging.basicConfig(handlers=[log_handler()], level=level.upper())
    if "TCMBENCH_LOG" not in os.environ:
        # which of two copies of the data is measured, and why it takes so long, has to be seen
        for name in ("tcmbench.data.location", "tcmbench.processor"):
            logging.getLogger(name).setLevel(logging.WARNING)
    # bm25s logs at DEBUG from its import
    logging.getLogger("bm25s").propagate = False
    # Progress bars of libraries would overwrite the same line.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    processor.sleep_while_waiting()
