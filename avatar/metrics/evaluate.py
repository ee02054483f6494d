"""Scoring an identity on a take it has never seen, frame beside true frame.

The identity is driven by the take's sound and the take's own head motion: its exact phones and
visemes are never looked at, and nothing of the true frame is pasted back. Control rows say what
the same lips score when they are driven by the wrong sound, late, or not at all.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..capture.layout import Capture, Take
from ..errors import CaptureError, TextError
from ..face.keypoints import MOUTH
from ..identity import Identity
from ..speech.speech import Speech
from ..speech.visemes import SILENCE
from . import lips
from .image import ImageScore, crop
from .perceptual import perceptual_distance
from .reader import LIPS, point_reader, reader_error
from .subject import Subject

log = logging.getLogger(__name__)

PIECE = 12
"""Frames of the pieces that the shuffled control is cut into, about half a second."""
FEWEST = 4
"""Pieces of a short take; fewer might keep their order."""
LATE = 5
"""Frames by which the shifted control is late."""


@dataclass(frozen=True)
class Evaluation:
    """How near rendered frames come to the true ones."""

    take: str
    source: str
    """Where the mouth shapes come from: "aligned" (with the transcript), "recognized", or "exact"
    where they are those that the network is trained with."""
    frames: int
    """True frames that were compared."""
    psnr: float
    """dB, whole frame, the mean of the frames' own."""
    ssim: float
    mouth_psnr: float
    """dB, in the capture's mouth box."""
    mouth_ssim: float
    psnr_of_mean: float
    """dB of the mean squared error, as some papers have it."""
    mouth_psnr_of_mean: float
    dlip_px: float
    """Mean distance over 20 mouth points, both sides read from pixels."""
    dlip_iod: float
    """The same over the distance of the outer eye corners."""
    offset_frames: int | None
    """Positive: the rendered lips are late. None: too few frames, or nothing moves."""
    opening_correlation: float | None
    """Of rendered and true inner-lip openings, at no offset."""
    reader_px: float
    """The lip reader's own error on the true frames: below it, ``dlip_px`` means nothing."""
    reader_opening_px: float
    """The same for the inner-lip opening."""
    reader_subject: str
    """Whose mouth the reader was trained on."""
    lpips: float | None
    """Whole frame; None where its weights are not at hand."""
    mouth_lpips: float | None
    """In the mouth box."""


def evaluate(
    identity: Identity,
    capture: Capture,
    take_name: str,
    use_transcript: bool = False,
    engine: str = "auto",
) -> Evaluation:
    """Render a take with its sound and head motion and compare with whatever frames it has.

    Args:
        identity: who is rendered.
        capture: the folder that the take is in, at the identity's frame rate.
        take_name: a take with sound; damaged pictures are left out with a warning.
        use_transcript: align the take's transcript, where it has one that can be found in the
            sound, instead of listening only; ``source`` says what was done.
        engine: what renders, see ``make_engine``.

    Raises:
        CaptureError: if the take has no readable frame, or another frame rate.
    """
    take, subject = _check(identity, capture, take_name), Subject.of(identity, engine)
    values, source = _heard(take, subject, use_transcript)
    return score(subject, take, values, source)


def control_rows(
    identity: Identity,
    capture: Capture,
    take_name: str,
    use_transcript: bool = False,
    engine: str = "auto",
) -> dict[str, Evaluation]:
    """What ``evaluate`` gives for lips that cannot be right.

    Returns:
        "shuffled": half-second pieces of the speech in another order; "shifted +5": late by five
        frames; "frozen": a silent mouth throughout.
    """
    take, subject = _check(identity, capture, take_name), Subject.of(identity, engine)
    values, source = _heard(take, subject, use_transcript)
    return {
        name: score(subject, take, change(values), source)
        for name, change in controls(subject.features.silence).items()
    }


def controls(silence: np.ndarray) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What turns features (T, k), of which silence is (k,), into those of lips that cannot be
    right."""
    return {
        "shuffled": shuffled,
        f"shifted +{LATE}": lambda values: delayed(values, LATE, silence),
        "frozen": lambda values: np.tile(silence, (len(values), 1)),
    }


def shuffled(values: np.ndarray, piece: int = PIECE) -> np.ndarray:
    """Put pieces of a track (T, k) in another order, the same one every time."""
    pieces = np.array_split(values, max(len(values) // piece, FEWEST))
    order = np.random.default_rng(0).permutation(len(pieces))
    return np.concatenate([pieces[i] for i in order])


def delayed(values: np.ndarray, frames: int, silence: np.ndarray = SILENCE) -> np.ndarray:
    """Start features (T, k) later, after silence (k,); their end is cut off."""
    before = np.tile(silence, (min(frames, len(values)), 1))
    return np.concatenate([before, values])[: len(values)]


def check_rate(identity: Identity, capture: Capture) -> None:
    """Refuse a capture of another frame rate.

    Raises:
        CaptureError: saying both rates.
    """
    if capture.fps != identity.config.fps:
        raise CaptureError(
            f"The capture has {capture.fps} frames a second, "
            f"but {identity.name} is rendered at {identity.config.fps}."
        )


def _check(identity: Identity, capture: Capture, take_name: str) -> Take:
    take = capture.take(take_name)
    check_rate(identity, capture)
    if not take.rendered:
        raise CaptureError(f"The take {take_name} has no frames to compare with.")
    return take


def _heard(take: Take, subject: Subject, use_transcript: bool) -> tuple[np.ndarray, str]:
    """Features of what is said in a take, and what they are made of."""
    speech = listen(take, use_transcript)
    return subject.features.of(speech.sound, take.capture.fps, speech.phones), speech.source


def listen(take: Take, use_transcript: bool) -> Speech:
    """What is said in a take, aligned with its transcript where asked for and possible; its exact
    phones are never looked at."""
    transcript = take.transcript if use_transcript else ""
    if use_transcript and not transcript:
        log.warning("the take %s has no transcript: listening to its sound alone", take.name)
    try:
        return Speech.from_sound(take.sound, take.capture.fps, transcript)
    except TextError as error:
        log.warning("%s: %s Listening to its sound alone.", take.name, error)
        return Speech.from_sound(take.sound, take.capture.fps)


def score(subject: Subject, take: Take, values: np.ndarray, source: str = "exact") -> Evaluation:
    """Render a take and compare with its true frames.

    Args:
        subject: what renders.
        take: whose head motion is shown.
        values: (T, k) features of what is said.
        source: where they come from.

    Raises:
        CaptureError: if the take has no readable frame.
    """
    values = values[: len(take.pose)]
    views = [(take, frame) for frame in range(len(values))]
    return score_pictures(subject.render(views, subject.windows(values), take.name), take, source)


def score_pictures(pictures: Iterable[np.ndarray], take: Take, source: str = "exact") -> Evaluation:
    """Compare pictures with a take's true frames, whoever made them.

    Args:
        pictures: (512, 512, 3) uint8 RGB of every frame from the first on, since lags are looked
            for between the true ones; they may end early.
        take: whose frames they should be.
        source: where the mouth shapes come from.

    Raises:
        CaptureError: if the take has no readable frame.
    """
    box, reader = take.capture.mouth_box, point_reader(LIPS)
    full, mouth = ImageScore(), ImageScore()
    distance, distances = perceptual_distance(), []
    keypoints = take.arrays["landmarks2d"]
    rendered_lips, true_lips = [], []
    at_hand = set(take.rendered)
    for frame, picture in enumerate(pictures):
        rendered_lips.append(reader.read(picture, box))
        true = _true_frame(take, frame) if frame in at_hand else None
        if true is None:
            true_lips.append(np.full((len(MOUTH), 2), np.nan, np.float32))
            continue
        full.add(picture, true)
        mouth.add(crop(picture, box), crop(true, box))
        if distance:
            pairs = ((picture, true), (crop(picture, box), crop(true, box)))
            distances.append([distance(*pair) for pair in pairs])
        true_lips.append(reader.read(true, box))
    if not full.frames:
        raise CaptureError(f"The take {take.name} has no readable frame to compare with.")
    lpips, mouth_lpips = np.mean(distances, axis=0).tolist() if distances else (None, None)
    return Evaluation(
        lpips=lpips, mouth_lpips=mouth_lpips,
        take=take.name, source=source, frames=full.frames,
        psnr=full.psnr, ssim=full.ssim, mouth_psnr=mouth.psnr, mouth_ssim=mouth.ssim,
        psnr_of_mean=full.psnr_of_mean, mouth_psnr_of_mean=mouth.psnr_of_mean,
        reader_subject=reader.subject,
        **_lip_figures(np.stack(rendered_lips), np.stack(true_lips), keypoints[: len(true_lips)]),
    )  # fmt: skip


def _true_frame(take: Take, frame: int) -> np.ndarray | None:
    """The true frame over the capture's background, or None with a warning."""
    try:
        return take.head_over_background(frame)
    except CaptureError as error:
        log.warning("left out: %s", error)
        return None


def _lip_figures(
    rendered: np.ndarray, true: np.ndarray, keypoints: np.ndarray
) -> dict[str, float | int | None]:
    """Lip fields of ``Evaluation`` from read points (T, 20, 2) px, NaN where no frame is true."""
    known = np.isfinite(true[:, 0, 0])
    distance = lips.lip_distance(rendered[known], true[known])
    rendered_opening, true_opening = lips.opening(rendered), lips.opening(true)
    correlation = lips.correlation(rendered_opening, true_opening)
    error = reader_error(true[known], keypoints[known][:, list(MOUTH)])
    return {
        "dlip_px": float(distance.mean()),
        "dlip_iod": float((distance / lips.interocular(keypoints[known])).mean()),
        "offset_frames": lips.offset_frames(rendered_opening, true_opening),
        "opening_correlation": None if np.isnan(correlation) else correlation,
        "reader_px": error.points_px,
        "reader_opening_px": error.opening_px,
    }
