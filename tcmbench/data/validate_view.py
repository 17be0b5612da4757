"""The validation report for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from tcmbench.data.validate import ValidationReport

_MOST_NAMES = 20


def render(report: ValidationReport) -> list[RenderableType]:
    """Return the report as rich renderables, top to bottom, fit for 80 columns."""
    from rich.text import Text

    parts: list[RenderableType] = [Text(printable(f"{report.root}\nsha256 {report.sha256}\n"))]
    if report.splits:
        parts += [_splits(report), _overlaps(report)]
        parts += [Text(printable(line), style="yellow") for line in _shared(report)]
    else:
        parts.append(Text("No splits, only a knowledge base."))
    parts += [Text(printable(line)) for line in _contents(report)]
    parts += [_sizes(report), _verdict(report)]
    return parts


def _splits(report: ValidationReport) -> Table:
    table = _table("Splits", *(split.name for split in report.splits))
    table.add_row("records", *(f"{split.records:,}" for split in report.splits))
    table.add_row("patients", *(f"{split.patients:,}" for split in report.splits))
    table.add_row("syndromes", *(f"{split.labels:,}" for split in report.splits))
    table.add_row("syndromes not in train", *(f"{split.labels_not_in_train:,}" for split in report.splits))
    table.add_row("records with several syndromes", *(f"{split.multi_label:,}" for split in report.splits))
    for field in report.splits[0].empty_fields:
        cells = (f"{split.empty_fields[field]:,}" for split in report.splits)
        table.add_row(f"records without {field.replace('_', ' ')}", *cells)
    return table


def _overlaps(report: ValidationReport) -> Table:
    from rich.text import Text

    title = f"Copies (near: at least {report.threshold:g} of their trigrams shared)"
    table = _table(title, "exact", "with other syndromes", "near pairs")
    examples = []
    for overlap in report.overlaps:
        is_within = overlap.left == overlap.right
        where = f"within {overlap.left}" if is_within else f"{overlap.right} and {overlap.left}"
        counts = (overlap.exact, overlap.conflicting, overlap.near)
        style = "yellow" if not is_within and any(counts) else None
        table.add_row(where, *(f"{n:,}" for n in counts), style=style)
        examples += [f"{where}: {b} ~ {a} ({similarity:.2f})" for a, b, similarity in overlap.examples[:1]]
    if examples:
        table.caption = Text(printable("\n".join(["For example", *examples])))
        table.caption_justify = "left"
    return table


def _shared(report: ValidationReport) -> list[str]:
    return [
        f"Patients with records in both {shared.left} and {shared.right}: {shared.patients:,}, "
        f"for example {', '.join(shared.examples)}"
        for shared in report.shared_patients
    ]


def _contents(report: ValidationReport) -> list[str]:
    labels, knowledge = report.labels, report.knowledge
    empty = ", ".join(f"{count:,} without {name}" for name, count in knowledge.empty_fields.items())
    lines = [f"Knowledge base: {knowledge.entries:,} entries ({empty})"]
    lines += [f"Entries with equal texts: {' = '.join(names)}" for names in knowledge.same_text[:_MOST_NAMES]]
    if report.label_map:
        lines.append(f"Label map: {report.label_map:,} entries")
    if report.splits:
        bands = f"{labels.head:,} with at least 100 records, {labels.mid:,} with 20 to 99, {labels.tail:,} fewer"
        lines.append(f"Syndromes of the records: {labels.distinct:,} ({bands})")
        lines.append(_coverage("the knowledge base", labels.not_in_knowledge))
    if report.splits and report.vocabulary:
        lines.append(_coverage("the vocabulary", labels.not_in_vocabulary))
    if labels.vocabulary_not_in_knowledge:
        strangers = _some(labels.vocabulary_not_in_knowledge)
        lines.append(f"In the vocabulary but not in the knowledge base: {strangers}")
    return lines


def _coverage(where: str, outside: Mapping[str, int]) -> str:
    if not outside:
        return f"All of them are in {where}."
    named = _some(tuple(f"{name} ({count:,} records)" for name, count in outside.items()))
    return f"Not in {where}, {len(outside):,}: {named}"


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")


def _sizes(report: ValidationReport) -> Table:
    table = _table("TCM-SD as published", "expected", "found")
    for part, expected in report.official.expected.items():
        found = report.official.found[part]
        table.add_row(part, f"{expected:,}", f"{found:,}", style=None if found == expected else "yellow")
    return table


def _verdict(report: ValidationReport) -> RenderableType:
    from rich.text import Text

    if report.official.is_official:
        return Text("This has the sizes of the official TCM-SD.", style="green")
    return Text("This is not the official TCM-SD: its sizes differ.", style="yellow")


def _table(title: str, *numbers: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in numbers:
        table.add_column(name, justify="right")
    return table
