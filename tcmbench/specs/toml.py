"""Reading one TOML file into one frozen model, with messages that name the file and the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench import redaction
from tcmbench.complaints import complaints
from tcmbench.errors import SpecError
from tcmbench.specs.names import FileName
from tcmbench.specs.safe_toml import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Spec(BaseModel):
    """Base of everything read from TOML: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: FileName
    """Name; equal to the name of the file."""


SpecT = TypeVar("SpecT", bound=Spec)

_MOST_SHOWN = 20
_LONGEST_SHOWN = 200


def parse(schema: type[SpecT], given: Mapping[str, Any], *, where: str) -> SpecT:
    """Return the validated spec.

    Raises:
        SpecError: A field is missing, misspelt or of the wrong type; the message names all of them.
    """
    try:
        return schema.model_validate(dict(given))
    except ValidationError as error:
        lines = [
            f"  {one.place or '(file)'}: {one.text}"
            + (f", got {_shown(one.name, one.value)}" if one.is_about_value else "")
            for one in complaints(error, schema)
        ]
        if len(lines) > _MOST_SHOWN:
            lines[_MOST_SHOWN:] = [f"  and {len(lines) - _MOST_SHOWN} more"]
        raise SpecError("\n".join([f"{where}: not a valid {kind_of(schema)}:", *lines])) from error


def kind_of(schema: type[Spec]) -> str:
    """Return what users call the files of a schema."""
    kinds = {"ModelSet": "model set", "SearchSpace": "space", "DataSet": "data set", "TaskSpec": "task"}
    return kinds.get(schema.__name__, schema.__name__.lower())


def read(schema: type[SpecT], path: Path) -> SpecT:
    """Read a spec file; its `name` defaults to that of the file.

    Raises:
        SpecError: Not TOML, not valid, or a `name` that differs from the file's.
    """
    given, _ = load(path)
    spec = parse(schema, {"name": path.stem, **given}, where=str(path))
    if spec.name != path.stem:
        raise SpecError(f"{path}: the name inside is {spec.name!r}; rename the file or the spec so that they agree.")
    return spec


def names(folder: Path) -> list[str]:
    """Return the names of all specs in a folder, sorted; entries that are not files are rejected when they are read."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def _shown(name: str, value: object) -> str:
    shown = repr(redaction.record({name: value})[name])
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
