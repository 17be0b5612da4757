"""The board's strings in both languages, from `texts.toml`."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.stats.gate import Violation


class Text(NamedTuple):
    """One string in both languages."""

    en: str
    """English."""

    zh: str
    """Chinese, simplified."""

    def filled(self, **values: str) -> Text:
        """Return the text with its `{placeholders}` filled."""
        return Text(self.en.format_map(values), self.zh.format_map(values))

    def clipped(self, limit: int) -> Text:
        """Return the text truncated to `limit` characters in each language."""
        return Text(clip(self.en, limit), clip(self.zh, limit))


def same(value: str) -> Text:
    """Return a text that is the same in both languages, such as a number."""
    return Text(value, value)


def both(en: str, zh: str) -> Text:
    """Return a text of a file in English and, where it exists, in Chinese."""
    return Text(en, zh or en)


@functools.cache
def load() -> dict[str, Text]:
    """Return every string by its key, `section.name`."""
    return {
        f"{section}.{name}": Text(en=both["en"], zh=both["zh"])
        for section, strings in _file().items()
        for name, both in strings.items()
        if not isinstance(both, str)
    }


def text(key: str, **values: str) -> Text:
    """Return one string, its placeholders filled."""
    entry = load()[key]
    return entry.filled(**values) if values else entry


def quick_look(limit: int) -> str:
    """Return the mark of a quick look, in English."""
    return f"{text('page.quick').en}. {text('page.quick_note', limit=f'{limit:,}').en}"


def gate_reason(violation: Violation) -> Text:
    """Return the gate's message in English, and the same in Chinese."""
    return Text(violation.message, violation.filled(_file()["gate"][violation.said]))


def slice_name(name: str) -> Text:
    """Return the display name of a slicing or a slice; names from the data are unchanged."""
    return named("slices", clip(name, 40))


def is_own_slice(name: str) -> bool:
    """Return whether a slice has one of the board's own names, so that it says nothing about the data."""
    return f"slices.{name}" in load()


@functools.cache
def _file() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "texts.toml").read_text(encoding="utf-8"))


def metric_title(name: str) -> str:
    """Return the English name of one of mteb's metrics: nDCG@10 for ndcg_at_10; unknown names are unchanged."""
    return metric_name(name).en


def metric_name(name: str) -> Text:
    """Return the display name of one of mteb's metrics; unknown names are unchanged."""
    stem, at, cutoff = name.partition("_at_")
    shown = named("metrics", stem)
    return Text(*(clip(f"{part}{'@' if at else ''}{cutoff}", 24) for part in shown))


def named(section: str, name: str) -> Text:
    """Return the display name of a word of tcmbench's or mteb's; names without one are unchanged."""
    return load().get(f"{section}.{name}") or same(name)


MARKS: Mapping[str, str] = {"improved": "▲", "regressed": "▼"}
"""Verdict → mark of a significant difference, in plain text."""

_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "�")


def clip(value: object, limit: int = 160) -> str:
    """Return data as text for the page: no control characters, and no longer than `limit`.

    Longer text is truncated; the full text is in `scores.json`.
    """
    clean = str(value).translate(_CONTROL)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
