"""A task in TOML: a folder or file of local data that becomes an MTEB task without code."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from tcmbench.specs.names import FileName, Prose, leads_outside
from tcmbench.specs.toml import Spec

Values = tuple[str, ...] | Literal["combinations"]
"""Values of an option in a view; or all combinations of two or more of the values that the task's options give it."""


class TaskSpec(Spec):
    """One file of `tasks/`."""

    type: str
    """Plug-in of `tcmbench/task_types`: the kind of task."""

    path: str
    """Folder or file under the data root."""

    outside_data_root: bool = False
    """Whether `path` may lead out of the data root, as an absolute path or with `..` in it."""

    splits: tuple[FileName, ...] = Field(default=("test",), min_length=1, max_length=100)
    """Splits that are evaluated."""

    metric: str = ""
    """Main metric; empty takes the default of the type."""

    languages: tuple[str, ...] = Field(default=("zho-Hans",), min_length=1)
    """Languages of the texts, as mteb writes them."""

    description: Prose = ""
    """What the task measures, in one sentence."""

    description_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    source: Prose = ""
    """Where the data comes from and how to get it."""

    license: Prose = "unknown"
    """Licence of the data."""

    synthetic: bool = False
    """Whether the data was generated."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the type."""

    views: dict[str, tuple[Values, ...]] = Field(default_factory=dict)
    """Option that is a list → its values in further tasks of this file (`specs/views.py`)."""

    @model_validator(mode="after")
    def _combinations_have_values(self) -> TaskSpec:
        for option, values in self.views.items():
            own = self.options.get(option)
            if "combinations" in values and not (isinstance(own, list) and len(own) > 1):
                raise ValueError(
                    f'views of {option}: for "combinations", write its values under [options], two or more'
                )
        return self

    @model_validator(mode="after")
    def _path_stays_inside(self) -> TaskSpec:
        if leads_outside(self.path) and not self.outside_data_root:
            raise ValueError(
                f"path {self.path!r} leads out of the data root. If that is intended, write outside_data_root = true"
            )
        return self
