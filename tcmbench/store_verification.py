"""Verifies that the artefacts of a store are unchanged since they were written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tcmbench.errors import DamagedArtefact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcmbench.store import Store
    from tcmbench.store_inventory import Artefact

Adopt = Callable[["Store", str], None]
"""Writes the manifest of an artefact of an earlier version, by its key; raises DamagedArtefact where it is invalid."""

Check = Callable[[Path], Mapping[Path, DamagedArtefact]]
"""Returns the parts of an artefact that have to be removed, each with the reason."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Result of comparing one artefact with its checksums."""

    artefact: Artefact

    state: Literal["whole", "unverified", "damaged"]
    """unverified: it has no checksums."""

    problems: Mapping[Path, DamagedArtefact]
    """What has to be removed, the artefact or parts of it, each with the reason."""

    def removable(self) -> tuple[Artefact, ...]:
        """Return what has to be removed."""
        return tuple(replace(self.artefact, path=path) for path in self.problems)


def verify(
    store: Store, listed: Iterable[Artefact], *, adopt: Mapping[str, Adopt], checks: Mapping[str, Check]
) -> tuple[Compared, ...]:
    """Return the verification of each artefact, in their order.

    Args:
        store: The store.
        listed: Artefacts.
        adopt: Kind → function that writes the manifests of artefacts of an earlier version.
        checks: Kind → its check, for kinds without manifests.
    """

    def compare(artefact: Artefact) -> Compared:
        if artefact.kind in checks:
            problems = checks[artefact.kind](artefact.path)
            return Compared(artefact, "damaged" if problems else "whole", problems)
        return _by_manifest(store, artefact, adopt=adopt.get(artefact.kind))

    # hashing releases the interpreter lock
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        return tuple(threads.map(compare, listed))


def _by_manifest(store: Store, artefact: Artefact, *, adopt: Adopt | None) -> Compared:
    kind, key = artefact.kind, artefact.key
    try:
        if adopt is not None and not store.has_manifest(kind, key):
            adopt(store, key)
        if not store.has_manifest(kind, key):
            return Compared(artefact, "unverified", {})
        store.open(kind, key)
    except DamagedArtefact as error:
        return Compared(artefact, "damaged", {artefact.path: error})
    return Compared(artefact, "whole", {})
