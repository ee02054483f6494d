"""What the tests in a browser share beside their fixtures."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_MS = 180_000
"""Until a test has failed; machines may be slow."""
ARTEFACTS = Path(os.environ.get("ARTEFACTS", "artifacts"))


def keep(page, name: str) -> None:
    """Keep a screenshot as an artefact of CI."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


def eventually(page, true: Callable[[], bool]) -> None:
    """Wait for something that is not of the page."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not true():
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)
