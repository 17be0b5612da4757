"""The browser of the tests of pages; they are skipped where there is none, except in CI."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import pytest

from .browser import CHROMIUM, DRIVER, start

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a headless Chromium with its network switched off."""
    if not os.environ.get("CI"):
        if CHROMIUM is None or DRIVER is None:
            pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
        if importlib.util.find_spec("selenium") is None:
            pytest.skip("needs selenium (pip install selenium)")
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()
