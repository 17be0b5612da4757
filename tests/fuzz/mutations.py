"""What happens to files on their way: bits flip, lines are lost, values change their kind, encodings their name."""

from __future__ import annotations

import json
import os
import random
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Mutation = "Callable[[Path, random.Random], None]"

_PIECES = (
    b"NaN", b"-Infinity", b"1e400", b"9" * 500, b"9" * 5000, b"null", b"true", b"[]", b"{}", b'""', b"[" * 3000,
    b"{\"a\":" * 2000, b"\0", b"\xef\xbb\xbf", b"\\ud800", b"\xff\xfe", b'"' + b"x" * 200_000 + b'"', b"\t", b"\r",
    b"\n\n", b"|", b",", b"'", b'"', "＝".encode(), "\u2028".encode(), b"..", b"/", b"{x:>999999999}", b"nan",
    b"2026-01-01", b"-1", b"0", b"1.5", b"query-id", b"_id", b"\xa4\xa4\xa4\xe5",
)  # fmt: skip
_VALUES: tuple[object, ...] = (
    None, True, False, 0, -1, 1.5, 10**400, float("nan"), float("inf"), "", " ", "x" * 200_000, [], {}, [[]], [None],
    {"a": {}}, "NaN", "\ud800", "..", "=1+1", ["甲", 1], 2**63,
)  # fmt: skip
_ENCODINGS = ("gb18030", "big5", "utf-16", "utf-16-le", "utf-32", "shift_jis", "euc_jp", "latin-1", "utf-8-sig")


def mutate(folder: Path, rng: random.Random) -> str:
    """Change one to three things about the files of a folder and return which."""
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        if not files:
            break
        change = rng.choice(_MUTATIONS)
        change(rng.choice(files), rng)
        names.append(change.__name__.strip("_"))
    return "+".join(names)


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 8) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _cut(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randint(0, len(data))])


def _drop(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    first = rng.randint(0, len(data))
    path.write_bytes(data[:first] + data[first + rng.randint(1, 40) :])


def _insert(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    place = rng.randint(0, len(data))
    path.write_bytes(data[:place] + rng.choice(_PIECES) + data[place:])


def _replace_number(path: Path, rng: random.Random) -> None:
    words = path.read_bytes().split(b" ")
    words[rng.randrange(len(words))] = rng.choice(_PIECES)
    path.write_bytes(b" ".join(words))


def _repeat_line(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().split(b"\n")
    lines.insert(rng.randint(0, len(lines)), rng.choice(lines))
    path.write_bytes(b"\n".join(lines))


def _shuffle_lines(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().split(b"\n")
    rng.shuffle(lines)
    path.write_bytes(b"\n".join(lines))


def _change_value(path: Path, rng: random.Random) -> None:
    """Give a key of a JSON row another value, or take it away."""
    lines = path.read_bytes().split(b"\n")
    place = rng.randrange(len(lines))
    try:
        row = json.loads(lines[place])
    except (ValueError, RecursionError):
        return _insert(path, rng)
    if isinstance(row, dict) and row:
        name = rng.choice(sorted(row))
        if rng.random() < 1 / 4:
            del row[name]
        else:
            row[name] = rng.choice(_VALUES)
        lines[place] = json.dumps(row, ensure_ascii=rng.random() < 1 / 2).encode("utf-8", errors="surrogatepass")
        path.write_bytes(b"\n".join(lines))
    return None


def _encode(path: Path, rng: random.Random) -> None:
    text = path.read_bytes().decode("utf-8", errors="replace")
    path.write_bytes(text.encode(rng.choice(_ENCODINGS), errors="replace"))


def _empty(path: Path, rng: random.Random) -> None:
    del rng
    path.write_bytes(b"")


def _remove(path: Path, rng: random.Random) -> None:
    del rng
    path.unlink()


def _make_folder(path: Path, rng: random.Random) -> None:
    del rng
    path.unlink()
    path.mkdir()


def _make_pipe(path: Path, rng: random.Random) -> None:
    del rng
    path.unlink()
    os.mkfifo(path)


def _make_loop(path: Path, rng: random.Random) -> None:
    del rng
    path.unlink()
    path.symlink_to(path)


def _rename(path: Path, rng: random.Random) -> None:
    name = rng.choice([b"..." + path.suffix.encode(), b"caf\xe9" + path.suffix.encode(), b"x" * 200, b" .jsonl"])
    shutil.move(path, os.fsencode(path.parent) + b"/" + name)


_MUTATIONS: tuple[Callable[[Path, random.Random], None], ...] = (
    _flip, _flip, _cut, _drop, _insert, _insert, _insert, _replace_number, _replace_number, _repeat_line,
    _shuffle_lines, _change_value, _change_value, _change_value, _encode, _encode, _empty, _remove, _make_folder,
    _make_pipe, _make_loop, _rename,
)  # fmt: skip
