"""What the tests in a browser share beside their fixtures."""

import os
import shutil
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARTEFACTS = Path(os.environ.get("ARTEFACTS", "artifacts"))


def keep(page, name: str) -> None:
    """Keep a screenshot as an artefact of CI."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
