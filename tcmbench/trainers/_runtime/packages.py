"""Packages that a training needs and this environment may lack."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def missing(modules: Iterable[str]) -> list[str]:
    """Return those of the modules that are not installed, without importing any."""
    return [module for module in modules if not _installed(module)]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
