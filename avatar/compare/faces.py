"""Lips against the reference's and against the sound, and how the head moves: from keypoints."""

from collections.abc import Generator
from contextlib import closing
from functools import lru_cache

import numpy as np

from ..capture.face_track import FaceTrack
from ..errors import MetricError
from ..metrics import lips, motion
from ..metrics.mouth_sync import FPS, MouthSync
from ..metrics.syncnet import NOT_FOUND, SyncNetScorer
from .figures import Figures
from .footage import Footage

AGAINST = ("dlip_px", "dlip_iod", "opening_correlation", "picture_offset")
SYNCNET = ("lse_d", "lse_c", "sync_distance_at_0", "sync_offset")
EMBEDDED = ("mouth_sync", "mouth_sync_offset")
LOUDNESS = ("loudness_correlation", "loudness_lag")
MOTION = ("pose_range", "jerk", "blinks")
SEEN = 0.75
"""Share of the frames that must show the face: lips and motion that are bridged over more of them
are made up."""
PARTS = 4
LEAST_FIT = 0.5
"""Correlation of two openings below which their best shift is chance, as of a mouth that says
something else."""


def measure_faces(
    footage: Footage, reference: Footage | None, syncnet: SyncNetScorer | None
) -> Generator[tuple[int, int], None, Figures]:
    """Measure what the face of a video does; returns what is found.

    Args:
        footage: on the common clock, with its face if it has one.
        reference: whose lips it is compared with; None: nobody's.
        syncnet: gives LSE-D and LSE-C; None: they are missing.

    Yields:
        Steps that are done, of how many.
    """
    found = Figures()
    yield 0, PARTS
    if footage.track is None:
        found.miss((*AGAINST, *SYNCNET, *EMBEDDED, *LOUDNESS, *MOTION), "no face")
        return found
    _against(found, footage.face(), reference)
    yield 1, PARTS
    if footage.track.visible.mean() < SEEN:
        found.miss((*SYNCNET, *EMBEDDED, *LOUDNESS, *MOTION), "a face in too few of its frames")
        return found
    _sound(found, footage)
    yield 2, PARTS
    _syncnet(found, footage, syncnet)
    yield 3, PARTS
    found.put("pose_range", motion.pose_range(footage.track))
    found.put("jerk", motion.head_jerk(footage.track), "too short")
    found.put("blinks", motion.blink_rate(footage.track))
    yield PARTS, PARTS
    return found


def _against(found: Figures, track: FaceTrack, reference: Footage | None) -> None:
    """The lips beside the reference's."""
    opening = _opening(track)
    found.series["opening"] = opening
    truth = reference.face() if reference else None
    if truth is None:
        found.miss(AGAINST, "no face in the reference" if reference else "no reference")
        return
    both = track.visible & truth.visible
    if not both.any():
        found.miss(AGAINST, "the two faces are never seen at one moment")
        return
    distance, true_opening = lips.dlip(track, truth), _opening(truth)
    found.series["dlip_px"] = np.where(both, distance, np.nan)
    found.put("dlip_px", distance[both].mean())
    found.put("dlip_iod", distance[both].mean() / (truth.interocular * lips.PX))
    still = "a mouth stands still"
    found.put("opening_correlation", lips.correlation(opening, true_opening), still)
    fit = lips.best_lag(opening, true_opening)
    if fit and fit[1] < LEAST_FIT:
        fit, still = None, "no shift fits the reference's opening well"
    found.put("picture_offset", fit and fit[0], still)


def _opening(track: FaceTrack) -> np.ndarray:
    """(T,) px, NaN where the face was not seen: bridges are no measurement."""
    return np.where(track.visible, lips.opening(lips.mouth_points(track)), np.nan)


def _sound(found: Figures, footage: Footage) -> None:
    """The lips beside the sound, without a download."""
    track = footage.face(FPS)
    score = mouth_sync()(track, footage.sound)
    found.put("mouth_sync", score.score, score.reason)
    found.put("mouth_sync_offset", score.offset_frames, score.reason)
    if score.per_frame is not None:
        seen = np.arange(footage.frames) / float(footage.fps) * float(FPS)
        curve = score.per_frame[np.minimum(np.int64(seen), len(score.per_frame) - 1)]
        found.series["mouth_sync"] = curve
    fit = lips.loudness_lag(track, footage.sound)
    why = "silence, a mouth that stands still, or too short"
    found.put("loudness_correlation", fit and fit[1], why)
    found.put("loudness_lag", fit and fit[0], why)


def _syncnet(found: Figures, footage: Footage, syncnet: SyncNetScorer | None) -> None:
    """The lips beside the sound, as SyncNet has them."""
    if syncnet is None:
        found.miss(SYNCNET, NOT_FOUND)
        return
    track = footage.face(FPS)
    frames = footage.on_clock(FPS).pictures((track.width, track.height))
    try:
        with closing(frames):
            score = syncnet.score(frames, track, footage.sound)
    except MetricError as error:
        found.miss(SYNCNET, str(error))
        return
    found.put("lse_d", score.lse_d)
    found.put("lse_c", score.lse_c)
    found.put("sync_distance_at_0", score.distance_at_0)
    found.put("sync_offset", score.offset_frames)


@lru_cache(maxsize=1)
def mouth_sync() -> MouthSync:
    """The judge of mouths that comes with the package."""
    return MouthSync()
