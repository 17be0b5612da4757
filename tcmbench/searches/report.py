"""The outcome of a search for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcmbench.records.search import Change, HalfFigures, SearchOutcome, TriedRecipe

_STATES = {"passed": "passes", "refused": "does not pass", "stopped": "stopped", "failed": "failed"}


def line_of(trial: TriedRecipe) -> str:
    """Return one line about a trial that has ended, with its figures on the selection half."""
    parameters = ", ".join(f"{name.rpartition('.')[2]} {shown(value)}" for name, value in trial.parameters.items())
    figures = trial.selection
    facts = [] if figures is None else [_named("gain", figures.gain), _named("BWT", figures.general)]
    said = "; ".join([*filter(None, facts), _STATES[trial.state] + (f": {trial.reason}" if trial.reason else "")])
    return f"{trial.name} ({parameters}): {said}"


def to_text(outcome: SearchOutcome) -> str:
    """Return the outcome in some lines, each ending in a newline."""
    counts = [(outcome.count(state), _STATES[state]) for state in ("passed", "refused", "stopped", "failed")]
    tried = ", ".join(f"{count} {'pass' if said == 'passes' else said}" for count, said in counts if count)
    tried = tried.replace("does not pass", "do not pass")
    lines = [f"{len(outcome.trials)} of {outcome.planned} recipes tried on the selection half: {tried}"]
    chosen = outcome.selected
    if chosen is None:
        return "\n".join([*lines, "No recipe could be measured.", ""])
    parameters = ", ".join(f"{name} = {shown(value)}" for name, value in chosen.parameters.items())
    if outcome.confirmation is None:
        lines += [
            "No recipe passes the gate on the selection half.",
            f"nearest: {chosen.name} ({parameters}), which misses {chosen.selection.shortfall:.2f} points"
            if chosen.selection
            else f"nearest: {chosen.name} ({parameters})",
            *_figures("selection half", chosen.selection),
        ]
        return "\n".join([*lines, ""])
    lines += [
        f"selected: {chosen.name} ({parameters})",
        *_figures("selection half (biased: the best of many)", chosen.selection),
        *_figures(f"confirmation half ({_models(outcome)})", outcome.confirmation),
    ]
    if outcome.curse is not None:
        lines.append(
            f"claimed by selection alone minus confirmed (winner's curse): {outcome.curse:+.2f} points of gain"
        )
    if outcome.looks > 1:
        lines.append(
            f"the confirmation half has now judged {outcome.looks} recipes or trainings of this space: its interval "
            "holds for the first of them. For another one, new items are needed"
        )
    lines.append("CONFIRMED" if outcome.confirmation.passed else "NOT CONFIRMED")
    lines += [f"  {reason}" for reason in outcome.confirmation.reasons]
    return "\n".join([*lines, ""])


def shown(value: float | str) -> str:
    """Return a value of a parameter, numbers with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _models(outcome: SearchOutcome) -> str:
    seeds = ", ".join(map(str, outcome.seeds))
    models = f"trained again with seeds {seeds}" if outcome.retrained else f"the selected models, seed {seeds}"
    return f"{models}; one model, so no noise of training is in the intervals" if outcome.is_one_model else models


def _figures(half: str, figures: HalfFigures | None) -> list[str]:
    if figures is None:
        return []
    changes = [
        _named("gain in domain", figures.gain),
        _named("held out", figures.held_out),
        _named("BWT", figures.general),
    ]
    return [f"  {half}: {'; '.join(filter(None, changes))}; gate: {figures.outcome.replace('_', ' ')}"]


def _named(name: str, change: Change | None) -> str:
    return "" if change is None else f"{name} {change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"
