"""Synthetic clinical records: a random part of a syndrome's signs, in patients' words, amid noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from tcmbench.data.synthetic.content import read_toml

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from tcmbench.data.synthetic.grammar import Disease, Grammar, Profile, Sign

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How far records are from the knowledge base; the defaults put BM25 in the middle of its band."""

    own_shown: float = 0.72
    """Chance that a sign telling the syndrome from its neighbours is in the record."""
    shared_shown: float = 0.35
    """The same for a sign that comes with an element or organ."""
    textbook: float = 0.3
    """Chance that a sign is noted in the textbook term and not in the patient's words."""
    noise: tuple[int, ...] = (0, 1, 1, 2, 2, 3)
    """Numbers of signs that belong to no label of the record, to draw from."""
    tongue_shown: float = 0.85
    """Chance for each of tongue, coating and pulse to be noted."""
    misread: float = 0.1
    """Chance that tongue, coating or pulse is noted as any other."""


@dataclass(frozen=True, slots=True)
class RecordText:
    """The free text of one record; an empty text is a field nobody filled in."""

    chief_complaint: str
    history: str
    examination: str


class _Phrases(BaseModel):
    """Authored fragments around the signs; variants are separated by a slash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    span: dict[str, str]
    group: dict[str, str]
    phrase: dict[str, str]


class RecordWriter:
    """Writes records of one grammar; all randomness comes from the generator it is handed."""

    def __init__(self, grammar: Grammar, *, difficulty: Difficulty | None = None) -> None:
        self._difficulty = difficulty or Difficulty()
        phrases = _Phrases.model_validate(read_toml("phrases.toml"))
        self._spans = tuple(phrases.span["spans"].split("/"))
        self._phrases = {name: tuple(text.split("/")) for name, text in phrases.phrase.items()}
        self._group = {sign: group for group, signs in phrases.group.items() for sign in signs.split()}
        self._by_kind = {
            kind: tuple(sign for sign in grammar.signs.values() if sign.kind == kind)
            for kind in ("lead", "body", "tongue", "coat", "pulse")
        }

    def write(self, labels: Sequence[Profile], disease: Disease, rng: random.Random) -> RecordText:
        """Return the text of a record with these gold syndromes (one or two)."""
        lead = _one(disease.leads, rng)
        signs = self._signs(labels, rng)
        if lead in signs:
            signs.remove(lead)
        companion = next((sign for sign in signs if sign.kind == "lead"), None)
        grouped: dict[str, list[str]] = {}
        for sign in signs:
            grouped.setdefault(self._group.get(sign.name, "present"), []).append(self._word(sign, rng))
        span = _one(self._spans, rng)
        return RecordText(
            chief_complaint=self._complaint(lead, companion, span, rng),
            history=self._history(lead, grouped, f"{span.replace('余', '多')}前", rng),
            examination=self._examination(labels, grouped, rng),
        )

    def _signs(self, labels: Sequence[Profile], rng: random.Random) -> list[Sign]:
        """Return the shown signs in random order, noise among them."""
        level = self._difficulty
        shown: list[Sign] = []
        for profile in labels:
            shown += [sign for sign in profile.own if rng.random() < level.own_shown]
            shown += [sign for sign in profile.shared if rng.random() < level.shared_shown]
        for _ in range(_one(level.noise, rng)):
            shown.append(_one(self._by_kind["body"], rng))
        shown = list(dict.fromkeys(shown))
        rng.shuffle(shown)
        return shown

    def _some(self, name: str, rng: random.Random) -> str:
        return _one(self._phrases[name], rng)

    def _word(self, sign: Sign, rng: random.Random) -> str:
        return _one(sign.book if rng.random() < self._difficulty.textbook else sign.said, rng)

    def _complaint(self, lead: Sign, companion: Sign | None, span: str, rng: random.Random) -> str:
        word = self._word(lead, rng)
        if companion and rng.random() < 0.3:
            word = f"{word}，还{_one(companion.said, rng)}，"
        return f"{word}{span}{self._some('worse', rng) if rng.random() < 0.3 else ''}"

    def _history(self, lead: Sign, grouped: Mapping[str, list[str]], ago: str, rng: random.Random) -> str:
        some = self._some
        parts = [f"{some('opening', rng)}{ago}{some('trigger', rng)}{some('began', rng)}{self._word(lead, rng)}"]
        if rng.random() < 0.6:
            parts.append(some("negative", rng))
        if rng.random() < 0.7:
            parts.append(some("course", rng))
        text = "，".join(parts) + "。"
        present = "，".join(grouped.get("present", []))
        text += f"{some('now', rng)}{present}。" if present else ""
        daily = [
            part for group in ("appetite", "sleep", "stool", "urine") if (part := self._daily(group, grouped, rng))
        ]
        return text + ("，".join(daily) + "。" if daily else "")

    def _daily(self, group: str, grouped: Mapping[str, list[str]], rng: random.Random) -> str:
        words = grouped.get(group, [])
        if words:
            return "，".join(words)
        return self._some(f"{group}_well", rng) if rng.random() < 0.5 else ""

    def _examination(self, labels: Sequence[Profile], grouped: Mapping[str, list[str]], rng: random.Random) -> str:
        some, level = self._some, self._difficulty
        parts = [some("mind", rng), *grouped.get("look", [])]
        if rng.random() < 0.5:
            parts.append(some("body_well", rng))
        if rng.random() < 0.3:
            parts.append(f"血压{rng.randrange(98, 165)}/{rng.randrange(58, 98)}毫米汞柱")
        element = _one(_one(labels, rng).elements, rng)
        for kind, choices in (("tongue", element.tongue), ("coat", element.coat), ("pulse", element.pulse)):
            if rng.random() < level.tongue_shown:
                wrong = rng.random() < level.misread
                parts.append(self._word(_one(self._by_kind[kind] if wrong else choices, rng), rng))
        return "，".join(parts) + "。"


def _one(choices: Sequence[_T], rng: random.Random) -> _T:
    # A third of the time of random.choice, and records are made of nothing but choices.
    return choices[int(rng.random() * len(choices))]
