"""Objects of a file, each with its line, in whatever shape the file is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.data.encodings import detect
from tcmbench.data.lines import LineProblem, Row, clean, iter_objects, read_text

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"名称": "甲虚证", "n": 1}, {"名称": "乙实证", "n": 2}, {"名称": "丙寒证", "n": 3}]

LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
COMPACT = json.dumps(ROWS, ensure_ascii=False)
PRETTY = json.dumps(ROWS, ensure_ascii=False, indent=2)
ONE_A_LINE = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n]\n"


def written(folder: Path, data: bytes, name: str = "rows.json") -> Path:
    """Return a file of these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "numbers"),
    [(LINES, [1, 2, 3]), (COMPACT, [1, 1, 1]), (PRETTY, [2, 6, 10]), (ONE_A_LINE, [2, 3, 4])],
    ids=["lines", "compact array", "pretty array", "array of one a line"],
)
def test_every_shape_gives_the_same_objects(
    tmp_path: Path, text: str, numbers: list[int], line_end: str, encoding: str
) -> None:
    """Arrays and lines, in every encoding and with either line end, give equal objects at their lines."""
    path = written(tmp_path, text.replace("\n", line_end).encode(encoding))

    assert [Row(n, row) for n, row in zip(numbers, ROWS, strict=True)] == list(iter_objects(path))


def test_escaped_characters_are_read(tmp_path: Path) -> None:
    """A file of ASCII escapes gives the characters they stand for."""
    path = written(tmp_path, json.dumps(ROWS[0]).encode())

    assert [Row(1, ROWS[0])] == list(iter_objects(path))


@pytest.mark.parametrize("data", [b"", b"\n\n", "\ufeff".encode(), b"[]", b" [ \n ] \n"])
def test_a_file_without_objects_gives_none(tmp_path: Path, data: bytes) -> None:
    """Empty files and empty arrays are no errors here."""
    assert list(iter_objects(written(tmp_path, data))) == []


def test_blank_lines_count_as_lines(tmp_path: Path) -> None:
    """A row keeps the number that an editor shows."""
    assert [Row(3, {"a": 1})] == list(iter_objects(written(tmp_path, b'\n  \n{"a": 1}\n')))


def test_characters_that_only_python_takes_for_line_ends_stay_in_their_line(tmp_path: Path) -> None:
    """U+2028 and U+0085 inside a text don't cut a row in two."""
    row = {"a": "x\u2028y\u0085z"}
    path = written(tmp_path, json.dumps(row, ensure_ascii=False).encode())

    assert [Row(1, row)] == list(iter_objects(path))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "not JSON"),
        ("a,b,c", "not JSON"),
        ("3", "expected a JSON object, got a number"),
        ('"text"', "expected a JSON object, got a string"),
        ("null", "expected a JSON object, got null"),
        ('["a"]', "expected a JSON object, got an array"),
        ('{"a": "\\ud800"}', "not JSON: "),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: "),
        ("[" * 100_000, "not JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
    ],
    ids=["cut off", "csv", "number", "string", "null", "array", "half a character", "huge", "deep", "twice"],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, line: str, reason: str) -> None:
    """One bad line costs one row."""
    good = '{"a": 1}'
    found = list(iter_objects(written(tmp_path, f"{good}\n{line}\n{good}\n".encode())))

    assert [Row(1, {"a": 1}), Row(3, {"a": 1})] == [row for row in found if isinstance(row, Row)]
    assert [row.number for row in found if isinstance(row, LineProblem)] == [2]
    assert reason in "".join(row.reason for row in found if isinstance(row, LineProblem))


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('[\n{"a": 1},\n{"a" 2},\n{"a": 3}\n]', [2, 4], [3]),
        ('[\n  {\n    "a": 1\n  },\n  {\n    "a": oops\n  },\n  {\n    "a": 3\n  }\n]', [2, 8], [6]),
        ('[\n{"a": 1},\n5,\n{"a": 3}]', [2, 4], [3]),
        ('[\n{"a": 1},\n{"a": 2}\n', [2, 3], [4]),
        ('[{"a": 1}] {"a": 2}', [1], [1]),
        ('[\n{"a": 1},\n{"a": 2', [2], [3]),
        ('[\n{"a": 1},\n{"a": 1, "a": 2},\n{"a": 3}]', [2, 4], [3]),
    ],
    ids=["one a line", "pretty", "no object", "not closed", "more after the end", "cut off", "twice"],
)
def test_bad_elements_of_an_array_are_named(tmp_path: Path, text: str, good: list[int], bad: list[int]) -> None:
    """After a bad element the array is read on at the next line that opens an object."""
    found = list(iter_objects(written(tmp_path, text.encode())))

    assert good == [row.number for row in found if isinstance(row, Row)]
    assert bad == [row.number for row in found if isinstance(row, LineProblem)]


def test_a_damaged_byte_is_one_bad_line(tmp_path: Path) -> None:
    """A UTF-8 file with one broken character isn't taken for GB18030."""
    data = LINES.encode().replace("乙".encode(), b"\xe4\xb9")
    found = list(iter_objects(written(tmp_path, data)))

    assert [row.number for row in found if isinstance(row, Row)] == [1, 3]
    assert [row.number for row in found if isinstance(row, LineProblem)] == [2]


def test_a_damaged_byte_in_an_array_is_one_bad_element(tmp_path: Path) -> None:
    """The other elements of the array are read."""
    data = ONE_A_LINE.encode().replace("乙".encode(), b"\xe4\xb9")
    found = list(iter_objects(written(tmp_path, data)))

    assert [row.number for row in found if isinstance(row, Row)] == [2, 4]
    assert [LineProblem(3, "damaged characters")] == [row for row in found if isinstance(row, LineProblem)]


def test_utf16_is_named_as_such(tmp_path: Path) -> None:
    """For a file in UTF-16 the message states the accepted encodings."""
    found = list(iter_objects(written(tmp_path, LINES.encode("utf-16"))))

    assert [row.reason for row in found if isinstance(row, LineProblem)] == [
        "expected UTF-8 or GB18030, got UTF-16. Save the file as UTF-8"
    ]


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=150)
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """What a JSON writer wrote as one line is read as that one object."""
    path = written(tmp_path_factory.mktemp("any"), json.dumps({"a": text}, ensure_ascii=False).encode())

    assert [Row(1, {"a": text})] == list(iter_objects(path))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("甲虚证".encode(), "utf-8-sig"),
        ("甲虚证".encode("gb18030"), "gb18030"),
        (b"ascii", "utf-8-sig"),
        ("甲".encode("utf-16"), None),
    ],
)
def test_the_encoding_is_told_from_the_bytes(tmp_path: Path, data: bytes, expected: str | None) -> None:
    """UTF-8, GB18030 and UTF-16 are distinguished."""
    assert expected == detect(written(tmp_path, data)).encoding


def test_clean_normalises() -> None:
    """NFC, line feeds, no space around; inner line ends stay."""
    assert clean(" e\u0301\r\nb\r") == "é\nb"


def test_read_text_reads_either_encoding(tmp_path: Path) -> None:
    """The same text comes out of both."""
    texts = {read_text(written(tmp_path, "甲\r\n乙".encode(encoding))) for encoding in ("utf-8", "gb18030")}

    assert {"甲\n乙"} == texts
