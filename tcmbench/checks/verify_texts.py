"""Output of `tcmbench verify`: what was found, for users and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from tcmbench.checks import texts as figures
from tcmbench.comparison import conditions

if TYPE_CHECKING:
    from tcmbench.checks.verify import Verification
    from tcmbench.comparison.pairs import ComparedColumn
    from tcmbench.store import Json

FORMAT = "tcmbench verify 1"
_LISTED = 6


def as_text(found: Verification) -> str:
    """Return the comparison for a terminal; the first line has the verdict."""
    planned = found.pair.planned
    lines = [
        f"{_verdict(found)}: {found.served_name} at {found.address} against {found.model}, suite {planned.suite.name}",
    ]
    if planned.suite.synthetic:
        lines.append("The data is generated: these scores have no medical meaning.")
    if planned.suite.limit is not None:
        lines.append(f"A quick look: at most {planned.suite.limit:,} queries, pairs or texts per task.")
    samples = {name: count for name, count in planned.suite.samples.items() if name in found.comparison.columns}
    lines += [line for line in [conditions.samples_line(samples)] if line]
    lines += ["", f"  canaries: {_canaries(found)}", *_texts(found)]
    if found.comparison.columns:
        level = found.pair.policy.level
        head = ("task", "metric", "measured", "served", f"change [{level} interval]", "p", "items changed", "")
        rows = [_row(found, name, column) for name, column in found.comparison.columns.items()]
        lines += ["", *figures.aligned(head, rows)]
    lines += [f"  {name}: not compared: {reason}" for name, reason in found.unmeasured.items()]
    return "\n".join([*lines, "", _end(found)]) + "\n"


def as_json(found: Verification) -> str:
    """Return everything as JSON; items by their ids."""
    whole: dict[str, Json] = {
        "format": FORMAT,
        "outcome": found.outcome,
        "exit_code": found.exit_code,
        "url": found.address,
        "served": found.served_name,
        "model": found.model,
        "suite": found.pair.planned.suite.name,
        **({} if found.pair.planned.suite.limit is None else {"limit": found.pair.planned.suite.limit}),
        "within": found.within,
        "canaries": None
        if found.canaries is None
        else {
            "kinds": [*found.canaries.kinds],
            "largest": found.canaries.largest,
            "where": found.canaries.where,
            "cosine": found.canaries.cosine,
            "detail": found.canaries.detail,
        },
        "texts": None if found.texts is None else asdict(found.texts),
        "tasks": {name: _json(found, name, column) for name, column in found.comparison.columns.items()},
        "not_compared": dict(found.unmeasured),
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _verdict(found: Verification) -> str:
    return {
        "same": "THE SAME",
        "within": "THE SAME UP TO ROUNDING" if found.within is None else f"WITHIN {found.within:g} POINTS",
        "different": "DIFFERENT",
        "unjudged": "NOT JUDGED",
    }[found.outcome]


def _canaries(found: Verification) -> str:
    if found.canaries is None:
        return f"not compared, as what {found.model} gives for them isn't known here"
    if not found.canaries.is_drift:
        return f"the same; largest difference {found.canaries.largest:.2g} ({found.canaries.where})"
    return found.canaries.said()


def _texts(found: Verification) -> list[str]:
    texts = found.texts
    if texts is None and found.is_reranker:
        return []
    if texts is None:
        return [
            "  texts: not compared, as the store has no vectors of them by the installed packages (pruned, or upgraded)"
        ]
    if not texts.differing:
        return [f"  texts: {texts.count:,} compared, all the same; largest difference {texts.largest:.2g}"]
    share = f"{texts.differing:,} of {texts.count:,} have other vectors ({texts.differing / texts.count:.0%})"
    return [f"  texts: {share}; largest difference {texts.largest:.2g}"]


def _row(found: Verification, name: str, column: ComparedColumn) -> tuple[str, ...]:
    verdict = column.verdict
    moved = f"{found.moved(column):,} of {verdict.n:,}" if column.has_items else figures.NOTHING
    return (
        name,
        verdict.metric,
        f"{verdict.base:.2f}",
        f"{verdict.tuned:.2f}",
        figures.change(verdict.delta),
        figures.p_value(verdict.p_holm),
        moved,
        "differs" if name in found.differing else "",
    )


def _end(found: Verification) -> str:
    """Return what to do."""
    if found.outcome in {"same", "within"}:
        return "What is served scores as what was measured."
    if not found.comparison.columns and not found.unmeasured:
        return "No task of the suite can be measured on such a model here. Name another: --suite or --tasks."
    if found.outcome == "unjudged":
        return "No difference was found, but not every task could be compared."
    causes = [f"{len(found.differing)} of {len(found.comparison.columns)} tasks"] if found.differing else []
    if found.within is None:
        causes += ["the canaries"] if found.canaries is not None and found.canaries.is_drift else []
        causes += ["vectors of texts"] if found.texts is not None and found.texts.differing else []
    if not found.differing and found.within is None:
        return f"Different: {', '.join(causes)}, but no score. To judge by scores alone: --within POINTS."
    names = ", ".join(found.differing[:_LISTED])
    return f"Different: {', '.join(causes)}{f' ({names})' if names else ''}."


def _json(found: Verification, name: str, column: ComparedColumn) -> Json:
    verdict = column.verdict
    low, high, _ = verdict.delta.interval
    moved: list[Json] = [
        {"item": item.item, "measured": round(item.before, 6), "served": round(item.after, 6)} for item in column.moved
    ]
    return {
        "metric": verdict.metric,
        "measured": round(verdict.base, 10),
        "served": round(verdict.tuned, 10),
        "change": {"value": round(verdict.delta.value, 10), "low": round(low, 10), "high": round(high, 10)},
        "p_holm": verdict.p_holm,
        "items": verdict.n,
        "changed": found.moved(column) if column.has_items else None,
        "differs": name in found.differing,
        "moved": moved,
    }
