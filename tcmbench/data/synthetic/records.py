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
    """How far records are from the knowledge base; with the defaults, BM25 finds a part and a tuned model far more."""

    own_shown: float = 0.72
    """Chance that a sign telling the syndrome from its neighbours is in the record."""
    shared_shown: float = 0.35
    """The same for a sign that comes with an element or organ."""
    textbook: float = 0.1
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
    """Authored fragments around the signs; variants are separated by a slash, names of signs by a space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    span: dict[str, str]
    group: dict[str, str]
    phrase: dict[str, str]
    negative: dict[str, str]
    unremarkable: dict[str, str]
    sex: dict[str, str]
    never_noise: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Case:
    """What one record is about to tell."""

    lead: Sign
    companion: Sign | None
    """Another complaint that may stand beside the lead."""
    words: Mapping[str, Sequence[str]]
    """Wordings of the other signs, by the part of the record that tells them."""
    shown: frozenset[str]
    """Names of all signs told, the lead among them."""
    span: str
    """How long it has lasted."""


class RecordWriter:
    """Writes records of one grammar; all randomness comes from the generator it is handed."""

    def __init__(self, grammar: Grammar, *, difficulty: Difficulty | None = None) -> None:
        self._difficulty = difficulty or Difficulty()
        phrases = _Phrases.model_validate(read_toml("phrases.toml"))
        self._spans = phrases.span["spans"].split("/")
        self._phrases = {name: text.split("/") for name, text in phrases.phrase.items()}
        self._group = {sign: group for group, signs in phrases.group.items() for sign in signs.split()}
        self._negative = _contradictions(phrases.negative)
        self._unremarkable = _contradictions(phrases.unremarkable)
        self._sex = [frozenset(phrases.sex[sex].split()) for sex in ("male", "female")]
        signs = grammar.signs.values()
        never = phrases.never_noise["signs"].split()
        self._noise = [sign for sign in signs if sign.kind == "body" and sign.name not in never]
        self._by_kind = {kind: [sign for sign in signs if sign.kind == kind] for kind in ("tongue", "coat", "pulse")}

    def impossible(self, disease: Disease, rng: random.Random) -> frozenset[str]:
        """Return the names of the signs that a patient with this disease can't have: the other sex's."""
        male, female = self._sex
        leads = {sign.name for sign in disease.leads}
        if leads & female or (not leads & male and rng.random() < 0.5):
            return male
        return female

    def write(
        self, labels: Sequence[Profile], disease: Disease, rng: random.Random, *, impossible: frozenset[str]
    ) -> RecordText:
        """Return the text of a record with these gold syndromes (one or two), without `impossible` signs."""
        case = self._case(labels, disease, rng, impossible=impossible)
        return RecordText(
            chief_complaint=self._complaint(case, rng),
            history=self._history(case, rng),
            examination=self._examination(labels, case, rng),
        )

    def _case(
        self, labels: Sequence[Profile], disease: Disease, rng: random.Random, *, impossible: frozenset[str]
    ) -> _Case:
        lead = _one(disease.leads, rng)
        signs = [sign for sign in self._signs(labels, rng) if sign is not lead and sign.name not in impossible]
        words: dict[str, list[str]] = {}
        for sign in signs:
            words.setdefault(self._group.get(sign.name, "present"), []).append(self._word(sign, rng))
        return _Case(
            lead=lead,
            companion=next((sign for sign in signs if sign.kind == "lead"), None),
            words=words,
            shown=frozenset({lead.name, *(sign.name for sign in signs)}),
            span=_one(self._spans, rng),
        )

    def _signs(self, labels: Sequence[Profile], rng: random.Random) -> list[Sign]:
        """Return the shown signs in random order, noise among them."""
        level = self._difficulty
        shown: list[Sign] = []
        for profile in labels:
            shown += [sign for sign in profile.own if rng.random() < level.own_shown]
            shown += [sign for sign in profile.shared if rng.random() < level.shared_shown]
        shown += [_one(self._noise, rng) for _ in range(_one(level.noise, rng))]
        shown = list(dict.fromkeys(shown))
        rng.shuffle(shown)
        return shown

    def _some(self, name: str, rng: random.Random) -> str:
        return _one(self._phrases[name], rng)

    def _word(self, sign: Sign, rng: random.Random) -> str:
        return _one(sign.book if rng.random() < self._difficulty.textbook else sign.said, rng)

    def _complaint(self, case: _Case, rng: random.Random) -> str:
        word = self._word(case.lead, rng)
        if case.companion and rng.random() < 0.3:
            word = f"{word}，还{_one(case.companion.said, rng)}，"
        return f"{word}{case.span}{self._some('worse', rng) if rng.random() < 0.3 else ''}"

    def _history(self, case: _Case, rng: random.Random) -> str:
        some = self._some
        ago = f"{case.span.replace('余', '多')}前"
        began = f"{some('opening', rng)}{ago}{some('trigger', rng)}{some('began', rng)}{self._word(case.lead, rng)}"
        parts = [began, *_denied(self._negative, case, rng, chance=0.6)]
        if rng.random() < 0.7:
            parts.append(some("course", rng))
        text = "，".join(parts) + "。"
        present = "，".join(case.words.get("present", []))
        text += f"{some('now', rng)}{present}。" if present else ""
        daily = [self._daily(group, case, rng) for group in ("appetite", "sleep", "stool", "urine")]
        told = "，".join(part for part in daily if part)
        return f"{text}{told}。" if told else text

    def _daily(self, group: str, case: _Case, rng: random.Random) -> str:
        words = case.words.get(group, [])
        if words or self._group.get(case.lead.name) == group:
            return "，".join(words)
        return self._some(f"{group}_well", rng) if rng.random() < 0.5 else ""

    def _examination(self, labels: Sequence[Profile], case: _Case, rng: random.Random) -> str:
        level = self._difficulty
        parts = [self._some("mind", rng), *case.words.get("look", [])]
        parts += _denied(self._unremarkable, case, rng, chance=0.5)
        if rng.random() < 0.3:
            parts.append(f"血压{rng.randrange(98, 165)}/{rng.randrange(58, 98)}毫米汞柱")
        element = _one(_one(labels, rng).elements, rng)
        for kind, choices in (("tongue", element.tongue), ("coat", element.coat), ("pulse", element.pulse)):
            if rng.random() < level.tongue_shown:
                wrong = rng.random() < level.misread
                parts.append(self._word(_one(self._by_kind[kind] if wrong else choices, rng), rng))
        return "，".join(parts) + "。"


def _contradictions(table: Mapping[str, str]) -> list[tuple[str, frozenset[str]]]:
    return [(phrase, frozenset(signs.split())) for phrase, signs in table.items()]


def _denied(
    phrases: Sequence[tuple[str, frozenset[str]]], case: _Case, rng: random.Random, *, chance: float
) -> list[str]:
    """Return one phrase with this chance, or none; never one that a shown sign contradicts."""
    phrase, signs = _one(phrases, rng)
    return [phrase] if rng.random() < chance and not signs & case.shown else []


def _one(choices: Sequence[_T], rng: random.Random) -> _T:
    # A third of the time of random.choice, and records are made of nothing but choices.
    return choices[int(rng.random() * len(choices))]
