"""Synthetic data written for tcmbench: what the demo and the tests run on, with no patient behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.checksums import tree_sha256
from tcmbench.store import key

if TYPE_CHECKING:
    from tcmbench.store import Store

__all__ = ["demo_root", "write_data_root", "write_general", "write_tcm_sd"]

DEMO_RECORDS = 2000
DEMO_SEED = 0


def demo_root(store: Store) -> Path:
    """Return the data root of the demo: generated at the first call, then taken from the store.

    Its key is the hash of the generator's own files, so a changed generator never meets old data.
    """
    here = Path(__file__).parent
    files = [path for path in here.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    name = key("synthetic", {"files": tree_sha256(files, root=here), "records": DEMO_RECORDS, "seed": DEMO_SEED})
    if not store.has("synthetic", name):
        with store.lock("synthetic", name):
            if not store.has("synthetic", name):
                with store.build("synthetic", name) as part:
                    write_data_root(part, records=DEMO_RECORDS, seed=DEMO_SEED)
    return store.path("synthetic", name)


def write_data_root(root: Path, *, records: int, seed: int) -> None:
    """Write a data root: the clinical folder `tcm-synth` and the everyday tasks `general-synth`."""
    write_tcm_sd(root / "tcm-synth", records=records, seed=seed)
    write_general(root / "general-synth", seed=seed)


def write_tcm_sd(root: Path, *, records: int, seed: int) -> None:
    """Write a synthetic TCM-SD folder; the same arguments give the same bytes."""
    from tcmbench.data.synthetic import tcm_sd

    tcm_sd.write_tcm_sd(root, records=records, seed=seed)


def write_general(root: Path, *, seed: int) -> None:
    """Write synthetic general-domain tasks; the same seed gives the same bytes."""
    from tcmbench.data.synthetic import general

    general.write_general(root, seed=seed)
