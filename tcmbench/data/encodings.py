"""Encoding of a data file: UTF-8 or GB18030, and a reason where it is neither.

Nearly any bytes can be read as GB18030: Big5, Shift-JIS or Latin-1 turn into wrong characters without an error. So a
file that isn't UTF-8 has to look like Chinese when it is read as GB18030, and more so than in the other encodings.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.data import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Encoding = Literal["utf-8-sig", "gb18030"]

# A UTF-8 file with damaged bytes keeps nearly all its characters; GB18030 read as UTF-8 loses most of them.
_SHARE_OF_DAMAGE = 0.25
_SAMPLE = 1 << 22
"""Number of bytes in the sample, which starts at the first chunk that contains more than ASCII."""
_FOREIGN = re.compile(rb"[^\x00-\x7f]")

_UNICODE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OTHER_FILES = {
    b"\x1f\x8b": "a gzip file: unpack it",
    b"PK\x03\x04": "a zip file: unpack it",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it",
    b"BZh": "a bzip2 file: unpack it",
    b"\xfd7zXZ": "an xz file: unpack it",
    b"PAR1": "a parquet file: export it as JSON lines",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: run git lfs pull",
}
_MOST_OTHER = 0.1
"""Largest accepted ratio of the likelihoods of another encoding and of GB18030."""
_FEWEST_KNOWN = 0.5
"""Smallest share of a Chinese text's characters in GB2312 and the frequent part of Big5."""

_PUNCTUATION = frozenset("，。、；：？！“”‘’（）《》〈〉【】「」『』…—·～％℃")
_LEVEL_ONE_GB = (0xB0, 0xD7)
_ALL_GB = (0xA1, 0xF7)
_LEVEL_ONE_BIG5 = (0xA4, 0xC6)
_LEVEL_ONE_JIS = (0x88, 0x97)
_FULL_WIDTH = ("\uff01", "\uff5e")
_KANA = ("\u3041", "\u30ff")


class Detected(NamedTuple):
    """Properties of a file, from one reading."""

    encoding: Encoding | None
    """None where it can't be decoded, for `reason`."""

    reason: str
    """Expected and actual encoding, and the next step; "" where it can be decoded."""

    line: int
    """Line of the first character beyond ASCII, from 1, to which the reason refers."""

    is_array: bool
    """Whether it starts with a bracket, as a JSON array does."""

    sha256: str
    """Hash of its bytes."""


def detect(path: Path) -> Detected:
    """Return a file's encoding, from one reading of it.

    A file that is entirely valid in neither has the encoding of most of its characters, so that one damaged byte makes
    one bad line and not a file of wrong characters.

    Raises:
        DataAbsent: The file doesn't exist.
        DataError: It can't be read.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    head, sample, is_utf8, line = b"", bytearray(), True, 1
    for chunk in reading.chunks(path):
        digest.update(chunk)
        head = head or chunk.removeprefix(codecs.BOM_UTF8).lstrip()[:64]
        if not sample and chunk.isascii():
            line += chunk.count(b"\n")
        elif len(sample) < _SAMPLE:
            sample += chunk
        if is_utf8:
            is_utf8 = _decodes(decoder, chunk)
    is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    reason = _other_file(head) or ("" if is_utf8 else _reason(bytes(sample)))
    encoding: Encoding = "utf-8-sig" if is_utf8 or _is_damaged_utf8(bytes(sample)) else "gb18030"
    line += bytes(sample[: _first_foreign(sample)]).count(b"\n")
    return Detected(None if reason else encoding, reason, line, head.startswith(b"["), digest.hexdigest())


def _first_foreign(sample: bytearray) -> int:
    match = _FOREIGN.search(sample)
    return match.start() if match else 0


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _other_file(head: bytes) -> str:
    if head.startswith(_UNICODE_MARKS):
        return "expected UTF-8 or GB18030, got UTF-16. Save the file as UTF-8"
    for start, what in _OTHER_FILES.items():
        if head.startswith(start):
            return f"expected a text file, got {what}"
    if b"\0" in head:
        return "expected UTF-8 or GB18030, got a binary file, or UTF-16 or UTF-32. Save it as text in UTF-8"
    return ""


def _is_damaged_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", errors="replace")
    foreign = len(text) - len(text.encode("ascii", errors="ignore"))
    return text.count("\ufffd") <= _SHARE_OF_DAMAGE * foreign


def _reason(sample: bytes) -> str:
    """Return why bytes that aren't UTF-8 aren't GB18030 either; "" where they are."""
    if _is_damaged_utf8(sample):
        return ""
    # A line feed is never part of a longer character, so the sample ends after one.
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    text = sample.decode("gb18030", errors="replace")
    as_chinese = _share(text, _is_frequent_in_china)
    for name, codec, is_common in _RIVALS:
        try:
            other = sample.decode(codec)
        except UnicodeDecodeError:
            continue
        if _share(other, is_common) > as_chinese + _MOST_OTHER:
            return f"expected UTF-8 or GB18030, got text that looks like {name}. Convert it: iconv -f {codec} -t utf-8"
    if _share(text, _is_known) < _FEWEST_KNOWN:
        return "expected UTF-8 or GB18030, got another encoding: as GB18030 it isn't Chinese. Save the file as UTF-8"
    return ""


def _share(text: str, is_common: Callable[[str], bool]) -> float:
    """Return the share of a text's characters beyond ASCII for which a test is true; 1 for none of them."""
    counts = Counter(character for character in text if not character.isascii())
    return sum(n for c, n in counts.items() if is_common(c)) / counts.total() if counts else 1.0


def _is_frequent_in_china(character: str) -> bool:
    return _is_punctuation(character) or _leads(character, "gb2312", _LEVEL_ONE_GB)


def _is_known(character: str) -> bool:
    return _leads(character, "gb2312", _ALL_GB) or _is_traditional(character)


def _is_traditional(character: str) -> bool:
    return _is_punctuation(character) or _leads(character, "big5", _LEVEL_ONE_BIG5)


def _is_japanese(character: str) -> bool:
    is_kana = _KANA[0] <= character <= _KANA[1]
    return is_kana or _is_punctuation(character) or _leads(character, "shift_jis", _LEVEL_ONE_JIS)


def _is_punctuation(character: str) -> bool:
    return character in _PUNCTUATION or _FULL_WIDTH[0] <= character <= _FULL_WIDTH[1]


def _leads(character: str, codec: str, lead: tuple[int, int]) -> bool:
    try:
        encoded = character.encode(codec)
    except UnicodeEncodeError:
        return False
    return lead[0] <= encoded[0] <= lead[1]


_RIVALS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("Big5", "big5", _is_traditional),
    ("Shift-JIS", "shift_jis", _is_japanese),
    ("EUC-JP", "euc_jp", _is_japanese),
)
"""Encodings mistaken for GB18030: name, codec, and the characters that most of its texts consist of."""
