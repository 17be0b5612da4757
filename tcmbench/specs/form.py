"""A form: a row of a set that is one of its models as it would be deployed, with fewer bytes or in less time."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from tcmbench.specs.cure import RowTable, require_name
from tcmbench.specs.names import FileName, Prose
from tcmbench.specs.toml import Spec


class Form(Spec):
    """A row of a `[[form]]` table of a set."""

    of: FileName
    """Base, variant, cure, or form that the set lists earlier; its models are the float models of the form."""

    form: str
    """Plug-in of `tcmbench/forms`."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the plug-in."""

    description: Prose = ""
    """One sentence for the board."""

    description_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    @model_validator(mode="after")
    def _name_is_a_name(self) -> Form:
        require_name(self.name)
        return self

    @property
    def method(self) -> str:
        """Name of its plug-in."""
        return self.form

    @property
    def seeds(self) -> Literal["each", "together"]:
        """One model per seed of what it is a form of."""
        return "each"


class FormTable(RowTable):
    """A `[[form]]` table of a set: one form, or one per combination of the values in `each`."""

    def forms(self, *, where: str) -> list[Form]:
        """Return every combination, in the order written.

        Raises:
            SpecError: An invalid form, or a name that isn't a template over `each`.
        """
        return self.rows(Form, where=where)
