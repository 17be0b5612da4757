"""Views of a task: the same data with other values of an option that is a list, each a task of its own.

`TASK[entry_fields=name+definition]` is TASK with these values of the option `entry_fields`. Such a name may stand
wherever a task is named. The views that the file of a task declares are columns of every suite that names the task.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tcmbench.specs.suite import SuiteTask
    from tcmbench.specs.task import TaskSpec

Value = TypeVar("Value")

_VIEW = re.compile(r"(?P<task>[^\[\]]+)\[(?P<option>\w+)=(?P<values>\w+(?:\+\w+)*)\]")


def combinations(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    """Return all combinations of two or more values in their order, all of them together last: 11 of four."""
    sizes = range(2, len(values) + 1)
    return [chosen for size in sizes for chosen in itertools.combinations(values, size)]


def base_name(name: str) -> str:
    """Return the name of the task that a view is of; a name that is no view's is returned as it is."""
    view = _VIEW.fullmatch(name)
    return view["task"] if view else name


def view_of(spec: TaskSpec, name: str) -> TaskSpec:
    """Return the spec of a view of a task, by the view's name; the task's own for its own name."""
    view = _VIEW.fullmatch(name)
    if view is None:
        return spec
    values = view["values"].split("+")
    shown = f"{view['option']}: {', '.join(values)}"
    return spec.model_copy(
        update={
            "name": name,
            "options": {**spec.options, view["option"]: values},
            "views": {},
            "description": f"{spec.description} ({shown})".strip(),
            "description_zh": spec.description_zh and f"{spec.description_zh}（{shown}）",
        }
    )


def names(spec: TaskSpec) -> list[str]:
    """Return the names of the views that a task declares; the one that equals the task itself is left out."""
    found: dict[str, None] = {}
    for option, declared in spec.views.items():
        own = tuple(spec.options.get(option, ()))
        for values in declared:
            for chosen in combinations(own) if values == "combinations" else [values]:
                if chosen != own:
                    found[f"{spec.name}[{option}={'+'.join(chosen)}]"] = None
    return list(found)


def columns(column: SuiteTask, spec: TaskSpec) -> Iterator[SuiteTask]:
    """Yield a column of a suite, and a column for each view that its task declares."""
    yield column
    for name in names(spec):
        view = _VIEW.fullmatch(name)
        shown = view["values"].replace("+", ", ") if view else name
        yield column.model_copy(update={"task": name, "title": f"{column.title or column.task}: {shown}"})
