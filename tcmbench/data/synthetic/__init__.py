"""Synthetic data written for tcmbench: what the demo and the tests run on, with no patient behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_data_root", "write_general", "write_tcm_sd"]


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
