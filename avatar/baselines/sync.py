"""How well a film's lips fit its sound, the lips read where the head is known to be."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..capture.face_track import FaceTrack
from ..capture.layout import Take
from ..capture.source import open_video
from ..errors import MetricError
from ..face.keypoints import MOUTH
from ..face.mashing import unproject
from ..metrics.mouth_sync import MouthSync
from ..metrics.reader import LIPS, point_reader
from ..metrics.syncnet import FPS, SyncNetScorer


@dataclass(frozen=True)
class Sync:
    """Scores of one film; None where there is none. Offsets: positive means that lips are late."""

    mouth_sync: float | None
    """Mean agreement in [-1, 1] by the network that comes with the package; not SyncNet's."""
    mouth_sync_offset: int | None
    """Frames at which that is best."""
    lse_c: float | None = None
    """SyncNet's confidence."""
    lse_d: float | None = None
    """SyncNet's least distance."""
    lse_offset: int | None = None
    """Frames at which that is least."""
    distance_at_0: float | None = None
    """SyncNet's distance as it stands."""
    reason: str = ""
    """Why something is None."""


def measure_sync(
    film: Path, take: Take, sound: np.ndarray, judge: MouthSync, syncnet: SyncNetScorer | None
) -> Sync:
    """Score a film of a take.

    Args:
        film: 512x512 at the capture's rate, from the take's first frame on.
        take: whose head is shown.
        sound: (N,) float32 mono at 16 kHz, from the first frame on.
        judge: gives the score that needs no download.
        syncnet: gives LSE-C and LSE-D; None, or a capture of another rate than 25: they are None.
    """
    track = _track(take, np.stack(list(_lips(film, take))))
    found = judge(track, sound)
    scores = {"mouth_sync": found.score, "mouth_sync_offset": found.offset_frames}
    reason = found.reason
    if syncnet is not None and track.fps == FPS:
        try:
            score = syncnet.score(open_video(film).read(), track, sound)
        except MetricError as error:
            reason = str(error)
        else:
            scores |= {
                "lse_c": score.lse_c, "lse_d": score.lse_d, "lse_offset": score.offset_frames,
                "distance_at_0": score.distance_at_0,
            }  # fmt: skip
    return Sync(**scores, reason=reason)


def _lips(film: Path, take: Take) -> Iterator[np.ndarray]:
    """Lips (20, 2) px of each frame."""
    reader, box = point_reader(LIPS), take.capture.mouth_box
    for picture in open_video(film).read(0, len(take.pose)):
        yield reader.read(picture, box)


def _track(take: Take, lips: np.ndarray) -> FaceTrack:
    """The take's own face with other lips (T, 20, 2) px."""
    count = len(lips)
    keypoints = take.arrays["landmarks2d"][:count].copy()
    keypoints[:, list(MOUTH)] = lips
    canonical = unproject(keypoints, take.pose[:count], take.capture.geometry)
    seen = np.ones(count, bool)
    return FaceTrack(
        take.capture.fps, 512, 512, keypoints, take.arrays["iris2d"][:count], take.pose[:count],
        canonical.astype(np.float32), 1.0, seen, ~seen,
    )  # fmt: skip
