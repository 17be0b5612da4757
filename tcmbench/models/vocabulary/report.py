"""What a part of a vocabulary changes on a text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.models.vocabulary.scripts import has_han

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Encoding, Tokenizer


@dataclass(frozen=True, slots=True)
class Changes:
    """Counts of tokens by the whole vocabulary; a token is changed where the part has no equal one in its place."""

    lines: int
    """Lines of the text."""

    changed_lines: int
    """Lines with a changed token: their vectors differ."""

    tokens: int
    """Tokens."""

    changed: int
    """Changed tokens."""

    chinese: int
    """Tokens with a Han character."""

    chinese_changed: int
    """Changed tokens with a Han character."""

    lost: tuple[tuple[str, int], ...]
    """Changed pieces with their counts, most frequent first."""


def changes(whole: Tokenizer, part: Tokenizer, lines: Sequence[str]) -> Changes:
    """Return what changes on the lines of a text.

    Args:
        whole: Tokenizer with the whole vocabulary.
        part: Tokenizer with the part.
        lines: Lines; empty ones count as lines without tokens.
    """
    before, after = (tokenizer.encode_batch(list(lines), add_special_tokens=False) for tokenizer in (whole, part))
    tokens: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    changed_lines = 0
    for one, other in zip(before, after, strict=True):
        placed, remaining = _placed(whole, one), set(_placed(part, other))
        gone = [piece for piece, *place in placed if (piece, *place) not in remaining]
        tokens.update(piece for piece, *_ in placed)
        lost.update(gone)
        changed_lines += bool(gone)
    names = list(tokens)
    chinese = {name for name, is_chinese in zip(names, has_han(_read(whole, names)), strict=True) if is_chinese}
    return Changes(
        lines=len(lines),
        changed_lines=changed_lines,
        tokens=tokens.total(),
        changed=lost.total(),
        chinese=sum(count for piece, count in tokens.items() if piece in chinese),
        chinese_changed=sum(count for piece, count in lost.items() if piece in chinese),
        lost=tuple(lost.most_common()),
    )


def _placed(tokenizer: Tokenizer, encoding: Encoding) -> list[tuple[str, int, int]]:
    """Return the piece of each token with its place in the text.

    By its id, since `tokens` has the text of a character without a piece as if it were one.
    """
    pieces = map(tokenizer.id_to_token, encoding.ids)
    return [(str(piece), start, stop) for piece, (start, stop) in zip(pieces, encoding.offsets, strict=True)]


def _read(tokenizer: Tokenizer, pieces: Sequence[str]) -> list[str]:
    """Return the text of each piece."""
    places = tokenizer.get_vocab()
    return [tokenizer.decode([places[piece]]) for piece in pieces]
