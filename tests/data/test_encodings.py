"""Which encoding a file is in, told from its bytes, and what is refused instead of read as wrong characters."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.encodings import detect

if TYPE_CHECKING:
    from pathlib import Path

SIMPLIFIED = "患者恶寒发热，无汗，头痛身疼，舌苔薄白，脉浮紧。" * 3
TRADITIONAL = "患者惡寒發熱，無汗，頭痛身疼，舌苔薄白，脈浮緊。" * 3
JAPANESE = "患者は悪寒と発熱があり、汗がなく、頭痛を訴えている。" * 3


def written(folder: Path, data: bytes) -> Path:
    """Return a file of these bytes."""
    path = folder / "file.jsonl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, "脉", "气1\t虚1\t1", "α波、①、25℃", "plain"])
@pytest.mark.parametrize(("codec", "encoding"), [("utf-8", "utf-8-sig"), ("gb18030", "gb18030")])
def test_chinese_is_read_in_both_encodings(tmp_path: Path, text: str, codec: str, encoding: str) -> None:
    """Simplified and traditional texts, single characters and symbols."""
    expected = "utf-8-sig" if text.isascii() else encoding
    assert detect(written(tmp_path, text.encode(codec))).encoding == expected


@pytest.mark.parametrize(
    ("text", "codec", "named"),
    [
        (TRADITIONAL, "big5", "looks like Big5. Convert it: iconv -f big5 -t utf-8"),
        ("氣虛", "big5", "looks like Big5"),
        (JAPANESE, "shift_jis", "looks like Shift-JIS"),
        (JAPANESE, "euc_jp", "looks like EUC-JP"),
        (SIMPLIFIED, "utf-16", "UTF-16"),
        ('{"a": "甲"}', "utf-16-le", "UTF-16 or UTF-32"),
        ('{"a": "甲"}', "utf-32", "UTF-16"),
        ("café au lait, crème brûlée", "latin-1", "as GB18030 it isn't Chinese"),
    ],
)
def test_other_encodings_are_refused(tmp_path: Path, text: str, codec: str, named: str) -> None:
    """GB18030 would read them too, as wrong characters; the reason says how to convert."""
    seen = detect(written(tmp_path, text.encode(codec)))

    assert seen.encoding is None
    assert named in seen.reason


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (gzip.compress(b"{}", mtime=0), "a gzip file: unpack it"),
        (b"PAR1\x15\x04", "a parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run git lfs pull"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path: Path, data: bytes, named: str) -> None:
    """For a file that isn't text the message names its kind and the next step."""
    seen = detect(written(tmp_path, data))

    assert seen.encoding is None
    assert named in seen.reason


def test_the_line_of_the_first_strange_character_is_named(tmp_path: Path) -> None:
    """An editor can go to it."""
    assert detect(written(tmp_path, b"a\nb\ncaf\xe9 au lait\n")).line == 3
