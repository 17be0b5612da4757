"""From entries to the table: compares every model with the reference, item by item, and summarises rows.

The order of the entries does not matter: rows are sorted by result, then by name.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards import details
from tcmbench.boards.cells import Cell, Difference, ShownEstimate
from tcmbench.boards.cured import effect_of
from tcmbench.boards.formed import with_forms
from tcmbench.boards.options import Options
from tcmbench.boards.order import in_order
from tcmbench.boards.public import public
from tcmbench.boards.recommend import of_search, recommend
from tcmbench.boards.slices import with_slices
from tcmbench.boards.table import Aggregates, BoardRow, GateOutcome, RoleMean, Table, TaskColumn
from tcmbench.boards.task_columns import task_columns
from tcmbench.boards.texts import Text, both, gate_reason, same
from tcmbench.boards.trajectory import with_trajectories
from tcmbench.comparison import conditions, cures, looks, ranks
from tcmbench.comparison.best import adjusted
from tcmbench.comparison.measured import measured_set
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import NoInterval
from tcmbench.records.reason import Reason
from tcmbench.store import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.recommendation import Recommendation
    from tcmbench.comparison.cures import Effect
    from tcmbench.comparison.measured import Measured, MeasuredSet
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.records.entry import Entry
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import Role, Suite
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.gate import Verdict


def build(model_set: ModelSet, suite: Suite, entries: Sequence[Entry], *, options: Options | None = None) -> Table:
    """Return the table of a set.

    Args:
        model_set: The set: name, title and which row is the reference.
        suite: The suite: columns and their roles.
        entries: One per model, in any order.
        options: Settings of the intervals, the policy, and the cards of the tasks.

    Raises:
        ScoreMissing: The reference is not among the entries.
        NotComparable: Two models of a column were measured on different data, prompts or candidates.
        SpecError: The board is for publication, and a task has too few items for that.
    """
    options = options or Options()
    entries = sorted(entries, key=lambda entry: entry.name)
    measured = measured_set(model_set, suite, entries)
    policies = looks.shown(measured, options.policies, earlier=options.looks, where=looks.FILE)
    options = replace(options, policies=policies)
    comparison = AgainstReference(measured, policy=policies.reference)
    columns = task_columns(measured, options.cards)
    verdicts = {m.name: comparison.judge(m.name) for m in measured.models if m.name != model_set.reference}
    since = _since_baseline(measured, comparison, options)
    made_from = {entry.name: of for entry in entries if (of := cures.sources(entry))}
    inputs = {entry.name: entry.of for entry in entries}
    effects = cures.effects(comparison, made_from)
    unmeasured = conditions.unmeasured(measured)
    rows = [
        _row(model, columns, comparison, verdict=verdicts.get(model.name), since=since.get(model.name))
        for model in measured.models
    ]
    rows = [
        replace(
            row,
            cure=effect_of(inputs[row.name], effects[row.name], same_general_as=unmeasured.get(row.name, "")),
        )
        if row.name in effects
        else row
        for row in _with_details(rows, measured, columns, comparison, verdicts, options)
    ]
    table = Table(
        name=model_set.name,
        title=both(model_set.title, model_set.title_zh) if model_set.title else same(model_set.name),
        description=both(model_set.description, model_set.description_zh),
        suite=suite.name,
        suite_description=suite.description,
        synthetic=suite.synthetic,
        limit=suite.limit,
        reference=model_set.reference,
        columns=columns,
        rows=in_order(rows),
        recommendation=_answer(rows, measured, comparison, verdicts, effects, options),
        policy=options.policies.reference,
        baseline_policy=options.policies.baseline,
        form_policy=options.policies.form,
        policy_source=options.policies.source,
        baseline=options.baseline_file,
        gone=tuple(sorted(since.keys() - {model.name for model in measured.models})),
        command=options.command or f"tcmbench board {model_set.name}",
        digest=_digest(model_set, suite, entries),
        author=model_set.author,
        search=options.search,
    )
    return public(table) if options.public else table


def _with_details(
    rows: list[BoardRow],
    measured: MeasuredSet,
    columns: Sequence[TaskColumn],
    comparison: AgainstReference,
    verdicts: Mapping[str, ModelVerdict],
    options: Options,
) -> list[BoardRow]:
    """Return the rows with what follows from all of them together, and what a row unfolds to."""
    rows = with_trajectories(rows, measured, policy=options.policies.reference)
    rows = with_slices(rows, columns, comparison, options.cards)
    rows = _mark_best(rows, columns, comparison)
    rows = _rank(rows, comparison, verdicts)
    return with_forms(rows, measured, policy=options.policies.form)


def _answer(
    rows: Sequence[BoardRow],
    measured: MeasuredSet,
    comparison: AgainstReference,
    verdicts: Mapping[str, ModelVerdict],
    effects: Mapping[str, Effect],
    options: Options,
) -> Recommendation:
    """Return which row to take, with the cure to try: what a search found, or what the rows say."""
    if options.search is not None:
        return of_search(options.search)
    answer = _recommendation(rows, comparison, verdicts)
    advised = cures.advice(comparison, verdicts, effects)
    if advised is None or measured.suite.limit is not None:
        return answer
    return replace(answer, treated=advised.variant, cure=advised.cure)


def _recommendation(
    rows: Sequence[BoardRow], comparison: AgainstReference, verdicts: Mapping[str, ModelVerdict]
) -> Recommendation:
    # A form is a model again: which one to train is asked of the others.
    rows = [row for row in rows if row.form is None]
    names = {row.name for row in rows}
    verdicts = {name: verdict for name, verdict in verdicts.items() if name in names}
    answer = recommend(
        rows,
        gain_tied=lambda best, other: ranks.gain_tied(comparison, best, other),
        all_tied=lambda best, other: ranks.all_tied(comparison, best, other),
    )
    best = adjusted(comparison, verdicts, answer.row)
    return answer if best is None else replace(answer, chosen_from=best.of, adjusted_gain=_estimate(best.gain))


def _since_baseline(measured: MeasuredSet, comparison: AgainstReference, options: Options) -> dict[str, ModelVerdict]:
    """Return model → verdict against its own row in the baseline; empty without one."""
    if options.baseline is None:
        return {}
    from tcmbench.comparison import regression

    verdicts = regression.judge(
        measured,
        options.baseline,
        policies=options.policies,
        where=options.baseline_file,
        reference=comparison,
    )
    return {verdict.name: verdict for verdict in verdicts if verdict.against == "baseline"}


def _row(
    model: Measured,
    columns: Sequence[TaskColumn],
    comparison: AgainstReference,
    *,
    verdict: ModelVerdict | None,
    since: ModelVerdict | None,
) -> BoardRow:
    entry = model.entry
    is_reference = model is comparison.base
    cells = {column.name: _cell(model, column.name, comparison, verdict) for column in columns}
    sums = _aggregates(verdict, comparison) if verdict else Aggregates()
    return BoardRow(
        name=entry.name,
        title=entry.title or entry.name,
        kind=entry.kind,
        base=entry.base,
        description=both(entry.description, entry.description_zh),
        is_reference=is_reference,
        cells=cells,
        aggregates=replace(sums, means=_means(cells, columns)),
        gate=_gate(verdict) if verdict and entry.kind == "variant" else None,
        since_baseline=_gate(since) if since else None,
        seeds=model.seeds,
        precision=entry.precision,
        device=entry.device,
        versions=entry.versions,
        is_pooled=verdict is not None and verdict.is_pooled,
        recipe=dict(sorted(entry.recipe.items())),
        cost=entry.cost,
        training=entry.training,
        failure=entry.failure,
        provenance=_provenance(entry),
    )


def _provenance(entry: Entry) -> dict[str, Text]:
    facts = {name: same(value) for name, value in entry.provenance.items()}
    if entry.leaks:
        facts["leaks"] = Text(entry.leaks.sentence("en"), entry.leaks.sentence("zh"))
    if entry.selection:
        facts["selection"] = Text(entry.selection.sentence("en"), entry.selection.sentence("zh"))
    return dict(sorted(facts.items()))


def _cell(model: Measured, column: str, comparison: AgainstReference, verdict: ModelVerdict | None) -> Cell:
    gap = model.gap(column)
    if gap is not None:
        reason = gap.reason or Reason.of(gap.state)
        return Cell(status=gap.state, reason=Text(reason.sentence("en"), reason.sentence("zh")))
    scores, items = model.entry.scores[column], model.items[column]
    names = set.intersection(*(set(score.record.metrics) for score in scores))
    draws = comparison.draws(column)
    detail = details.details(items, comparison.base.items.get(column) if verdict else None)
    cell = Cell(
        status="measured",
        score=_score(model, draws, column, comparison) if draws else None,
        items=len(items.ids),
        seed_values=tuple(score.record.value * 100 for score in scores),
        metrics={name: sum(score.record.metrics[name] for score in scores) / len(scores) for name in sorted(names)},
        revision=scores[0].record.task_revision,
        histogram=detail.histogram,
        lowest=detail.lowest,
        highest=detail.highest,
        confusions=detail.confusions,
    )
    task = verdict.task(column) if verdict else None
    if task is None:
        return cell if draws is None else _without_interval(cell, model, column, comparison)
    return replace(
        cell,
        delta=_difference(task.delta, task.verdict),
        p_value=task.p_holm,
        improved_share=None if task.improved is None else task.improved / task.n,
        worse_share=None if task.worse is None else task.worse / task.n,
    )


def _score(model: Measured, draws: Draws, column: str, comparison: AgainstReference) -> ShownEstimate:
    try:
        return _estimate(draws.estimate(model.name, level=1 - comparison.policy.alpha))
    except NoInterval:
        return ShownEstimate(model.points(column))


def _without_interval(cell: Cell, model: Measured, column: str, comparison: AgainstReference) -> Cell:
    """Return a cell without a verdict, with the reason where the score or difference has no interval."""
    why = comparison.without_interval(model.name, column)
    if not why and cell.score is not None and cell.score.low is None:
        why = next(filter(None, (comparison.without_interval(m.name, column) for m in comparison.models)), "")
    if not why:
        return cell
    reason = Reason.of("no_interval", why=why)
    cell = replace(cell, reason=Text(reason.sentence("en"), reason.sentence("zh")))
    if model is comparison.base:
        return cell
    return replace(cell, delta=Difference(model.points(column) - comparison.base.points(column)))


def _aggregates(verdict: ModelVerdict, comparison: AgainstReference) -> Aggregates:
    sums = Aggregates(
        gain_role=ranks.gain_role(comparison.columns),
        partial=verdict.partial,
        in_domain=_mean(verdict, "in_domain"),
        held_out=_mean(verdict, "held_out"),
    )
    kept = verdict.forgetting
    if kept is None or verdict.kind != "variant":
        return sums
    worst = verdict.task(kept.worst_task)
    return replace(
        sums,
        general=_mean(verdict, "general"),
        worst_task=kept.worst_task,
        worst_delta=_difference(worst.delta, worst.verdict) if worst else None,
        retention=_estimate(kept.retention, scale=100) if kept.retention else None,
        worse_share=kept.worse,
    )


def _mean(verdict: ModelVerdict, role: Role) -> Difference | None:
    change = verdict.mean_change(role)
    return _difference(change, verdict.mean_verdict(role)) if change else None


def _means(cells: Mapping[str, Cell], columns: Sequence[TaskColumn]) -> dict[Role, RoleMean]:
    """Return role → mean score over all its tasks, without a value where one of them has no score."""
    means: dict[Role, RoleMean] = {}
    for role in dict.fromkeys(column.role for column in columns):
        names = [column.name for column in columns if column.role == role]
        scores = [score.value for name in names if (score := cells[name].score) is not None]
        missing = tuple(name for name in names if cells[name].score is None)
        means[role] = RoleMean(len(names), None if missing else sum(scores) / len(scores), missing)
    return means


def _gate(verdict: ModelVerdict) -> GateOutcome:
    # Against the reference the gate itself names, in both languages, the tasks that were not measured.
    kinds = {"unjudged"} if verdict.against == "reference" else {"missing", "not_comparable", "unjudged"}
    problems = [p for p in verdict.problems if p.kind in kinds]
    violations = verdict.violations if problems else verdict.result.violations
    reasons = [same(f"{p.column}: {p.reason}" if p.column else p.reason) for p in problems]
    reasons += [gate_reason(violation) for violation in violations]
    return GateOutcome(verdict.outcome, tuple(reasons), verdict.passed, verdict.changed)


def _mark_best(rows: Sequence[BoardRow], columns: Sequence[TaskColumn], comparison: AgainstReference) -> list[BoardRow]:
    marked = {row.name: dict(row.cells) for row in rows}
    for column in columns:
        measured = [row for row in rows if row.cells[column.name].score is not None]
        if not measured:
            continue
        best = max(measured, key=lambda row: (_value(row.cells[column.name]), row.name))
        for row in measured:
            cell = row.cells[column.name]
            top = _value(cell) == _value(best.cells[column.name])
            tied = not top and ranks.tied(comparison, best.name, row.name, column.name)
            marked[row.name][column.name] = replace(cell, best=top, tied=tied)
    return [replace(row, cells=marked[row.name]) for row in rows]


def _rank(
    rows: Sequence[BoardRow], comparison: AgainstReference, verdicts: Mapping[str, ModelVerdict]
) -> list[BoardRow]:
    borda = ranks.borda(comparison)
    front = ranks.front(verdicts, role=ranks.gain_role(comparison.columns))
    by_gain = ranks.rank_ranges(comparison)
    return [
        replace(
            row,
            aggregates=replace(
                row.aggregates, ranks=by_gain.get(row.name), borda=borda.get(row.name), on_front=row.name in front
            ),
        )
        for row in rows
    ]


def _estimate(estimate: Estimate, *, scale: float = 1.0) -> ShownEstimate:
    return ShownEstimate(estimate.value * scale, estimate.interval.low * scale, estimate.interval.high * scale)


def _difference(estimate: Estimate, verdict: Verdict | None) -> Difference:
    return Difference(estimate.value, estimate.interval.low, estimate.interval.high, verdict)


def _value(cell: Cell) -> float:
    return cell.score.value if cell.score is not None else float("-inf")


def _digest(model_set: ModelSet, suite: Suite, entries: Sequence[Entry]) -> str:
    """Return the sha256 over the measurements, without titles, intervals or presentation."""
    scores = [
        [entry.name, column, s.record.model_revision, s.record.task_revision, s.record.metric, s.record.value]
        for entry in entries
        for column, of_column in sorted(entry.scores.items())
        for s in of_column
    ]
    stated = [model_set.name, model_set.reference, suite.name, [[t.column, t.role] for t in suite.tasks]]
    return hashlib.sha256(canonical_json([stated, scores]).encode()).hexdigest()  # type: ignore[list-item]
