"""The synthetic knowledge base: one textbook entry per syndrome, the same for every seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.data.synthetic.grammar import Element, Profile, Sign

_SHARED_LISTED = 0.62
"""Share of an element's or organ's signs that an entry lists; books don't list everything either."""


class SyntheticEntry(NamedTuple):
    """One line of the knowledge base."""

    name: str
    definition: str
    manifestations: str
    diseases: str


def entry(profile: Profile) -> SyntheticEntry:
    """Return the textbook entry of a syndrome."""
    # Seeded by the name: the knowledge base is one text, whatever the seed of the records.
    rng = random.Random(f"entry/{profile.name}")
    listed = [*profile.own, *(sign for sign in profile.shared if rng.random() < _SHARED_LISTED)]
    listed = [sign for sign in listed if sign.kind in {"lead", "body"}]
    return SyntheticEntry(
        name=profile.name,
        definition=_definition(profile, rng),
        manifestations=_manifestations(profile, listed, rng),
        diseases=_diseases(profile, listed, rng),
    )


def _definition(profile: Profile, rng: random.Random) -> str:
    causes = "；".join(element.cause for element in profile.elements)
    faults = "，".join(organ.fault for organ in profile.organs)
    marks = "、".join(_book(sign, rng) for sign in [*profile.own, *profile.shared[:3]])
    shape = rng.choice(
        (
            "{causes}，终致{faults}，其辨识要点有{marks}。",
            "本证因{causes}而起，{faults}，可据{marks}辨认。",
            "指{faults}的一类证候，病机为{causes}，多有{marks}。",
        )
    )
    return shape.format(causes=causes, faults=faults, marks=marks)


def _manifestations(profile: Profile, listed: Sequence[Sign], rng: random.Random) -> str:
    words = [_book(sign, rng) for sign in listed]
    main, rest = "，".join(words[:4]), "，".join(words[4:])
    tongue = _either([element.tongue[0] for element in profile.elements])
    coat = _either([element.coat[0] for element in profile.elements])
    pulse = _either([element.pulse[0] for element in profile.elements])
    return f"{main}；或兼{rest}；{tongue}，{coat}，{pulse}。" if rest else f"{main}；{tongue}，{coat}，{pulse}。"


def _diseases(profile: Profile, listed: Sequence[Sign], rng: random.Random) -> str:
    cure = "、".join(_cures(profile.elements))
    lines = []
    for number, disease in enumerate(profile.diseases, start=1):
        lead = _book(disease.leads[0], rng)
        others = [sign for sign in listed if sign not in disease.leads]
        extra = "、".join(_book(sign, rng) for sign in rng.sample(others, min(2, len(others))))
        lines.append(f"{number}、{disease.name}：主见{lead}，旁见{extra}，法当{cure}。")
    return "\n".join(lines)


def _cures(elements: Sequence[Element]) -> list[str]:
    return list(dict.fromkeys(element.cure for element in elements))


def _either(signs: Sequence[Sign]) -> str:
    return "或".join(dict.fromkeys(sign.book[0] for sign in signs))


def _book(sign: Sign, rng: random.Random) -> str:
    return rng.choice(sign.book)
