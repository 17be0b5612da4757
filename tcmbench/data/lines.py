"""Objects out of the JSON that is really in circulation, each with its line, bad ones named and not skipped.

Copies of one data set come as a JSON array, as JSON lines, or as JSON lines in a file named .json, in UTF-8
(with or without a byte order mark) or GB18030. A reader that stops at the first bad line makes people mend a
file line by line, so bad lines are given to the caller beside the good ones.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 20

# A UTF-8 file with damaged bytes keeps nearly all its characters; GB18030 read as UTF-8 loses most of them.
_SHARE_OF_DAMAGE = 0.25
_ENOUGH_TO_TELL = 1 << 20
"""Characters beyond ASCII after which no more are looked at."""

_NEXT_ELEMENT = re.compile(r"^[ \t]*,?[ \t]*(?=\{)", re.MULTILINE)
_GAP = re.compile(r"[\s,]*")


class Row(NamedTuple):
    """One JSON object of a file."""

    number: int
    """Line it starts on, from 1."""

    value: dict[str, object]


class Problem(NamedTuple):
    """One line that cannot be read."""

    number: int
    """Line, from 1."""

    reason: str


def describe(path: Path, problem: Problem) -> str:
    """Return a problem as it is shown to people: file:line: reason."""
    return f"{path}:{problem.number}: {problem.reason}"


def iter_objects(path: Path) -> Iterator[Row | Problem]:
    """Yield every object of a JSON array or JSON lines file in order, and a `Problem` for what is not one.

    JSON lines are streamed; a JSON array is read whole. Blank lines are no rows. An empty file gives nothing.
    """
    encoding = encoding_of(path)
    if encoding is None:
        yield Problem(1, "expected UTF-8 or GB18030, got UTF-16. Save the file as UTF-8")
    elif _is_array(path, encoding):
        yield from _array(path.read_bytes().decode(encoding, errors="replace"))
    else:
        yield from _json_lines(path, encoding)


def read_text(path: Path) -> str:
    """Return a text file's content in NFC with line feeds, from UTF-8 or GB18030; damage becomes U+FFFD."""
    text = path.read_bytes().decode(encoding_of(path) or "utf-16", errors="replace")
    return clean(text, strip=False)


def clean(text: str, *, strip: bool = True) -> str:
    """Return the text in NFC with line feeds alone and, unless told otherwise, no space around it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if strip:
        text = text.strip()
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def refuse_surrogates(value: object) -> None:
    """Refuse a value out of JSON where an escape stands for half a character, which no file can be written with.

    Raises:
        ValueError: There is one.
    """
    json.dumps(value, ensure_ascii=False).encode()


def encoding_of(path: Path) -> str | None:
    """Return "utf-8-sig" or "gb18030" for a file; None for UTF-16.

    A file that is neither whole is what most of its characters are, so that one damaged byte makes one bad
    line and not a file of wrong characters.
    """
    with path.open("rb") as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return None
    if _is_utf8(path):
        return "utf-8-sig"
    foreign = damaged = 0
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    with path.open("rb") as file:
        while foreign < _ENOUGH_TO_TELL and (chunk := file.read(_CHUNK)):
            text = decoder.decode(chunk)
            damaged += text.count("\ufffd")
            foreign += len(text) - len(text.encode("ascii", errors="ignore"))
    return "gb18030" if damaged > _SHARE_OF_DAMAGE * foreign else "utf-8-sig"


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_array(path: Path, encoding: str) -> bool:
    with path.open(encoding=encoding, errors="replace") as file:
        while chunk := file.read(_CHUNK):
            if start := chunk.lstrip():
                return start.startswith("[")
    return False


def _json_lines(path: Path, encoding: str) -> Iterator[Row | Problem]:
    # Text mode would also end lines at a lone carriage return; a line feed byte is never part of a GB18030
    # character, so bytes can be split before they are decoded.
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 and encoding == "utf-8-sig" else encoding).strip()
            except UnicodeDecodeError as error:
                yield Problem(number, f"not {error.encoding} at byte {error.start} of the line")
                continue
            if line:
                yield _parsed(line, number)


def _parsed(line: str, number: int) -> Row | Problem:
    try:
        value: object = json.loads(line)
        if "\\u" in line:
            refuse_surrogates(value)
    except json.JSONDecodeError as error:
        return Problem(number, f"not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Problem(number, f"not JSON that can be used: {error}")
    return _row(value, number)


def _row(value: object, number: int) -> Row | Problem:
    if isinstance(value, dict):
        return Row(number, cast("dict[str, object]", value))
    return Problem(number, f"expected a JSON object, got {_kind(value)}")


def _array(text: str) -> Iterator[Row | Problem]:
    """Yield the elements of a JSON array; after a bad one, go on at the next line that opens an object."""
    decoder = json.JSONDecoder()
    position = text.index("[") + 1
    line, counted = 1, 0
    while True:
        position = _after_gap(text, position)
        line, counted = line + text.count("\n", counted, position), position
        if position >= len(text):
            yield Problem(line, "the array is not closed: expected ]. Is the file cut off?")
            return
        if text[position] == "]":
            break
        try:
            value, end = decoder.raw_decode(text, position)
            element = text[position:end]
            if "\\u" in element:
                refuse_surrogates(value)
            position = end
            yield Problem(line, "damaged characters") if "\ufffd" in element else _row(value, line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            failed = error.pos if isinstance(error, json.JSONDecodeError) else position
            yield Problem(line + text.count("\n", position, failed), f"not JSON: {reason}")
            after = _NEXT_ELEMENT.search(text, max(failed, position + 1))
            if after is None:
                return
            position = after.end()
    if rest := text[position + 1 :].strip():
        yield Problem(line, f"expected the file to end after ], got {len(rest)} more characters")


def _after_gap(text: str, position: int) -> int:
    match = _GAP.match(text, position)
    return match.end() if match else position


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
