"""The grammar of syndromes: elements × organs → the signs a patient shows and a textbook lists.

A sign has textbook terms and everyday wordings. Documents use the former, records mostly the latter, so a
model that learns which wording means which term beats a lexical one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tcmbench.data.synthetic.content import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    """What is wrong: 气虚, 血瘀, 湿热 and so on."""

    cause: str
    cure: str
    signs: tuple[Sign, ...]
    tongue: tuple[Sign, ...]
    coat: tuple[Sign, ...]
    pulse: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Organ:
    """Where it is wrong: 肝, 脾, 胞宫, 经络 and so on."""

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
        pools = [*(organ.signs for organ in self.organs), *(element.signs for element in self.elements)]
        signs = dict.fromkeys(sign for pool in pools for sign in pool)
        return tuple(sign for sign in signs if sign not in self.own)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Everything authored for the clinical data."""

    signs: Mapping[str, Sign]
    profiles: tuple[Profile, ...]
    """Syndromes, most frequent first."""
    dropped: Mapping[str, str]
    """Raw names that the label map deletes, with the reason."""


class _ElementSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    cause: str
    cure: str
    signs: str
    tongue: str
    coat: str
    pulse: str


class _OrganSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: str
    signs: str


class _GrammarSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    element: dict[str, _ElementSpec]
    organ: dict[str, _OrganSpec]
    disease: dict[str, str]


class _SyndromesSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    syndrome: dict[str, str]
    alias: dict[str, str]
    dropped: dict[str, str]


@functools.cache
def load_grammar() -> Grammar:
    """Return the grammar; the same object at every call."""
    signs = _signs()
    parts = _GrammarSpec.model_validate(read_toml("grammar.toml"))
    content = _SyndromesSpec.model_validate(read_toml("syndromes.toml"))
    elements = {name: _element(spec, signs) for name, spec in parts.element.items()}
    organs = {name: Organ(spec.fault, _pick(spec.signs, signs)) for name, spec in parts.organ.items()}
    diseases = {
        name: Disease(name, f"SYN{index:03d}", _pick(leads, signs))
        for index, (name, leads) in enumerate(parts.disease.items(), start=1)
    }
    profiles = []
    for name, line in content.syndrome.items():
        element, organ, own, disease = (part.split() for part in line.split("|"))
        profiles.append(
            Profile(
                name=name,
                elements=tuple(elements[key] for key in element),
                organs=tuple(organs[key] for key in organ),
                own=tuple(signs[key] for key in own),
                diseases=tuple(diseases[key] for key in disease),
                aliases=tuple(content.alias.get(name, "").split()),
            )
        )
    return Grammar(signs=signs, profiles=tuple(profiles), dropped=content.dropped)


def _signs() -> dict[str, Sign]:
    tables = TypeAdapter(dict[str, dict[str, tuple[str, str]]]).validate_python(read_toml("symptoms.toml"))
    return {
        name: Sign(name=name, kind=kind, book=tuple(book.split("/")), said=tuple(said.split("/")))
        for kind, table in tables.items()
        for name, (book, said) in table.items()
    }


def _pick(names: str, signs: Mapping[str, Sign]) -> tuple[Sign, ...]:
    return tuple(signs[name] for name in names.split())


def _element(spec: _ElementSpec, signs: Mapping[str, Sign]) -> Element:
    return Element(
        cause=spec.cause,
        cure=spec.cure,
        signs=_pick(spec.signs, signs),
        tongue=_pick(spec.tongue, signs),
        coat=_pick(spec.coat, signs),
        pulse=_pick(spec.pulse, signs),
    )
