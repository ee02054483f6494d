"""The report of ``prepare``: how good the films are, to be read and looked at."""

from dataclasses import asdict
from typing import Any

import numpy as np

from .desk import write_json
from .quality import Figures
from .shoot import Shoot

REPORT = "report/report.json"


def write_report(
    shoot: Shoot,
    figures: Figures,
    measured: dict[str, np.ndarray],
    verdict: str,
    reasons: list[str],
) -> dict[str, Any]:
    """Write ``OUT/report``; gives what its report.json says."""
    data = {"verdict": verdict, "reasons": reasons, **asdict(figures), "marks_s": shoot.marks}
    write_json(shoot.desk.out / REPORT, data)
    return data
