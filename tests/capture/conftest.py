from pathlib import Path

import pytest
from films import MIRA

from avatar.capture.prepare import prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture that ``prepare`` makes of eight seconds of Mira, 12.5 frames a second."""
    out = tmp_path_factory.mktemp("prepared") / "capture"
    prepare([MIRA], out, subject="Mira (synthetic)", processes=1)
    return out
