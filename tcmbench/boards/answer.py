"""The words of the recommendation: the same sentences on the page, in the terminal and from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.texts import Text, clip, text
from tcmbench.text.numbers import digits_of, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.boards.cells import ShownEstimate
    from tcmbench.boards.recommendation import Recommendation
    from tcmbench.boards.table import Table

_NAMED = 5
"""Number of models that a sentence names."""

_NAMES_IN_HEADLINE = frozenset({"ship", "leads", "tied", "single"})
"""Outcomes that are about the named models; of the others, the sentence after the headline names one."""

_OF_BASES = frozenset({"leads", "tied", "single"})
"""Outcomes of sets without variants."""


class Sentence(NamedTuple):
    """A sentence; where it names models, they are at its end."""

    words: Text
    """The sentence, or its beginning."""

    models: tuple[str, ...] = ()
    """Names of the models at its end; the first ones of many."""

    more: bool = False
    """Whether there are more."""


def headline(answer: Recommendation, *, is_look: bool = False) -> Sentence:
    """Return the headline; a quick look names the same models, but recommends none for release."""
    named = answer.row is not None and answer.outcome in _NAMES_IN_HEADLINE
    key = f"answer.{answer.outcome}"
    if answer.outcome == "ship" and (is_look or answer.ties):
        key = "answer.ship_look" if is_look else "answer.ship_one_of"
    return _naming(key, (answer.row, *answer.ties) if named and answer.row else ())


def notes(answer: Recommendation) -> list[Sentence]:
    """Return what the headline leaves open: why, ties, untuned models, and models that are left out."""
    said = []
    if answer.outcome != "ship" or answer.ties:
        named = () if answer.row is None or answer.outcome in _NAMES_IN_HEADLINE else (answer.row,)
        said.append(_naming(f"answer.{answer.outcome}_note", named))
    if answer.adjusted_gain is not None:
        said.append(Sentence(_adjusted(answer.adjusted_gain, of=answer.chosen_from)))
    if answer.outcome in _OF_BASES:
        said.append(_naming("answer.no_variants_note", ()))
    others = {
        "better_untrained": answer.better_untrained,
        "equal_untrained": answer.equal_untrained,
        "left_out": answer.left_out,
    }
    return said + [_naming(f"answer.{key}", models) for key, models in others.items() if models]


def as_text(table: Table) -> Text:
    """Return headline and notes as one paragraph in both languages."""
    said = [headline(table.recommendation, is_look=table.limit is not None), *notes(table.recommendation)]
    titles = {row.name: clip(row.title, 60) for row in table.rows}
    return Text(
        " ".join(_plain(f"{one.words.en} ", one, titles, ", ", ".") for one in said),
        "".join(_plain(one.words.zh, one, titles, "、", "。") for one in said),
    )


def sees(table: Table) -> Text | None:
    """Return the smallest forgetting that the suite shows with a chance of 80%; None without tuned variants."""
    from statistics import median

    from tcmbench.stats.estimates import Interval
    from tcmbench.stats.power import error_of, smallest_loss

    level = 1 - table.policy.alpha
    errors = [
        error_of(Interval(change.low, change.high, level))
        for row in table.rows
        if (change := row.aggregates.general) is not None and change.low is not None and change.high is not None
    ]
    if not errors:
        return None
    return text("answer.sees", loss=f"{smallest_loss(median(errors), alpha=table.policy.alpha):.2g}")


def _adjusted(gain: ShownEstimate, *, of: int) -> Text:
    ends, digits = (gain.value, gain.low, gain.high), digits_of(gain.value, gain.low, gain.high)
    shown = ["–" if end is None else signed(end, digits) for end in ends]
    value, low, high = shown
    return text("answer.adjusted", count=str(of), value=value, low=low, high=high)


def _plain(words: str, one: Sentence, titles: Mapping[str, str], comma: str, stop: str) -> str:
    named = comma.join(titles[name] for name in one.models) + (" …" if one.more else "")
    return f"{words}{named}".strip().removesuffix(stop) + stop


def _naming(key: str, models: tuple[str, ...]) -> Sentence:
    return Sentence(text(key), models[:_NAMED], len(models) > _NAMED)
