"""The gate from a set's name to a report, and the baseline's update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import tcmbench
from tcmbench.checks import state
from tcmbench.checks.verdict import Report
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import regression
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import SpecError
from tcmbench.specs import policy as policy_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.comparison.baseline import Baseline
    from tcmbench.comparison.verdict import Against, ModelVerdict
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Options:
    """What a check is asked for."""

    baseline: Path | None = None
    """File to hold the models against; None takes `leaderboards/<set>/baseline.json` where it exists."""

    policy: Path | None = None
    """Policy file; None takes the default."""

    against: Against | None = None
    """What to hold the models against; None: the baseline where there is one, else the reference."""


class Update(NamedTuple):
    """What an update of the baseline came to."""

    path: Path
    written: bool
    """False where the file already said all of it."""

    changes: tuple[str, ...]
    """What differs from the file that was there, a line each; empty for a first one."""

    models: int
    tasks: int
    size: int
    """Bytes."""


def check(workspace: Workspace, name: str, options: Options) -> Report:
    """Return the verdict on a set, from stored scores alone.

    Raises:
        SpecError: A policy or baseline that can't be read, or nothing to judge: a gate that looks at nothing must not
            pass.
        NotComparable: The baseline is another set's.
    """
    policies = policy_files.read(options.policy) if options.policy else policy_files.default()
    path = baseline_path(workspace, name, options)
    is_kept = options.against == "baseline" or (
        options.against is None and (options.baseline is not None or path.is_file())
    )
    kept = baselines.read(path) if is_kept else None
    found = state.read(workspace, name)
    if kept is not None:
        verdicts = regression.judge(found, kept, policies=policies, where=shown(workspace, path))
    else:
        names = [model.name for model in found.models if model.entry.kind == "variant"]
        if not names:
            raise SpecError(
                f"set {name} has no variants to hold against {found.model_set.reference}, and no baseline at "
                f"{shown(workspace, path)}, so there is nothing to check. To guard its models against later changes: "
                f"tcmbench check {name} --update-baseline"
            )
        comparison = AgainstReference(found, policy=policies.reference, names=names)
        verdicts = [comparison.judge(name) for name in names]
    return Report(
        set_name=name,
        suite=found.suite.name,
        synthetic=found.suite.synthetic,
        reference=found.model_set.reference,
        against="baseline" if is_kept else "reference",
        baseline=shown(workspace, path) if is_kept else "",
        policy_file=shown(workspace, options.policy) if options.policy else "",
        models=tuple(sorted(verdicts, key=_seriousness)),
        places=state.places(workspace, found),
        columns=len(found.columns),
        version=tcmbench.__version__,
    )


def update_baseline(workspace: Workspace, name: str, options: Options) -> Update:
    """Write a set's stored scores as its baseline.

    Raises:
        ScoreMissing: A required score is not there.
    """
    policies = policy_files.read(options.policy) if options.policy else policy_files.default()
    made = baselines.make(state.read(workspace, name), policy=policies.baseline)
    path = baseline_path(workspace, name, options)
    try:
        before = baselines.read(path) if path.is_file() else None
    except SpecError:
        before = None  # damaged: this is what mends it
    written = baselines.write(path, made)
    changes = tuple(_changes(before, made)) if before is not None else ()
    return Update(path, written, changes, len(made.models), len(made.tasks), path.stat().st_size)


def baseline_path(workspace: Workspace, name: str, options: Options) -> Path:
    """Return where a set's baseline is."""
    return options.baseline or workspace.leaderboards / name / baselines.FILE


def shown(workspace: Workspace, path: Path) -> str:
    """Return a path as it is told: from the workspace's root where it lies in there."""
    whole = path.resolve()
    return (
        whole.relative_to(workspace.root.resolve()).as_posix()
        if whole.is_relative_to(workspace.root.resolve())
        else str(path)
    )


def _seriousness(verdict: ModelVerdict) -> int:
    return -verdict.exit_code


def _changes(before: Baseline, after: Baseline) -> Sequence[str]:
    """Return what an update changes, a line each."""
    told = [f"{name}: new" for name in after.models if name not in before.models]
    told += [f"{name}: gone" for name in before.models if name not in after.models]
    for column, task in after.tasks.items():
        old = before.tasks.get(column)
        if old is None:
            told.append(f"task {column}: new")
        elif old.revision != task.revision:
            told.append(f"task {column}: revision {old.revision[:8]} → {task.revision[:8]}")
    told += [f"task {column}: gone" for column in before.tasks if column not in after.tasks]
    for name, model in after.models.items():
        old_row = before.models.get(name)
        for column, points in model.scores.items() if old_row else ():
            then = old_row.scores.get(column) if old_row else None
            moved = before.values[name].get(column) != after.values[name][column]
            if then is None:
                told.append(f"{name} · {column}: {points:.2f}, not there before")
            elif moved:
                told.append(f"{name} · {column}: {then:.2f} → {points:.2f} ({points - then:+.2f})")
    return told
