"""Packages of an extra that an encoder or form needs."""

from __future__ import annotations

import importlib.util

from tcmbench.errors import MissingExtra


def require_packages(*packages: str, extra: str, purpose: str) -> None:
    """Check that packages are installed.

    Raises:
        MissingExtra: One isn't.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra.of(package, extra, purpose=purpose)
