"""Why something has no score, as a code with facts; sentences in two languages are written where they are shown."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.store import Json

Language = Literal["en", "zh"]

_MESSAGE = "message"


class Reason(NamedTuple):
    """A reason: its code in `reasons.toml`, and the values of its placeholders."""

    code: str

    facts: tuple[tuple[str, str], ...] = ()
    """Placeholder and value, in order."""

    @classmethod
    def of(cls, code: str, **facts: object) -> Reason:
        """Return the reason of a code.

        Raises:
            KeyError: No such code, or other facts than its sentences have.
        """
        reason = cls(code, tuple((name, str(value)) for name, value in facts.items()))
        for language in ("en", "zh"):
            reason.sentence(language)
        return reason

    @classmethod
    def message(cls, words: object) -> Reason:
        """Return an error's own text, which is the same in every language."""
        return cls(_MESSAGE, (("words", str(words)),))

    @classmethod
    def from_json(cls, value: Json) -> Reason:
        """Return the reason that `to_json` wrote; any other value is used as plain text."""
        if isinstance(value, dict) and isinstance(facts := value.get("facts"), dict) and "code" in value:
            return cls(str(value["code"]), tuple((name, str(fact)) for name, fact in facts.items()))
        return cls.message(value)

    def to_json(self) -> dict[str, Json]:
        """Return the code and the facts."""
        return {"code": self.code, "facts": dict(self.facts)}

    def sentence(self, language: Language) -> str:
        """Return the sentence.

        Raises:
            KeyError: No such code, or facts that its sentence doesn't have.
        """
        facts = dict(self.facts)
        return facts["words"] if self.code == _MESSAGE else _sentences()[self.code][language].format_map(facts)

    def __str__(self) -> str:
        """Return the English sentence, for terminals and files."""
        return self.sentence("en")


class Reasons(tuple[Reason, ...]):
    """Several reasons or findings that are shown as one line."""

    __slots__ = ()

    @classmethod
    def from_json(cls, value: Json) -> Reasons:
        """Return the reasons that `to_json` wrote; any other value is used as plain text."""
        return cls(map(Reason.from_json, value if isinstance(value, list) else [value]))

    def to_json(self) -> list[Json]:
        """Return each with its code and facts."""
        return [reason.to_json() for reason in self]

    def sentence(self, language: Language) -> str:
        """Return the line; empty without any."""
        return {"en": "; ", "zh": "；"}[language].join(reason.sentence(language) for reason in self)

    def __str__(self) -> str:
        """Return the English line, for terminals and files."""
        return self.sentence("en")


@functools.cache
def _sentences() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(Path(__file__).with_name("reasons.toml").read_text(encoding="utf-8"))
