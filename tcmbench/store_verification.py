"""Whether the artefacts of a store are as they were written, all of them at once."""

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
"""Gives an artefact of an earlier version, by its key, a manifest; raises DamagedArtefact where it can't count."""

Check = Callable[[Path], Mapping[Path, DamagedArtefact]]
"""Returns what of an artefact has to go, each with the reason."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What the checksums say of one artefact."""

    artefact: Artefact

    state: Literal["whole", "unverified", "damaged"]
    """unverified: it has no checksums."""

    problems: Mapping[Path, DamagedArtefact]
    """What has to go, the artefact or parts of it, each with the reason."""

    def removable(self) -> tuple[Artefact, ...]:
        """Return what has to go."""
        return tuple(replace(self.artefact, path=path) for path in self.problems)


def verify(
    store: Store, listed: Iterable[Artefact], *, adopt: Mapping[str, Adopt], checks: Mapping[str, Check]
) -> tuple[Compared, ...]:
    """Return what the checksums say of artefacts, in their order.

    Args:
        store: The store.
        listed: Artefacts.
        adopt: Kind → what gives artefacts of an earlier version their manifests.
        checks: Kind → its check, for kinds without manifests.
    """

    def compare(artefact: Artefact) -> Compared:
        if artefact.kind in checks:
            problems = checks[artefact.kind](artefact.path)
            return Compared(artefact, "damaged" if problems else "whole", problems)
        return _by_manifest(store, artefact, adopt=adopt.get(artefact.kind))

    # hashing leaves the interpreter free
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
