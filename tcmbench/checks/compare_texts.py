"""Output of `tcmbench compare`: tables for users, JSON for programs, and texts of queries only on request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.checks import texts as figures
from tcmbench.comparison import conditions
from tcmbench.specs.suite import ROLES
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mteb.abstasks import AbsTask

    from tcmbench.comparison.pairs import ComparedColumn, ComparedPair, Comparison, MovedItem
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.stats.estimates import Estimate
    from tcmbench.store import Json

FORMAT = "tcmbench compare 1"
_CLIP = 160

Texts = dict[str, dict[str, str]]
"""Column → item → text."""


def as_text(
    pair: ComparedPair, comparison: Comparison, *, limit: int, in_detail: bool, texts: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the comparison for a terminal.

    Args:
        pair: Both sides.
        comparison: Their differences.
        limit: Number of queries and labels shown in each direction.
        in_detail: Whether queries and labels are shown.
        texts: Column → item → text, for queries that are shown.
    """
    before, after, level = pair.before.label, pair.after.label, pair.policy.level
    lines = [
        f"{after} against {before}: set {pair.model_set.name}, suite {pair.planned.suite.name}",
        f"change = {after} minus {before}, in points, with {level} intervals; p corrected over the tasks (Holm)",
    ]
    if pair.planned.suite.synthetic:
        lines.append("The data is generated: these scores have no medical meaning.")
    if pair.planned.suite.limit is not None:
        lines.append(f"A quick look: at most {pair.planned.suite.limit:,} queries, pairs or texts per task.")
    lines += _conditions(pair, comparison)
    head = (
        "task",
        "role",
        "metric",
        "before",
        "now",
        f"change [{level} interval]",
        "p",
        "better/worse",
        "first hit",
        "verdict",
    )
    lines += ["", *figures.aligned(head, [_row(column) for column in comparison.columns.values()])]
    lines += _means(comparison)
    for name, reason in comparison.skipped.items():
        lines.append(f"  {name}: not compared: {reason}")
    for name, column in comparison.columns.items() if in_detail else ():
        lines += ["", *_details(name, column, limit=limit, texts=texts.get(name, {}))]
    if not in_detail and comparison.columns:
        widest = max(comparison.columns.values(), key=lambda column: abs(column.verdict.delta.value))
        lines += ["", f"Query by query: add --task {widest.verdict.task} (or another column; all of them: --json FILE)"]
    return "\n".join(lines) + "\n"


def as_json(pair: ComparedPair, comparison: Comparison) -> str:
    """Return everything: all changed queries and all labels, ids only."""
    whole: dict[str, Json] = {
        "format": FORMAT,
        "set": pair.model_set.name,
        "suite": pair.planned.suite.name,
        **({} if pair.planned.suite.limit is None else {"limit": pair.planned.suite.limit}),
        **({"limits": dict(pair.planned.suite.samples)} if pair.planned.suite.samples else {}),
        "before": pair.before.label,
        "after": pair.after.label,
        "precisions": [pair.before.precision, pair.after.precision],
        "devices": [pair.before.device, pair.after.device],
        "means": {
            "in_domain": _figure(comparison.result.gain_in_domain),
            "held_out": _figure(comparison.result.gain_held_out),
            "general": _figure(comparison.result.backward_transfer),
        },
        "tasks": {name: _json(column) for name, column in comparison.columns.items()},
        "skipped": dict(comparison.skipped),
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _conditions(pair: ComparedPair, comparison: Comparison) -> list[str]:
    """Return the lines on samples, precisions, devices and versions."""
    sampled = {name: count for name, count in pair.planned.suite.samples.items() if name in comparison.columns}
    sides = (pair.before, pair.after)
    sample = conditions.samples_line(sampled)
    unlike = conditions.computation_lines(
        pair.before.label,
        precisions={side.label: side.precision for side in sides},
        devices={side.label: side.device for side in sides},
        versions={side.label: side.versions for side in sides},
    )
    return [*([sample] if sample else []), *unlike]


def query_texts(pair: ComparedPair, comparison: Comparison, *, limit: int) -> Texts:
    """Return the texts of the queries that `as_text` shows, from the tasks' data; loads mteb."""
    texts: Texts = {}
    columns = {column.column: column for column in pair.columns}
    for name, column in comparison.columns.items():
        wanted = {moved.item for moved in [*column.moved[:limit], *column.moved[-limit:]]}
        if wanted:
            about = columns[name]
            task = tasks.instantiate(pair.planned.tasks[about.task], about.split, subset=about.subset)
            task.load_data()
            texts[name] = {item: text for item, text in _texts_of(task, about).items() if item in wanted}
    return texts


def _texts_of(task: AbsTask, about: SuiteTask) -> dict[str, str]:
    """Return the text of each item of a ranking or classification task."""
    data = task.dataset or {}
    part = data[about.subset][about.split] if about.subset in data else data[about.split]
    if "queries" in part:
        return {str(row["id"]): str(row["text"]) for row in part["queries"]}
    names = part.column_names
    if "text" not in names:
        return {}
    ids = part["item"] if "item" in names else range(len(part))
    return {str(item): str(text) for item, text in zip(ids, part["text"], strict=True)}


def _row(column: ComparedColumn) -> tuple[str, ...]:
    verdict = column.verdict
    hits = f"+{column.hits.gained} −{column.hits.lost}" if column.hits else figures.NOTHING
    moved = f"{verdict.improved}/{verdict.worse}" if column.has_items else figures.NOTHING
    return (
        verdict.task,
        verdict.role,
        verdict.metric,
        f"{verdict.base:.2f}",
        f"{verdict.tuned:.2f}",
        figures.change(verdict.delta),
        figures.p_value(verdict.p_holm),
        moved,
        hits,
        verdict.verdict,
    )


def _means(comparison: Comparison) -> list[str]:
    result = comparison.result
    of_role = {
        "in_domain": result.gain_in_domain,
        "held_out": result.gain_held_out,
        "general": result.backward_transfer,
    }
    means = [
        f"{role.replace('_', ' ')} {figures.change(mean)}" for role in ROLES if (mean := of_role[role]) is not None
    ]
    return ["", f"mean change over tasks: {'; '.join(means)}"] if means else []


def _details(name: str, column: ComparedColumn, *, limit: int, texts: Mapping[str, str]) -> list[str]:
    verdict = column.verdict
    if not column.has_items:
        return [f"{name}: a correlation over pairs ({verdict.metric}): single items have no scores"]
    better, worse = verdict.improved or 0, verdict.worse or 0
    lines = [f"{name}: {better} of {verdict.n} items better, {worse} worse, {verdict.n - better - worse} equal"]
    if column.hits:
        lines.append(
            f"  first hit: {column.hits.gained} won, {column.hits.lost} lost "
            f"(McNemar's exact p {figures.p_value(column.hits.p_value)})"
        )
    fell = [moved for moved in column.moved if moved.delta < 0][:limit]
    rose = [moved for moved in reversed(column.moved) if moved.delta > 0][:limit]
    lines += _moved("lost most", fell, texts) + _moved("gained most", rose, texts)
    lines += _labels("labels that lost", [label for label in column.labels if label.delta < 0][:limit])
    lines += _labels("labels that gained", [label for label in reversed(column.labels) if label.delta > 0][:limit])
    return lines


def _moved(title: str, moved: Sequence[MovedItem], texts: Mapping[str, str]) -> list[str]:
    if not moved:
        return []
    lines = [f"  {title}:"]
    for one in moved:
        first = f", first {one.first_before} → {one.first_after}" if one.first_before != one.first_after else ""
        label = f"  {one.group}" if one.group else ""
        lines.append(f"    {one.item}  {one.before:.1f} → {one.after:.1f}{label}{first}")
        if one.item in texts:
            text = " ".join(texts[one.item].split())
            lines.append(f"      {text[:_CLIP]}{'…' if len(text) > _CLIP else ''}")
    return lines


def _labels(title: str, labels: Sequence[tuple[str, int, float, int, int]]) -> list[str]:
    lines = [f"  {title} (mean change; by change × items):"] if labels else []
    for name, items, delta, improved, worse in labels:
        lines.append(f"    {signed(delta, 1):>6}  n={items:<4} {name} ({improved} better, {worse} worse)")
    return lines


def _json(column: ComparedColumn) -> Json:
    verdict = column.verdict
    hits: Json = None
    if column.hits:
        hits = {"won": list(column.won), "lost": list(column.lost), "p_value": column.hits.p_value}
    return {
        "role": verdict.role,
        "metric": verdict.metric,
        "before": round(verdict.base, 10),
        "after": round(verdict.tuned, 10),
        "change": _figure(verdict.delta),
        "p_value": verdict.p_value,
        "p_holm": verdict.p_holm,
        "verdict": verdict.verdict,
        "items": verdict.n,
        "clusters": verdict.n_clusters,
        "first_hit": hits,
        "moved": [
            {
                "item": moved.item,
                "label": moved.group,
                "before": round(moved.before, 6),
                "after": round(moved.after, 6),
                "first_before": moved.first_before,
                "first_after": moved.first_after,
            }
            for moved in column.moved
        ],
        "labels": [
            {
                "label": label.name,
                "items": label.items,
                "change": round(label.delta, 6),
                "improved": label.improved,
                "worse": label.worse,
            }
            for label in column.labels
        ],
    }


def _figure(estimate: Estimate | None) -> Json:
    if estimate is None:
        return None
    low, high, _ = estimate.interval
    return {"value": round(estimate.value, 10), "low": round(low, 10), "high": round(high, 10)}
