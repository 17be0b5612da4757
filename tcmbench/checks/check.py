"""The gate from a set's name to a report, and the baseline's update."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.checks import answers, state
from tcmbench.checks.verdict import LookTaken, Report
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import best, conditions, cures, forms, looks, regression
from tcmbench.comparison.needed import needed
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import SpecError
from tcmbench.history import green
from tcmbench.specs.model_set import ModelSet
from tcmbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.comparison.baseline import Baseline
    from tcmbench.comparison.cures import CureAdvice
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.comparison.verdict import Against, ModelVerdict
    from tcmbench.specs.policy import Policies
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a check."""

    baseline: Path | None = None
    """Baseline file; None takes `leaderboards/<set>/baseline.json` where it exists."""

    last_green: bool = False
    """Whether the baseline is the last state of the set's history that passed the gate, instead of a file."""

    policy: Path | None = None
    """Policy file that overrides the set's own; None takes that, or the default."""

    against: Against | None = None
    """The models' counterpart; None: the baseline where there is one, else the reference."""

    until_decided: bool = False
    """Whether the report says what would decide variants that are inconclusive against the reference."""


class Update(NamedTuple):
    """Result of an update of the baseline."""

    path: Path
    written: bool
    """False where the file was up to date."""

    changes: tuple[str, ...]
    """Differences from the previous file, one per line; empty for a first one."""

    models: int
    tasks: int
    size: int
    """Bytes."""


def check(workspace: Workspace, name: str, options: Options) -> Report:
    """Return the verdict on a set, from stored scores; with the other comparison, where it is possible.

    Where the policy plans several looks, one at new scores is recorded.

    Raises:
        SpecError: A policy or baseline that can't be read, or nothing to judge: a gate without input must not
            pass; all planned looks were taken.
        ScoreMissing: The policy plans several looks, and a score is missing.
        NotComparable: The baseline is another set's.
    """
    if options.until_decided and (options.against == "baseline" or options.last_green):
        raise SpecError(
            "--until-decided plans data for the comparison with the reference: against the baseline nothing is added, "
            "a model is measured again. Remove --against baseline, or --baseline last-green."
        )
    measured = state.read(workspace, name)
    planned = workspace.policies(measured.model_set, override=options.policy)
    earlier, where = _earlier(workspace, measured, planned, options)
    # Of forms another question is asked: are they as good as their model?
    variants = [m.name for m in measured.models if m.entry.kind == "variant" and not m.entry.form_of]
    against = _against(measured, options, variants, has_baseline=earlier is not None, where=where)
    seen = looks.path_of(workspace, name)
    looks.require_complete(measured, planned, where=workspace.shown(seen))
    look = looks.take(measured, planned, earlier=looks.read(seen), where=workspace.shown(seen))
    policies = look.policies
    comparison = AgainstReference(measured, policy=policies.reference, names=variants) if variants else None
    verdicts: dict[Against, list[ModelVerdict]] = {}
    advised: CureAdvice | None = None
    is_declared = not any(isinstance(one, ModelSet) and one.name == name for one in workspace.given)
    if comparison is not None:
        verdicts["reference"] = [comparison.judge(variant) for variant in variants]
        advised = _advice(measured, comparison, verdicts["reference"]) if is_declared else None
    if against == "source":
        verdicts["source"] = forms.judge(measured, policy=policies.form)
    if earlier is not None:
        verdicts["baseline"] = regression.judge(measured, earlier, policies=policies, where=where, reference=comparison)
    reports = {
        against: Report(
            set_name=name,
            suite=measured.suite.name,
            synthetic=measured.suite.synthetic,
            reference=measured.model_set.reference,
            against=against,
            baseline=where if against == "baseline" else "",
            is_last_green=options.last_green and against == "baseline",
            policy_source=policies.source,
            models=tuple(sorted(judged, key=lambda verdict: -verdict.exit_code)),
            places=state.places(workspace, measured),
            columns=len(measured.columns),
            conditions=conditions.lines(measured),
            version=__version__,
            is_declared=is_declared,
            cure_advice=advised if against == "reference" else None,
        )
        for against, judged in verdicts.items()
    }
    if comparison is not None:
        judged = verdicts["reference"]
        reports["reference"] = replace(
            reports["reference"],
            best=best.of_verdicts(comparison, judged),
            look=LookTaken(look.number, look.planned, look.alpha, policies.reference.alpha),
            needs=needed(comparison, judged) if options.until_decided else None,
        )
        if look.record is not None:
            looks.write(seen, look.record)
    other = next((report for name, report in reports.items() if name != against), None)
    report = replace(reports[against], other=other)
    if is_declared and options.policy is None:
        answers.append(workspace, measured, report)
    return report


def _against(
    measured: MeasuredSet, options: Options, variants: list[str], *, has_baseline: bool, where: str
) -> Against:
    """Return what the models of a set are compared with: as asked, else what there is.

    Raises:
        SpecError: There is nothing to compare with.
    """
    name = measured.model_set.name
    has_forms = any(model.entry.form_of for model in measured.models)
    against: Against = options.against or ("baseline" if has_baseline and not options.until_decided else "reference")
    if against == "source" and not has_forms:
        raise SpecError(f"set {name} has no forms to compare with their models. Add a [[form]] table (docs/forms.md).")
    if against != "reference" or variants:
        return against
    if has_forms and options.against is None:
        return "source"
    raise SpecError(
        f"set {name} has no variants to compare with {measured.model_set.reference}, and no baseline at "
        f"{where}, so there is nothing to check. To guard its models against later changes: "
        f"tcmbench check {name} --update-baseline"
    )


def _earlier(
    workspace: Workspace, measured: MeasuredSet, policies: Policies, options: Options
) -> tuple[Baseline | None, str]:
    """Return the earlier scores that a set is compared with, where there are any, and their place for messages."""
    if options.last_green:
        return green.last_green(workspace, measured.model_set, policy=policies.baseline)
    path = options.baseline or baselines.path_of(workspace, measured.model_set.name)
    is_wanted = options.against == "baseline" or options.baseline is not None
    there = baselines.read(path) if baselines.is_there(path) or is_wanted else None
    return there, workspace.shown(path)


def _advice(measured: MeasuredSet, comparison: AgainstReference, verdicts: Sequence[ModelVerdict]) -> CureAdvice | None:
    made_from = {model.name: of for model in measured.models if (of := cures.sources(model.entry))}
    effects = cures.effects(comparison, made_from)
    return cures.advice(comparison, {verdict.name: verdict for verdict in verdicts}, effects)


def update_baseline(workspace: Workspace, name: str, options: Options) -> Update:
    """Write a set's stored scores as its baseline.

    Raises:
        ScoreMissing: A required score is missing.
    """
    measured = state.read(workspace, name)
    policies = workspace.policies(measured.model_set, override=options.policy)
    baseline = baselines.make(measured, policy=policies.baseline)
    path = options.baseline or baselines.path_of(workspace, name)
    try:
        before = baselines.read(path) if baselines.is_there(path) else None
    except SpecError:
        before = None  # damaged: the update repairs it
    written = baselines.write(path, baseline)
    changes = tuple(_changes(before, baseline)) if before is not None else ()
    return Update(path, written, changes, len(baseline.models), len(baseline.tasks), path.stat().st_size)


def _changes(before: Baseline, after: Baseline) -> Sequence[str]:
    """Return the changes of an update, one per line."""
    changes = [f"{name}: new" for name in after.models if name not in before.models]
    changes += [f"{name}: gone" for name in before.models if name not in after.models]
    for column, task in after.tasks.items():
        old = before.tasks.get(column)
        if old is None:
            changes.append(f"task {column}: new")
        elif old.revision != task.revision:
            changes.append(f"task {column}: revision {old.revision[:8]} → {task.revision[:8]}")
    changes += [f"task {column}: gone" for column in before.tasks if column not in after.tasks]
    for name, model in after.models.items():
        old_row = before.models.get(name)
        for column, points in model.scores.items() if old_row else ():
            then = old_row.scores.get(column) if old_row else None
            moved = before.values[name].get(column) != after.values[name][column]
            if then is None:
                changes.append(f"{name} · {column}: {points:.2f}, no score before")
            elif moved:
                changes.append(f"{name} · {column}: {then:.2f} → {points:.2f} ({points - then:+.2f})")
    return changes
