"""A tokenizer of the library tokenizers (tokenizer.json) with a part of its vocabulary.

Text is split as before wherever only pieces that are kept take part in splitting it:

- Unigram chooses the most probable pieces. Among fewer pieces the same choice stays the most probable, as long as the
  cost of an unknown character is the same; it is derived from the least probable piece, which is therefore kept.
- BPE joins pairs. With a piece, all pieces are kept that it can be joined from, so every remaining join is reachable.
- WordPiece takes the longest piece. Among fewer pieces it stays the longest.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.errors import SpecError
from tcmbench.models.vocabulary.scripts import PieceKind, kind_of
from tcmbench.store import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Set

    from tokenizers import Tokenizer

_MODELS = ("Unigram", "BPE", "WordPiece")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""Pieces for the bytes of characters without a piece."""


@dataclass(frozen=True, slots=True)
class Division:
    """A tokenizer with a part of its vocabulary."""

    tokenizer: Tokenizer
    """The tokenizer."""

    kept: tuple[int, ...]
    """Former id of each piece, ascending; the place in here is its id."""

    total: int
    """Former number of pieces."""

    @property
    def places(self) -> dict[int, int]:
        """Former id → id."""
        return {old: new for new, old in enumerate(self.kept)}


def divided(tokenizer: Tokenizer, *, latin: int, always: Set[int]) -> Division:
    """Return a tokenizer with the Chinese part of its vocabulary.

    Args:
        tokenizer: The tokenizer.
        latin: Number of Latin pieces that are kept, in the order of their ids, which is that of their frequency.
        always: Ids that are kept in any case.

    Raises:
        SpecError: It is of a kind that can't be divided.
    """
    from tokenizers import Tokenizer

    content = strict_json.loads(tokenizer.to_str())
    kind = content["model"].get("type")
    if kind not in _MODELS:
        raise SpecError(f"its vocabulary can't be divided: expected a tokenizer {', '.join(_MODELS)}, got {kind}.")
    pieces = _pieces(content["model"])
    # Special pieces are written in Latin letters, but are none of the words of which a number is kept.
    needed = {token["id"] for token in content["added_tokens"]} | _for_unknown(content["model"], pieces)
    words = {piece: place for piece, place in pieces.items() if place not in needed}
    kept = _chosen(words, read=_reader(content), latin=latin) | needed | always
    if kind == "BPE":
        kept = _with_parts(content["model"], pieces, kept)
    order = tuple(sorted(kept))
    places = {old: new for new, old in enumerate(order)}
    _renumber(content, places)
    smaller = Tokenizer.from_str(canonical_json(content))
    _require_ids(smaller, tokenizer, places)
    return Division(smaller, order, tokenizer.get_vocab_size())


def _pieces(model: Mapping[str, Any]) -> dict[str, int]:
    """Return piece → id."""
    if model["type"] == "Unigram":
        return {piece: place for place, (piece, _) in enumerate(model["vocab"])}
    return dict(model["vocab"])


def _chosen(pieces: Mapping[str, int], *, read: Callable[[str], str | None], latin: int) -> set[int]:
    """Return the ids of the Chinese part, of the first Latin pieces, and of pieces that are no text."""
    kept, latin_ids = set(), []
    for piece, place in sorted(pieces.items(), key=lambda item: item[1]):
        text = read(piece)
        kind = PieceKind.CHINESE if text is None else kind_of(text)
        if kind is PieceKind.CHINESE:
            kept.add(place)
        elif kind is PieceKind.LATIN:
            latin_ids.append(place)
    return kept.union(latin_ids[:latin])


def _reader(content: Mapping[str, Any]) -> Callable[[str], str | None]:
    """Return the function from a piece to its text, None for bytes that are only a part of a character."""
    if "ByteLevel" in {*_types(content.get("pre_tokenizer")), *_types(content.get("decoder"))}:
        return _text_of_bytes
    prefix = content["model"].get("continuing_subword_prefix") or ""
    suffix = content["model"].get("end_of_word_suffix") or ""

    def text(piece: str) -> str | None:
        if _BYTE.fullmatch(piece):
            return None
        return piece.removeprefix(prefix).removesuffix(suffix).replace("▁", "")

    return text


def _types(node: Any) -> Iterator[str]:
    """Yield the types of all parts of a normaliser, pre-tokenizer or decoder."""
    if isinstance(node, dict):
        yield str(node.get("type"))
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _types(inner)


@functools.cache
def _bytes() -> dict[str, int]:
    """Return character → byte, as byte-level BPE writes bytes: printable ones as themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


def _text_of_bytes(piece: str) -> str | None:
    table = _bytes()
    if not all(character in table for character in piece):
        return piece
    try:
        return bytes(table[character] for character in piece).decode().strip()
    except UnicodeDecodeError:
        return None


def _for_unknown(model: Mapping[str, Any], pieces: Mapping[str, int]) -> set[int]:
    """Return the ids that the treatment of unknown characters needs."""
    if model["type"] != "Unigram":
        return {pieces[model["unk_token"]]} if model.get("unk_token") in pieces else set()
    scores = [score for _, score in model["vocab"]]
    least = scores.index(min(scores))
    return {least} if model.get("unk_id") is None else {least, model["unk_id"]}


def _pairs(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the joins of BPE, which older files have as one text."""
    pairs = []
    for pair in model["merges"]:
        first, second = pair.split(" ") if isinstance(pair, str) else pair
        pairs.append((first, second))
    return pairs


def _joined(model: Mapping[str, Any], pair: tuple[str, str]) -> str:
    return pair[0] + pair[1].removeprefix(model.get("continuing_subword_prefix") or "")


def _with_parts(model: Mapping[str, Any], pieces: Mapping[str, int], kept: Collection[int]) -> set[int]:
    """Return the kept ids with those of all pieces that they can be joined from."""
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for pair in _pairs(model):
        parts[_joined(model, pair)].update(pair)
    names = {place: piece for piece, place in pieces.items()}
    whole, waiting = set(kept), [names[place] for place in kept if place in names]
    while waiting:
        for part in parts.get(waiting.pop(), ()):
            if pieces[part] not in whole:
                whole.add(pieces[part])
                waiting.append(part)
    return whole


def _renumber(content: dict[str, Any], places: Mapping[int, int]) -> None:
    """Drop pieces and joins that aren't kept, and write the new ids, in place."""
    model = content["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [entry for place, entry in enumerate(model["vocab"]) if place in places]
        if model.get("unk_id") is not None:
            model["unk_id"] = places[model["unk_id"]]
    else:
        model["vocab"] = {piece: places[place] for piece, place in model["vocab"].items() if place in places}
    if model["type"] == "BPE":
        vocabulary = model["vocab"]
        model["merges"] = [
            list(pair)
            for pair in _pairs(model)
            if pair[0] in vocabulary and pair[1] in vocabulary and _joined(model, pair) in vocabulary
        ]
    for token in content["added_tokens"]:
        token["id"] = places[token["id"]]
    if content.get("padding"):
        content["padding"]["pad_id"] = places[content["padding"]["pad_id"]]
    _renumber_template(content.get("post_processor"), places)


def _renumber_template(node: Any, places: Mapping[int, int]) -> None:
    """Write the new ids of the special tokens that are put around a text, in place.

    Raises:
        SpecError: A post-processor whose ids are not known.
    """
    if node is None:
        return
    match node["type"]:
        case "Sequence":
            for inner in node["processors"]:
                _renumber_template(inner, places)
        case "TemplateProcessing":
            for token in node["special_tokens"].values():
                token["ids"] = [places[place] for place in token["ids"]]
        case "BertProcessing" | "RobertaProcessing":
            for name in ("sep", "cls"):
                text, place = node[name]
                node[name] = [text, places[place]]
        case "ByteLevel":
            pass
        case other:
            raise SpecError(f"its vocabulary can't be divided: unknown post-processor {other} in tokenizer.json.")


def _require_ids(smaller: Tokenizer, whole: Tokenizer, places: Mapping[int, int]) -> None:
    """Check that the library gives every piece the id that its row will have.

    Raises:
        SpecError: It doesn't.
    """
    expected = {whole.id_to_token(old): new for old, new in places.items()}
    if smaller.get_vocab(with_added_tokens=True) != expected:
        raise SpecError(
            "its vocabulary can't be divided: added tokens stand between its other pieces, so their ids would change. "
            "Save the tokenizer with the added tokens at the end."
        )
