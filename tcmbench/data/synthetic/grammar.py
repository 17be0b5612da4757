"""The grammar of syndromes: elements × organs → the signs a patient shows and a textbook lists.

A sign has textbook terms and everyday wordings. Documents use the former, records mostly the latter, so a
model that learns which wording means which term beats a lexical one.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Sign:
    """One clinical sign in its two registers."""

    name: str
    """First textbook term."""
    kind: str
    """lead, body, tongue, coat or pulse."""
    book: tuple[str, ...]
    """Textbook terms, as in the knowledge base."""
    said: tuple[str, ...]
    """Everyday wordings, as in records."""


@dataclass(frozen=True, slots=True)
class Element:
    """What is wrong: 气虚, 血瘀, 湿热 …"""

    cause: str
    cure: str
    signs: tuple[Sign, ...]
    tongue: tuple[Sign, ...]
    coat: tuple[Sign, ...]
    pulse: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Organ:
    """Where it is wrong: 肝, 脾, 胞宫, 经络 …"""

    fault: str
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Disease:
    """A disease name with the signs that bring the patient to the doctor; several syndromes share it."""

    name: str
    code: str
    leads: tuple[Sign, ...]


@dataclass(frozen=True)
class Profile:
    """A syndrome with everything its documents and records are made of."""

    name: str
    elements: tuple[Element, ...]
    organs: tuple[Organ, ...]
    own: tuple[Sign, ...]
    """Signs that tell it from its near-synonyms."""
    diseases: tuple[Disease, ...]
    aliases: tuple[str, ...]
    """Raw names that the label map merges into this one."""

    @functools.cached_property
    def shared(self) -> tuple[Sign, ...]:
        """Return the signs that come with the elements and organs, without `own`, in a fixed order."""
        parts = (*self.organs, *self.elements)
        signs = dict.fromkeys(sign for part in parts for sign in part.signs)
        return tuple(sign for sign in signs if sign not in self.own)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Everything authored for the clinical data."""

    signs: Mapping[str, Sign]
    profiles: tuple[Profile, ...]
    """Syndromes, most frequent first."""
    dropped: Mapping[str, str]
    """Raw names that the label map deletes, with the reason."""


def read_content(name: str) -> dict[str, dict[str, object]]:
    """Return a TOML file of the package folder `content`."""
    text = resources.files(__package__).joinpath("content", name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@functools.cache
def load_grammar() -> Grammar:
    """Return the grammar; the same object at every call."""
    signs = _signs(read_content("symptoms.toml"))
    parts = read_content("grammar.toml")
    elements = {name: _element(table, signs) for name, table in parts["element"].items()}
    organs = {name: _organ(table, signs) for name, table in parts["organ"].items()}
    diseases = {
        name: Disease(name, f"SYN{index:03d}", _pick(leads, signs))
        for index, (name, leads) in enumerate(parts["disease"].items(), start=1)
    }
    syndromes = read_content("syndromes.toml")
    aliases = syndromes["alias"]
    profiles = []
    for name, line in syndromes["syndrome"].items():
        element, organ, own, disease = (part.split() for part in str(line).split("|"))
        profiles.append(
            Profile(
                name=name,
                elements=tuple(elements[key] for key in element),
                organs=tuple(organs[key] for key in organ),
                own=tuple(signs[key] for key in own),
                diseases=tuple(diseases[key] for key in disease),
                aliases=tuple(str(aliases.get(name, "")).split()),
            )
        )
    dropped = {name: str(reason) for name, reason in syndromes["dropped"].items()}
    return Grammar(signs=signs, profiles=tuple(profiles), dropped=dropped)


def _signs(tables: Mapping[str, Mapping[str, object]]) -> dict[str, Sign]:
    signs: dict[str, Sign] = {}
    for kind, table in tables.items():
        for name, registers in table.items():
            book, said = (tuple(str(register).split("/")) for register in _strings(registers))
            signs[name] = Sign(name=name, kind=kind, book=book, said=said)
    return signs


def _strings(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _pick(names: object, signs: Mapping[str, Sign]) -> tuple[Sign, ...]:
    return tuple(signs[name] for name in str(names).split())


def _element(table: object, signs: Mapping[str, Sign]) -> Element:
    values: dict[str, str] = dict(table) if isinstance(table, dict) else {}
    return Element(
        cause=values["cause"],
        cure=values["cure"],
        signs=_pick(values["signs"], signs),
        tongue=_pick(values["tongue"], signs),
        coat=_pick(values["coat"], signs),
        pulse=_pick(values["pulse"], signs),
    )


def _organ(table: object, signs: Mapping[str, Sign]) -> Organ:
    values: dict[str, str] = dict(table) if isinstance(table, dict) else {}
    return Organ(fault=values["fault"], signs=_pick(values["signs"], signs))
