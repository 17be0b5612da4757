"""`leaderboards/<set>/looks.json`: the looks at a set's comparison with its reference, where the policy plans several.

A look is a check of scores that no earlier one read: after seeds or items were added. Each has an alpha of its own, so
that all of them together have the policy's (`stats.looks`). Without a plan (`looks = 1`) there is no file, and alpha
is that of every check. The file contains no ids, texts or scores of items; commit it with the baseline.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcmbench.errors import DamagedArtefact, ScoreMissing, SpecError
from tcmbench.store import canonical_json, read_checked, write_checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.specs.policy import Policies, Policy
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

FILE = "looks.json"
_ALPHA_DIGITS = 4
_SHOWN = 3


class _LooksPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SeenColumn(_LooksPart):
    """Data of a column at a look."""

    items: int = Field(ge=1)
    """Independent items: patients, where records have them."""

    revision: str
    """Revision of the task."""


class Look(_LooksPart):
    """Data of a look."""

    scores: str
    """sha256 of the scores of reference and variants."""

    seeds: dict[str, int]
    """Variant → number of seeds."""

    columns: dict[str, SeenColumn]

    alpha: float = Field(gt=0, lt=1)
    """Alpha of this look."""


class Looks(_LooksPart):
    """The whole file."""

    format: Literal["tcmbench looks 1"] = "tcmbench looks 1"
    set: str
    planned: int = Field(ge=2)
    alpha: float = Field(gt=0, lt=1)
    """Alpha of all looks together."""

    looks: tuple[Look, ...]


class Taken(NamedTuple):
    """The look at the present scores."""

    policies: Policies
    """The policies; alpha of the comparison with the reference is that of the look."""

    number: int
    """Number of the look, from 1."""

    planned: int
    alpha: float
    """Alpha of all looks together."""

    record: Looks | None
    """The file with this look in it, where that is new; None where nothing has to be written."""


def path_of(workspace: Workspace, name: str) -> Path:
    """Return the path of a set's file."""
    return workspace.leaderboards / name / FILE


def read(path: Path) -> Looks | None:
    """Return the looks so far; None without a file.

    Raises:
        SpecError: The file is damaged or edited: how many looks there were is unknown.
    """
    try:
        return Looks.model_validate(read_checked(path))
    except FileNotFoundError:
        return None
    except (DamagedArtefact, ValidationError, OSError) as error:
        raise SpecError(
            f"{path}: expected the file of looks that tcmbench check wrote, but: {error}. Restore it from version "
            "control: without it the number of looks so far is unknown."
        ) from error


def write(path: Path, looks: Looks) -> None:
    """Write the file, atomically."""
    write_checked(path, looks.model_dump(mode="json"))


def shown(measured: MeasuredSet, policies: Policies, *, earlier: Looks | None, where: str) -> Policies:
    """Return the policies of a board: at the alpha of the look that a check of its scores is, or of the last one.

    Raises:
        SpecError: Another number of looks was planned at the first.
    """
    if earlier is not None and len(earlier.looks) == earlier.planned == policies.reference.looks:
        known = {look.scores: look.alpha for look in earlier.looks}
        return _at(policies, known.get(_digest(measured), earlier.looks[-1].alpha))
    return take(measured, policies, earlier=earlier, where=where).policies


def take(measured: MeasuredSet, policies: Policies, *, earlier: Looks | None, where: str) -> Taken:
    """Return the look at the present scores, with the policies at its alpha; scores seen before are the same look.

    Args:
        measured: The set.
        policies: Its policies.
        earlier: The looks so far.
        where: Their file, for messages.

    Raises:
        SpecError: All planned looks were taken, or another number was planned at the first.
    """
    policy = policies.reference
    if policy.looks == 1 and earlier is None:
        return Taken(policies, 1, 1, policy.alpha, None)
    if earlier is not None and (earlier.planned, earlier.alpha) != (policy.looks, policy.alpha):
        raise SpecError(
            f"{where}: the first look was taken with looks = {earlier.planned} and alpha = {earlier.alpha:g}, and the "
            f"policy now has looks = {policy.looks} and alpha = {policy.alpha:g}. A plan that changes with the results "
            "controls nothing: restore the policy; or, for a new plan on data that nobody has looked at, delete the "
            "file."
        )
    done = () if earlier is None else earlier.looks
    scores = _digest(measured)
    for number, look in enumerate(done, start=1):
        if look.scores == scores:
            return Taken(_at(policies, look.alpha), number, policy.looks, policy.alpha, None)
    if len(done) == policy.looks:
        raise SpecError(
            f"{where}: all {policy.looks} planned looks were taken, and these scores are new. The verdict of the last "
            "look stands: another one would be a chance of a false alarm that alpha doesn't cover. For a new decision "
            "measure items that no look has read, and delete the file."
        )
    here = Look(scores=scores, seeds=_seeds(measured), columns=_columns(measured), alpha=policy.alpha)
    here = here.model_copy(update={"alpha": _alpha((*done, here), policy)})
    record = Looks(set=measured.model_set.name, planned=policy.looks, alpha=policy.alpha, looks=(*done, here))
    return Taken(_at(policies, here.alpha), len(done) + 1, policy.looks, policy.alpha, record)


def require_complete(measured: MeasuredSet, policies: Policies, *, where: str) -> None:
    """Refuse a planned look at a part of the scores: it would use up one of few, and the whole would be another.

    Raises:
        ScoreMissing: A variant or the reference lacks a score that it should have.
    """
    if policies.reference.looks == 1:
        return
    missing = [
        f"{model.name} on {column.column}"
        for model in measured.models
        if model.entry.kind == "variant" or model.name == measured.model_set.reference
        for column in measured.columns
        if (gap := model.gap(column.column)) is not None and gap.state != "not_applicable"
    ]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise ScoreMissing(
            f"{where}: the policy plans {policies.reference.looks} looks, and none is taken while scores are missing: "
            f"{', '.join(missing[:_SHOWN])}{more}. Run the set to its end: tcmbench run {measured.model_set.name}; or "
            "remove what can't be measured from it."
        )


def _at(policies: Policies, alpha: float) -> Policies:
    return policies._replace(reference=policies.reference.model_copy(update={"alpha": alpha}))


def _alpha(looks: Sequence[Look], policy: Policy) -> float:
    """Return the alpha of the last look, rounded down."""
    from tcmbench.stats.looks import level_of_look

    shares = [_share(before, after) for before, after in itertools.pairwise(looks)]
    alpha = level_of_look(len(looks), planned=policy.looks, alpha=policy.alpha, shares=shares)
    # A small one keeps two digits: rounded to 0, it would have no interval.
    digits = max(_ALPHA_DIGITS, 1 - math.floor(math.log10(alpha)))
    return math.floor(alpha * 10**digits) / 10**digits


def _share(before: Look, after: Look) -> float:
    """Return the smallest share of a later look's data that the look before had, over variants and columns.

    A column with another revision and no more items has other items, so nothing is common.
    """
    of_columns = [
        0.0 if old.revision != new.revision and new.items <= old.items else min(1.0, old.items / new.items)
        for name, old in before.columns.items()
        if (new := after.columns.get(name)) is not None
    ]
    of_seeds = [min(1.0, old / after.seeds[name]) for name, old in before.seeds.items() if name in after.seeds]
    return min(of_columns, default=0.0) * min(of_seeds, default=0.0)


def _seeds(measured: MeasuredSet) -> dict[str, int]:
    return {model.name: max(1, model.seeds) for model in measured.models if model.entry.kind == "variant"}


def _columns(measured: MeasuredSet) -> dict[str, SeenColumn]:
    seen: dict[str, SeenColumn] = {}
    for model in measured.models:
        for column, items in sorted(model.items.items()):
            revision = model.entry.scores[column][0].record.task_revision
            seen.setdefault(column, SeenColumn(items=len(set(items.clusters)), revision=revision))
    return seen


def _digest(measured: MeasuredSet) -> str:
    """Return the sha256 of everything that the comparison with the reference reads."""
    read: dict[str, Json] = {
        model.name: {
            column: [
                [one.record.model_revision, one.record.task_revision, one.record.metric, one.record.value]
                for one in scores
            ]
            for column, scores in model.entry.scores.items()
        }
        for model in measured.models
        if model.entry.kind == "variant" or model.name == measured.model_set.reference
    }
    return hashlib.sha256(canonical_json(read).encode()).hexdigest()
