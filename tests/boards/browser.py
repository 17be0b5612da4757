"""A headless Chromium for a look at boards, without a network; `python -m tests.boards.browser` takes pictures."""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--lang=en",
)  # fmt: skip


def start(profile: Path, *, offline: bool = True) -> Any:
    """Return a Chromium under selenium; the caller quits it.

    Args:
        profile: Empty folder for its files.
        offline: Switch its network off.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}", "--window-size=1440,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The browser talks to its driver over loopback, which a proxy of the machine must not catch.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.execute_cdp_cmd("Network.enable", {})
    if offline:
        driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
    return driver


def emulate(driver: Any, scheme: str) -> None:
    """Make the browser prefer a colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def resize(driver: Any, width: int, height: int, *, scale: float = 1) -> None:
    """Give the page a size in CSS pixels; narrow ones are telephones."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600},
    )


def picture(driver: Any, path: Path, *, whole: bool = False) -> None:
    """Write what the window shows, or the whole page, as PNG."""
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(shot["data"]))


def all_of(driver: Any, selector: str) -> list[Any]:
    """Return all elements of a CSS selector."""
    from selenium.webdriver.common.by import By

    return list(driver.find_elements(By.CSS_SELECTOR, selector))


def one(driver: Any, selector: str) -> Any:
    """Return the first element of a CSS selector."""
    return all_of(driver, selector)[0]


def wait_for(driver: Any, selector: str) -> Any:
    """Return the first element of a CSS selector, once it is there: what is packed is unpacked in the background."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 20, poll_frequency=0.02).until(lambda _: all_of(driver, selector))[0]


def main() -> None:
    """Take a picture of a board, as the command line says."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("page", type=Path, help="index.html of a board")
    parser.add_argument("picture", type=Path, help="PNG to write")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900, help="0 takes the whole page")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--language", choices=("en", "zh-Hans"), default="en")
    parser.add_argument("--script", default="", help="JavaScript to run first")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile:
        driver = start(Path(profile))
        try:
            emulate(driver, chosen.scheme)
            resize(driver, chosen.width, chosen.height or 1000)
            driver.get(chosen.page.resolve().as_uri())
            driver.execute_script("setLanguage(arguments[0])", chosen.language)
            driver.execute_script(chosen.script)
            if not chosen.height:
                resize(driver, chosen.width, driver.execute_script("return document.documentElement.scrollHeight"))
            picture(driver, chosen.picture)
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
