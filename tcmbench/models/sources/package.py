"""Weights in a file of an installed package, pinned by version and sha256, and converted into the store once.

Nothing of the package is imported: its file is found in the record of what was installed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tcmbench import plugins
from tcmbench.checksums import settled_sha256
from tcmbench.errors import ModelAbsent
from tcmbench.plugins import PluginOptions
from tcmbench.specs.names import Reference
from tcmbench.store import differences, key

if TYPE_CHECKING:
    from tcmbench.models.sources import Search
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
KIND = "converted"
"""Kind of artefact in the store."""

_STAGE = "converted 1"
_CONVERTERS = {"e5s1": "tcmbench.models.e5s1"}
"""Format → module with `convert(source, target)`."""


class Options(PluginOptions):
    """The file, and how it is read."""

    distribution: Reference
    """Name of the package."""

    version: Reference
    """Its version; another one is refused."""

    file: str
    """File in the package, as in the record of what was installed."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hash of the file; another one is refused."""

    format: Literal["e5s1"]
    """Format of the file."""

    extra: Reference | None = None
    """Extra of tcmbench that installs the package; None where the user installs it."""


def identity(options: Options) -> dict[str, Json]:
    """Return the options that change the converted weights: the file's content, not its place."""
    return differences(options, include={"sha256", "format"})


def find(base: Base, *, options: Options, search: Search) -> str:
    """Return the package and the file; the package isn't needed once the file is converted."""
    if not search.workspace.store.has_manifest(KIND, _key(options)):
        _file(base, options)
    return f"{options.distribution} {options.version} ({options.file})"


def fetch(base: Base, *, options: Options, search: Search) -> Path:
    """Return the folder of the converted weights.

    Raises:
        ModelAbsent: The package isn't installed, has another version, or its file another content.
    """
    store, name = search.workspace.store, _key(options)
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            source = _verified(base, options)
            with store.build(KIND, name) as target:
                importlib.import_module(_CONVERTERS[options.format]).convert(source, target)
    return store.path(KIND, name)


def remedy(base: Base, *, options: Options) -> str:
    """Return the command that installs the package."""
    del base
    return f"pip install 'tcmbench[{options.extra}]'" if options.extra else f"pip install {_requirement(options)}"


def _key(options: Options) -> str:
    return key(_STAGE, plugins.Plugin("sources", "package", importlib.import_module(__name__), options).identity())


def _requirement(options: Options) -> str:
    return f"{options.distribution}=={options.version}"


def _file(base: Base, options: Options) -> Path:
    """Return the path of the file.

    Raises:
        ModelAbsent: The package isn't installed, has another version, or has no such file.
    """
    where, advice = f"base {base.name}: its weights are in {_requirement(options)}", remedy(base, options=options)
    try:
        installed = importlib.metadata.distribution(options.distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelAbsent(f"{where}, which is not installed. Run: {advice}") from error
    if installed.version != options.version:
        raise ModelAbsent(f"{where}, but version {installed.version} is installed. Run: {advice}")
    listed = next((file for file in installed.files or () if file.as_posix() == options.file), None)
    path = None if listed is None else Path(str(listed.locate()))
    if path is None or not path.is_file():
        raise ModelAbsent(f"{where}, whose installation lacks {options.file}. Run: {advice} --force-reinstall")
    return path


def _verified(base: Base, options: Options) -> Path:
    """Return the path of the file, whose content is the pinned one.

    Raises:
        ModelAbsent: It is another file.
    """
    path = _file(base, options)
    actual = settled_sha256(path)
    if actual != options.sha256:
        raise ModelAbsent(
            f"base {base.name}: {path} has another content than its weights: expected sha256 {options.sha256}, got "
            f"{actual}. Run: {remedy(base, options=options)} --force-reinstall"
        )
    return path
