"""Names of the columns in the files of a task, where they aren't the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from tcmbench.data import columns
from tcmbench.errors import SpecError
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from typing import Self


def usual(*columns: str) -> Mapping[str, tuple[str, ...]]:
    """Return columns that have their own names only."""
    return {column: (column,) for column in columns}


class ColumnOptions(PluginOptions):
    """Options of a type whose files are tables.

    They are part of the key of the data: another column is other data, though the file's bytes are the same.
    """

    FILES: ClassVar[tuple[Mapping[str, tuple[str, ...]], ...]] = ()
    """For each file: column → its common names."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Column → its name in the files, where it has another one."""

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        try:
            columns.require_known([column for file in self.FILES for column in file], self.columns)
            for file in self.FILES:
                columns.names(file, {column: name for column, name in self.columns.items() if column in file})
        except SpecError as error:
            raise ValueError(str(error)) from error
        return self
