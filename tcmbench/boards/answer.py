"""The words of the recommendation: the same sentences on the page, in the terminal and from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.texts import Text, clip, text
from tcmbench.comparison import cures
from tcmbench.text.numbers import digits_of, percent, signed

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


class CureSentence(NamedTuple):
    """A sentence that begins with the name of a model, and may end with another."""

    subject: str
    """Cure that worked, or variant to treat."""

    words: Text
    """The sentence between the names."""

    variant: str = ""
    """Variant that the cure is made from; empty where the sentence has no name at its end."""


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
    """Return headline, notes, and the advice on cures, as one paragraph in both languages."""
    said = [headline(table.recommendation, is_look=table.limit is not None), *notes(table.recommendation)]
    titles = {row.name: clip(row.title, 60) for row in table.rows}
    advised = cure_advice(table)
    english = [_plain(f"{one.words.en} ", one, titles, ", ", ".") for one in said]
    chinese = [_plain(one.words.zh, one, titles, "、", "。") for one in said]
    if advised is not None:
        first, last = (titles[name] if name else "" for name in (advised.subject, advised.variant))
        english.append(f"{first} {advised.words.en}" + (f" {last}." if last else ""))
        chinese.append(f"{first} {advised.words.zh}" + (f" {last}。" if last else ""))
    return Text(" ".join(english), "".join(chinese))


def cure_advice(table: Table) -> CureSentence | None:
    """Return which cure worked on this set, or on which variant to try one; None where neither applies."""
    answer = table.recommendation
    if answer.treated is None:
        return None
    effect = table.row(answer.cure).cure if answer.cure else None
    if answer.cure is None or effect is None or effect.gain_kept is None or effect.forgetting_undone is None:
        return CureSentence(answer.treated, text("answer.next_cure", set=table.name))
    kept, undone = percent(effect.gain_kept.value), percent(effect.forgetting_undone.value)
    return CureSentence(answer.cure, text("answer.next_cured", kept=kept, undone=undone), answer.treated)


def cure_block(table: Table) -> str:
    """Return the table of a set's file that adds the cure to try first; empty where there is none to try."""
    answer = table.recommendation
    return cures.block(answer.treated) if answer.treated is not None and answer.cure is None else ""


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
