"""Synthetic data written for tcmbench: what the demo and the tests run on, with no patient behind it."""

from __future__ import annotations

from tcmbench.data.synthetic.tcm_sd import write_tcm_sd

__all__ = ["write_tcm_sd"]
