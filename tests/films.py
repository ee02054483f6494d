"""Films for tests: one of Mira's true frames, and others that ffmpeg makes of it.

``mira.mp4`` is her held-out take ``test_a``, every second frame (12.5 a second, 8 s), with sound;
``mira_truth.npz`` has what is true of each frame: keypoints (100, 68, 2) and irises (100, 2, 2) in
px, pose (100, 4, 4).
"""

import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np

from avatar.media import ffmpeg_exe

MIRA = Path(__file__).parent / "mira.mp4"


@lru_cache(maxsize=1)
def truth() -> dict[str, np.ndarray]:
    """What is true of the frames of ``MIRA``."""
    with np.load(MIRA.with_name("mira_truth.npz")) as data:
        return dict(data)


def film(out: Path, *arguments: str, source: Path = MIRA, before: tuple[str, ...] = ()) -> Path:
    """Make a film: ``ffmpeg BEFORE -i SOURCE ARGUMENTS OUT``."""
    given = (*before, "-i", str(source), *arguments)
    command = [ffmpeg_exe(), "-y", "-loglevel", "error", *given, str(out)]
    subprocess.run(command, check=True)
    return out
