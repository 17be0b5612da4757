"""The policy in TOML: the fields of `tcmbench.stats.policy.Policy`, and what differs per comparison.

margin = 1.5                    # for both comparisons
required_tasks = ["SynthQA"]
[caps]
SynthQA = 3.0
[reference]                     # variants against the set's reference
required_gain = 2.0             # or "none"
[baseline]                      # models against their own row in the baseline
margin = 0.5
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from tcmbench.errors import SpecError
from tcmbench.specs.safe_toml import load
from tcmbench.stats.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GAIN = ("required_gain", "gain_evidence")
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "reference": {},
    # A model has nothing to gain on its own earlier scores and everything to keep.
    "baseline": {"keep": "all", "required_gain": None, "regressed_tasks": "fail"},
}


class Policies(NamedTuple):
    """The rules of both comparisons."""

    reference: Policy
    """A variant against the set's reference: may it ship?"""

    baseline: Policy
    """A model against its own earlier scores: did it get worse?"""


def default() -> Policies:
    """Return the rules that hold without a file."""
    return Policies(Policy(), Policy.model_validate(_DEFAULTS["baseline"]))


def read(path: Path) -> Policies:
    """Return the policies of a file.

    Fields at the top hold for both comparisons, except what is asked of the gain, which is the reference's business;
    the tables `reference` and `baseline` go before them.

    Raises:
        SpecError: No such file, not TOML, or a field that is misspelt or can't be; the message names file and line.
    """
    if not path.exists():
        raise SpecError(f"{path}: no such policy. See docs/ci.md for an example.")
    given, text = load(path)
    shared = {name: value for name, value in given.items() if name not in _DEFAULTS}
    found = {}
    for comparison, defaults in _DEFAULTS.items():
        own = given.get(comparison, {})
        if not isinstance(own, dict):
            raise SpecError(f"{path}:{_line(text, comparison)}: {comparison} is a table of rules, got {own!r}")
        applied = {n: v for n, v in shared.items() if comparison == "reference" or n not in _GAIN}
        merged = {**defaults, **applied, **own}
        if merged.get("required_gain") == "none":
            merged["required_gain"] = None  # TOML has no null
        try:
            found[comparison] = Policy.model_validate(merged)
        except ValidationError as error:
            raise SpecError(_complaint(path, text, error)) from error
    return Policies(found["reference"], found["baseline"])


def _complaint(path: Path, text: str, error: ValidationError) -> str:
    lines = []
    for e in error.errors():
        name = ".".join(map(str, e["loc"]))
        got = "" if e["type"] == "extra_forbidden" else f", got {e['input']!r}"
        lines.append(f"{path}:{_line(text, str(e['loc'][-1]))}: {name}: {e['msg']}{got}")
    return "\n".join(lines) + f"\nKnown fields: {', '.join(Policy.model_fields)}; and tables: {', '.join(_DEFAULTS)}."


def _line(text: str, name: str) -> int:
    """Return the line that sets a field or opens a table; 1 where none does."""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().strip("[]").strip('"')
        if stripped == name or stripped.partition("=")[0].strip().strip('"') == name:
            return number
    return 1
