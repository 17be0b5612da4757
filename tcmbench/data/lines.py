"""Objects from JSON files in their various shapes, each with its line; bad ones are reported, not skipped.

Copies of one data set come as a JSON array, as JSON lines, or as JSON lines in a file named .json, in UTF-8
(with or without a byte order mark) or GB18030. A reader that stops at the first bad line forces users to fix a
file line by line, so bad lines are yielded together with the good ones.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple, cast

from tcmbench import strict_json
from tcmbench.data import encodings, reading
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEXT_ELEMENT = re.compile(r"^[ \t]*,?[ \t]*(?=\{)", re.MULTILINE)
_GAP = re.compile(r"[\s,]*")


class Row(NamedTuple):
    """One object of a JSON file, or one row of a table."""

    number: int
    """Line it starts on, from 1."""

    value: dict[str, object]


class LineProblem(NamedTuple):
    """One line that cannot be read."""

    number: int
    """Line, from 1."""

    reason: str


def describe(path: Path, problem: LineProblem) -> str:
    """Return a problem for display: file:line: reason."""
    return f"{path}:{problem.number}: {problem.reason}"


def iter_objects(path: Path) -> Iterator[Row | LineProblem]:
    """Yield every object of a JSON array or JSON lines file in order, and a `LineProblem` for anything else.

    JSON lines are streamed; a JSON array is read as a whole. Blank lines are skipped. An empty file yields nothing.

    Raises:
        DataAbsent: There is no such file.
        DataError: It can't be read, or changed between two readings.
    """
    seen = encodings.detect(path)
    if seen.encoding is None:
        yield LineProblem(seen.line, seen.reason)
        return
    pieces = reading.chunks(path, sha256=seen.sha256)
    if seen.is_array:
        yield from _array(b"".join(pieces).decode(seen.encoding, errors="replace"))
    else:
        yield from _json_lines(_split(pieces), seen.encoding)


def read_text(path: Path) -> str:
    """Return a text file's content in NFC with line feeds, from UTF-8 or GB18030; damage becomes U+FFFD.

    Raises:
        DataAbsent: There is no such file.
        DataError: It can't be read, or is in another encoding.
    """
    seen = encodings.detect(path)
    if seen.encoding is None:
        raise DataError(f"{describe(path, LineProblem(seen.line, seen.reason))}.")
    data = b"".join(reading.chunks(path, sha256=seen.sha256))
    return clean(data.decode(seen.encoding, errors="replace"), strip=False)


def clean(text: str, *, strip: bool = True) -> str:
    """Return the text in NFC with line feeds only and, by default, no surrounding space."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if strip:
        text = text.strip()
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def refuse_surrogates(value: object) -> None:
    """Check that a value from JSON has no escape of half a character, which can't be written to a file.

    Raises:
        ValueError: It has one.
    """
    json.dumps(value, ensure_ascii=False).encode()


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, without their line feeds."""
    # Text mode would also end lines at a single carriage return; a line feed byte is never part of a GB18030
    # character, so bytes can be split before they are decoded.
    begun: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        begun.append(first)
        for line in others:
            yield b"".join(begun)
            begun = [line]
    if last := b"".join(begun):
        yield last


def _json_lines(lines: Iterator[bytes], encoding: str) -> Iterator[Row | LineProblem]:
    for number, raw in enumerate(lines, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 and encoding == "utf-8-sig" else encoding).strip()
        except UnicodeDecodeError as error:
            yield LineProblem(number, f"not {error.encoding} at byte {error.start} of the line")
            continue
        if line:
            yield _parsed(line, number)


def _parsed(line: str, number: int) -> Row | LineProblem:
    try:
        value: object = strict_json.loads(line)
        if "\\u" in line:
            refuse_surrogates(value)
    except json.JSONDecodeError as error:
        return LineProblem(number, f"not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return LineProblem(number, f"not JSON: {error}")
    return _row(value, number)


def _row(value: object, number: int) -> Row | LineProblem:
    if isinstance(value, dict):
        return Row(number, cast("dict[str, object]", value))
    return LineProblem(number, f"expected a JSON object, got {_kind(value)}")


def _array(text: str) -> Iterator[Row | LineProblem]:
    """Yield the elements of a JSON array; after a bad one, continue at the next line that opens an object."""
    position = text.index("[") + 1
    line, counted = 1, 0
    while True:
        position = _after_gap(text, position)
        line, counted = line + text.count("\n", counted, position), position
        if position >= len(text):
            yield LineProblem(line, "the array is not closed: expected ]. Is the file truncated?")
            return
        if text[position] == "]":
            break
        try:
            value, end = strict_json.DECODER.raw_decode(text, position)
            element = text[position:end]
            if "\\u" in element:
                refuse_surrogates(value)
            position = end
            yield LineProblem(line, "damaged characters") if "\ufffd" in element else _row(value, line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            failed = error.pos if isinstance(error, json.JSONDecodeError) else position
            yield LineProblem(line + text.count("\n", position, failed), f"not JSON: {reason}")
            after = _NEXT_ELEMENT.search(text, max(failed, position + 1))
            if after is None:
                return
            position = after.end()
    if rest := text[position + 1 :].strip():
        yield LineProblem(line, f"expected the file to end after ], got {len(rest)} more characters")


def _after_gap(text: str, position: int) -> int:
    match = _GAP.match(text, position)
    return match.end() if match else position


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
