"""The forms of a board: each compared with the model that it is a form of, and how that is said in its panel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards.cells import Difference
from tcmbench.boards.table import FormFacts, GateOutcome
from tcmbench.boards.texts import Text, gate_reason, same, text
from tcmbench.comparison import forms
from tcmbench.text.numbers import percent, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.table import BoardRow
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.records.entry import Serving
    from tcmbench.specs.policy import Policy

_RECALL = "search_recall_at_10"
_KIB = 1024


def with_forms(rows: Sequence[BoardRow], measured: MeasuredSet, *, policy: Policy) -> list[BoardRow]:
    """Return the rows with what forms are compared with.

    Args:
        rows: All rows.
        measured: The set.
        policy: Rules for forms.
    """
    verdicts = {verdict.name: verdict for verdict in forms.judge(measured, policy=policy)}
    return [replace(row, form=_facts(row, verdicts)) if row.name in verdicts else row for row in rows]


def _facts(row: BoardRow, verdicts: Mapping[str, ModelVerdict]) -> FormFacts:
    verdict = verdicts[row.name]
    kept = verdict.result.kept
    shares = [cell.metrics[_RECALL] for cell in row.cells.values() if _RECALL in cell.metrics]
    problems = [p for p in verdict.problems if p.kind == "unjudged"]
    violations = verdict.violations if problems else verdict.result.violations
    reasons = [same(f"{p.column}: {p.reason}") for p in problems] + [gate_reason(each) for each in violations]
    return FormFacts(
        of=verdict.counterpart,
        gate=GateOutcome(verdict.outcome, tuple(reasons), verdict.passed),
        change=None if kept is None or verdict.incomplete else Difference(kept.value, *kept.interval[:2]),
        recall=sum(shares) / len(shares) if shares else None,
    )


def facts(row: BoardRow) -> list[tuple[Text, Text]]:
    """Return what the panel of a form, or of a model whose cost was measured, states."""
    said: list[tuple[Text, Text]] = []
    if row.form is not None:
        said.append((text("form.of"), same(row.form.of)))
        if row.form.change is not None:
            change = row.form.change
            ends = (
                "" if change.low is None or change.high is None else f" [{signed(change.low)}, {signed(change.high)}]"
            )
            said.append((text("form.change"), same(f"{signed(change.value)}{ends}")))
        said += [(text("form.not_as_good"), reason) for reason in row.form.gate.reasons]
        if row.form.recall is not None:
            said.append((text("form.recall"), same(percent(100 * row.form.recall))))
    if row.cost is not None and row.cost.serving is not None:
        said += _served(row.cost.serving)
    return said


def _served(cost: Serving) -> list[tuple[Text, Text]]:
    low, high = cost.query_ms_range
    return [
        (text("form.query"), same(f"{cost.query_ms:.2f} [{low:.2f}, {high:.2f}]; p95 {cost.query_ms_p95:.2f} ms")),
        (text("form.speed"), same(f"{cost.tokens_per_second:,.0f}")),
        (text("form.bytes"), same(f"{cost.bytes_per_document:,}")),
        (text("form.index"), same(f"{cost.index_bytes / _KIB:,.0f} KiB")),
        (text("form.weights"), same(f"{cost.weights_bytes / _KIB:,.0f} KiB")),
        *([(text("form.parameters"), same(f"{cost.parameters:,}"))] if cost.parameters else []),
        (text("form.memory"), same(f"{cost.peak_memory_mib:,.0f} MiB")),
        (
            text("form.measured"),
            text(
                "form.measured_on",
                documents=f"{cost.documents:,}",
                column=cost.column,
                repeats=str(cost.repeats),
                machine=cost.hardware,
            ),
        ),
    ]
