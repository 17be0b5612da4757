"""reports/benchmarks.md: every figure of one run, missed goals first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks._result import described, number, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from benchmarks._result import Result, Row

_COLUMNS = "| what | unit | rival | tcmbench | ratio | rival MiB | MiB | goal | |"
_HEADER = f"{_COLUMNS}\n|---|---|---:|---:|---:|---:|---:|---|---|\n"
_ABOUT = (
    "Written by `make bench`; not edited. One thread, one benchmark at a time. Rivals are named per figure; what is "
    "extrapolated says so. Ratio: the rival's cost over ours. MiB: peak above the interpreter and the data.\n"
)


def markdown(results: Mapping[str, Result], *, failed: Sequence[str], date: date) -> str:
    """Return the report of a run.

    Args:
        results: Name of a benchmark → its result.
        failed: Benchmarks without figures.
        date: When.
    """
    parts = [
        f"# Benchmarks, {date.isoformat()}\n\n{_ABOUT}",
        _machines(results),
        _goals(results, failed),
    ]
    parts += [_section(name, found) for name, found in results.items()]
    return "\n".join(parts)


def _machines(results: Mapping[str, Result]) -> str:
    """Return the machine, once if all ran on the same."""
    packages: dict[str, str] = {}
    for found in results.values():
        packages |= found.environment.packages
    lines = {described(found.environment.model_copy(update={"load": 0.0})) for found in results.values()}
    loads = [found.environment.load for found in results.values()]
    shown = [line.replace(", load 0.0", "") for line in sorted(lines)]
    busiest = f"- load after each benchmark: at most {max(loads):.1f}" if loads else ""
    versions = ", ".join(f"{name} {packages[name]}" for name in sorted(packages))
    return "\n".join([*(f"- {line}" for line in shown), f"- {versions}", busiest, ""])


def _goals(results: Mapping[str, Result], failed: Sequence[str]) -> str:
    """Return how many goals are met, every one that isn't, and what was not measured."""
    rows = [(name, row, found.quick) for name, found in results.items() for row in found.rows if row.goal]
    judged = [(name, row) for name, row, quick in rows if not quick]
    missed = [(name, row) for name, row in judged if row.is_met is False]
    lines = [f"**Goals: {len(judged) - len(missed)} of {len(judged)} met.**"]
    if len(judged) < len(rows):
        lines.append(f"{len(rows) - len(judged)} are not judged: they were run at small sizes.")
    lines += [f"- missed: {name}: {_cell(row.case)}: {row.goal}" for name, row in missed]
    lines += [f"- failed, no figures: {name}" for name in failed]
    left = [(name, left) for name, found in results.items() for left in found.left_out]
    lines += [f"- not measured: {name}: {_cell(one.case)}: {_cell(one.reason)}" for name, one in left]
    return "\n".join([*lines, ""])


def _section(name: str, found: Result) -> str:
    lines = "".join(_line(row, quick=found.quick) for row in found.rows)
    size = " --quick" if found.quick else ""
    title = f"## {found.question}\n\n`python -m benchmarks.{name}{size}` ({found.seconds:.0f} s)"
    table = f"{_HEADER}{lines}" if lines else ""
    return f"{title}\n\n{table}{_notes(found)}"


def _line(row: Row, *, quick: bool) -> str:
    name = f"{row.rival_name}: " if row.rival_name else ""
    rival = f"{name}{number(row.rival)}" if row.rival is not None else ""
    memory = ["" if value is None else number(value) for value in (row.rival_mib, row.mib)]
    ratio = "" if row.ratio is None else f"{number(row.ratio)}×"
    cells = [row.case, row.unit, rival, number(row.ours), ratio, *memory, row.goal, verdict(row, quick=quick)]
    return f"| {' | '.join(map(_cell, cells))} |\n"


def _notes(found: Result) -> str:
    notes = dict.fromkeys(row.note for row in found.rows if row.note)
    notes |= dict.fromkeys(f"Not measured: {left.case}: {left.reason}" for left in found.left_out)
    return "".join(f"\n{note}\n" for note in notes)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
