"""Makes ``examples/compare``, which the Compare tab shows when it is opened.

    python -m avatar.ui.example CAPTURE

CAPTURE is Mira's. The true frames of a held-out take, of which every second one is rendered; Mira's
rendering of the same sound and motion; a cut-and-paste baseline; and what is measured of them.
"""

import shutil
import sys
from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from ..baselines.cutting import NearestViseme, TrainFrames
from ..baselines.method import Rendered
from ..capture.layout import Capture
from ..compare.comparison import compare
from ..errors import RenderError
from ..identity import load_identity
from ..media import input_arguments, running_ffmpeg
from ..metrics.evaluate import listen
from ..metrics.subject import Subject
from ..render.video import video_writer
from ..timing import SAMPLE_RATE
from .compare import EXAMPLE, EXAMPLE_VIDEOS

SECONDS = 6
COMMENT = "AI-generated; a synthetic person"


def main(capture: Path) -> None:
    """Write the videos and their report."""
    found = Capture.load(capture)
    take, train = found.take("test_a"), TrainFrames(found)
    speech = listen(take, use_transcript=True)
    sound = speech.sound[: SECONDS * SAMPLE_RATE]
    shutil.rmtree(EXAMPLE, ignore_errors=True)
    EXAMPLE.mkdir()
    true, mira, nearest = EXAMPLE_VIDEOS
    pictures = (take.head_over_background(frame) for frame in take.rendered)
    _write(true, pictures, found.fps / 2, sound)
    subject = Subject.of(load_identity("mira"))
    _write(mira, Rendered("Mira", subject).frames(take, speech), found.fps, sound)
    _write(nearest, NearestViseme(train).frames(take, speech), found.fps, sound)
    compare(EXAMPLE_VIDEOS, report=EXAMPLE / "report", progress=print)
    shutil.rmtree(EXAMPLE / "report" / "plots")  # the page draws its own


def _write(path: Path, pictures: Iterable[np.ndarray], fps: Fraction, sound: np.ndarray) -> None:
    """A video that is small enough for a repository."""
    large = path.with_suffix(".large.mp4")
    with video_writer(large, fps, sound) as writer:
        for picture in islice(pictures, int(SECONDS * fps)):
            writer.write(picture)
    small = ["-c:v", "libx264", "-crf", "27", "-preset", "slower", "-c:a", "copy"]
    tags = ["-metadata", f"comment={COMMENT}", "-movflags", "+faststart"]
    with running_ffmpeg([*input_arguments(large), *small, *tags, str(path)]) as ffmpeg:
        if ffmpeg.wait():
            raise RenderError(ffmpeg.complaints())
    large.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
