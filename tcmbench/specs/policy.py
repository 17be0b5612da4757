"""Limits of loss and required gains of a variant that may ship: the rules of all comparisons, in TOML.

margin = 1.5                    # for all comparisons
required_tasks = ["SynthQA"]
[caps]
SynthQA = 3.0
[reference]                     # variants against the set's reference
required_gain = 2.0             # or "none"
[baseline]                      # models against their own row in the baseline
margin = 0.5
[form]                          # forms against the model in their `of`
margin = 0.5
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcmbench.complaints import complaints
from tcmbench.errors import SpecError
from tcmbench.specs.names import leads_outside
from tcmbench.specs.safe_toml import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_REFERENCE_ONLY = ("required_gain", "gain_evidence", "looks")
_FEWEST_DRAWS = 5
"""Resamples in the tail of the first look's interval: with fewer its ends are those of single resamples."""
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "reference": {},
    # No gain is required of a model compared with its own earlier scores.
    "baseline": {"keep": "all", "required_gain": None, "regressed_tasks": "fail"},
    # Nor of a form, which is meant to cost less; a small loss on one task is subject to the margin and the caps.
    "form": {"keep": "all", "required_gain": None},
}


class Policy(BaseModel):
    """The rules of the gate; all sizes in points (0–100)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    keep: Literal["general", "all"] = "general"
    """Tasks whose mean change is compared with the margin: the general ones (forgetting, for a variant against the
    reference), or all (for a model against its own earlier scores)."""

    margin: float = Field(default=1.0, ge=0)
    """Points that the mean over the kept tasks may lose: its lower bound must not be below minus this."""

    cap: float = Field(default=5.0, ge=0)
    """Points that one task may lose. The rule fails only for a significantly larger loss, corrected for the number of
tasks."""

    caps: dict[str, float] = Field(default_factory=dict)
    """Task → its own cap."""

    regressed_tasks: Literal["tell", "fail"] = "tell"
    """Whether a single task with the verdict `regressed` is a regression, or is reported and subject to the margin."""

    required_gain: float | None = 0.0
    """Points that the gain over the in_domain tasks must significantly exceed; None requires no gain."""

    gain_evidence: Literal["interval", "estimate"] = "interval"
    """Whether the lower bound of the gain must exceed the required one, or the estimate itself is sufficient."""

    inconclusive_passes: bool = False
    """Whether a variant passes when no rule fails but some are undecided (too few items)."""

    equivalence: float = Field(default=1.0, ge=0)
    """A task is unchanged where the whole interval of its change is within plus and minus this."""

    required_tasks: tuple[str, ...] = ()
    """Tasks that must have been measured; empty: every task of the suite. A task with its own cap is required, too."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Probability of a false alarm. Each of the rules on kept tasks and on caps uses half of it."""

    looks: int = Field(default=1, ge=1, le=10)
    """Planned looks at the comparison with the reference, while seeds or items are added. With more than one, alpha is
    spent over them (docs/statistics.md); they are recorded in `leaderboards/SET/looks.json`."""

    n_resamples: int = Field(default=10_000, ge=1_000, le=1_000_000)
    """Number of bootstrap resamples and of random flips."""

    seed: int = Field(default=0, ge=0)
    """Seed of both."""

    @property
    def level(self) -> str:
        """Level of the intervals, 1 − alpha, in words: 95%."""
        return f"{100 * (1 - self.alpha):g}%"

    def requires(self, task: str) -> bool:
        """Return whether a task of the suite must have been measured."""
        return not self.required_tasks or task in self.required_tasks or task in self.caps

    def cap_of(self, task: str) -> float:
        """Return how many points a task may lose."""
        return self.caps.get(task, self.cap)


class Policies(NamedTuple):
    """The rules of the comparisons."""

    reference: Policy
    """A variant against the set's reference: may it ship?"""

    baseline: Policy
    """A model against its own earlier scores: did it get worse?"""

    source: str = "default"
    """Source of the rules: default, a set, or the path of a file."""

    form: Policy = Policy(keep="all", required_gain=None)
    """A form against the model that it is a form of: is it as good?"""

    def with_resamples(self, count: int) -> Policies:
        """Return the same rules with another number of resamples."""
        update = {"n_resamples": count}
        return self._replace(
            reference=self.reference.model_copy(update=update),
            baseline=self.baseline.model_copy(update=update),
            form=self.form.model_copy(update=update),
        )


def default() -> Policies:
    """Return the default rules."""
    return parse({}, where="", source="default")


def read(path: Path, *, source: str = "") -> Policies:
    """Return the policies of a file.

    Args:
        path: The file.
        source: Name of the file on a board; empty for its path.

    Raises:
        SpecError: No such file, not TOML, or a field that is misspelt or invalid; the message names file and line.
    """
    if not path.exists():
        raise SpecError(f"{path}: no such policy. See docs/ci.md for an example.")
    rules, text = load(path)
    return parse(rules, where=str(path), source=source or str(path), text=text)


def parse(rules: Mapping[str, Any], *, where: str, source: str, text: str | None = None) -> Policies:
    """Return the policies defined by a table of rules.

    Fields at the top apply to all comparisons, except the required gain, which applies to the reference only;
    the tables `reference`, `baseline` and `form` override them.

    Args:
        rules: The table.
        where: File that it is in, for messages.
        source: Name of its source on a board.
        text: Text of the file, whose lines messages name; None for a table inside another file.

    Raises:
        SpecError: A field that is misspelt or invalid; the message names all of them.
    """
    shared = {name: value for name, value in rules.items() if name not in _DEFAULTS}
    policies: dict[str, Policy] = {}
    for comparison, defaults in _DEFAULTS.items():
        own = rules.get(comparison, {})
        if not isinstance(own, dict):
            raise SpecError(f"{_place(where, text, comparison)}: {comparison} is a table of rules, got {own!r}")
        if comparison != "reference" and "looks" in own:
            raise SpecError(f"{_place(where, text, 'looks')}: looks are planned for the reference only: move it there.")
        applied = {n: v for n, v in shared.items() if comparison == "reference" or n not in _REFERENCE_ONLY}
        merged = {**defaults, **applied, **own}
        if merged.get("required_gain") == "none":
            merged["required_gain"] = None  # TOML has no null
        try:
            policies[comparison] = Policy.model_validate(merged)
        except ValidationError as error:
            raise SpecError(_complaint(error, where, text)) from error
        _require_resamples(policies[comparison], at=_place(where, text, "looks"))
    return Policies(policies["reference"], policies["baseline"], source, policies["form"])


def require_valid(rules: str | Mapping[str, Any] | None, *, source: str, elsewhere: str) -> None:
    """Raise where the policy of another file, named or written out in it, can't be used.

    Args:
        rules: Path of a file in the workspace, a table of rules, or None for the default.
        source: Name of the file that it is in.
        elsewhere: What to do for a policy outside the workspace, for the message.

    Raises:
        ValueError: As a validator of pydantic expects.
    """
    if isinstance(rules, str) and leads_outside(rules):
        raise ValueError(f"policy {rules!r} leads out of the workspace. {elsewhere}")
    if isinstance(rules, dict):
        try:
            parse(rules, where="rules", source=source)
        except SpecError as error:
            raise ValueError(str(error)) from error


def _require_resamples(policy: Policy, *, at: str) -> None:
    """Raise where the first of several looks is at an alpha that the resamples can't show."""
    tail = policy.alpha / policy.looks**2 / 2
    if policy.looks > 1 and tail * policy.n_resamples < _FEWEST_DRAWS:
        raise SpecError(
            f"{at}: {policy.looks} looks need n_resamples of at least {math.ceil(_FEWEST_DRAWS / tail):,}, as the "
            f"first is at a small alpha; got {policy.n_resamples:,}. Raise n_resamples, or plan fewer looks."
        )


def _complaint(error: ValidationError, where: str, text: str | None) -> str:
    lines = []
    for one in complaints(error, Policy):
        got = f", got {one.value!r}" if one.is_about_value else ""
        lines.append(f"{_place(where, text, one.name)}: {one.place}: {one.text}{got}")
    return "\n".join(lines) + f"\nKnown fields: {', '.join(Policy.model_fields)}; and tables: {', '.join(_DEFAULTS)}."


def _place(where: str, text: str | None, name: str) -> str:
    """Return file and line of a field or table; line 1 where it isn't in the text."""
    if text is None:
        return where
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().strip("[]").strip('"')
        if stripped == name or stripped.partition("=")[0].strip().strip('"') == name:
            return f"{where}:{number}"
    return f"{where}:1"
