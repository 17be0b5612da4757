"""`tcmbench vocabulary MODEL`: what the Chinese part of its vocabulary keeps, and what changes on a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import workspace

if TYPE_CHECKING:
    from tcmbench.models.vocabulary.report import Changes

_SHOWN = 10


def command(
    model: Annotated[
        str, typer.Argument(help="A base with `derive`, or any model to derive one from: a base, a folder, a hub id.")
    ],
    text: Annotated[
        Path | None, typer.Option("--text", help="UTF-8 text file, one text per line.", show_default=False)
    ] = None,
) -> None:
    """Report what the Chinese part of a vocabulary keeps and changes on a text.

    Lines without a changed token have the same vectors.
    """
    from tcmbench import models
    from tcmbench.models import vocabulary
    from tcmbench.models.given import register
    from tcmbench.models.vocabulary import files, report
    from tcmbench.specs.base import Base, Derivation

    place, called = register(workspace(None), [model])
    name = called[model]
    derive = place.spec(Base, name).derive
    if derive is None or derive.vocabulary is None:
        derive = Derivation(base=name, vocabulary="zh")
    origin = models.base_model(place, derive.base)
    division = vocabulary.division(origin, latin=derive.latin_pieces)
    say(f"{name}: {len(division.kept):,} of {division.total:,} pieces of {derive.base}")
    if text is not None:
        whole = files.backend(files.require_folder(origin))
        _print(report.changes(whole, division.tokenizer, _lines(text)), text)


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file.

    Raises:
        DataError: It can't be read, or isn't UTF-8.
    """
    from tcmbench.errors import DataError

    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: expected a text file, but: {error.strerror}. Correct the path.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a text file in UTF-8, but: {error}. Convert it.") from error


def _print(changes: Changes, path: Path) -> None:
    say(f"{path}: {changes.lines:,} lines, {changes.tokens:,} tokens, {changes.chinese:,} with Chinese characters")
    say(f"changed: {_share(changes.changed, changes.tokens)} of all tokens")
    say(f"         {_share(changes.chinese_changed, changes.chinese)} of the tokens with Chinese characters")
    say(f"         {_share(changes.changed_lines, changes.lines)} of the lines")
    if changes.lost:
        shown = ", ".join(f"{piece} {count}" for piece, count in changes.lost[:_SHOWN])
        say(f"most frequent pieces that are lost: {shown}")


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.2f}%)" if whole else "0"
