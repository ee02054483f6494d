"""The figures that videos are compared by: their names, how they are worked out, what they see."""

from dataclasses import dataclass

from .controls import FROZEN, SHIFTED, SHUFFLED

HIGHER, LOWER, ZERO, NEITHER = "higher", "lower", "zero", ""


@dataclass(frozen=True)
class Metric:
    """A column of the table."""

    key: str
    name: str
    unit: str
    better: str
    """"higher", "lower", "zero" (the nearer to it), or "" where neither is better."""
    group: str
    """"picture", "lips", "sync" or "motion"."""
    recipe: str
    """How it is worked out, in a sentence or two."""
    sees: tuple[str, ...] = ()
    """Controls that it ought to tell from the reference; none: it does not judge."""
    least: float = 0.0
    """Smallest difference that counts, in its unit."""
    digits: int = 2

    def worse_by(self, value: float, than: float) -> float:
        """How much worse a value is than another; below 0: better."""
        if self.better == HIGHER:
            return than - value
        return abs(value) - abs(than) if self.better == ZERO else value - than


_PICTURE = "Frames at the same moment, RGB, 8 bits, data range 255, at most 720 rows"
_FACE = "a box of 300 px around the face and one of 192 px around the mouth of the reference, on a "
_BOXES = _FACE + "canvas on which the eyes are 98 px apart; they go with the head"
_LIPS = (
    "MediaPipe's keypoints with the head's pose taken away (it reads a lip opening to about 3 px "
    "of 512)"
)
_ALL = (SHUFFLED, SHIFTED, FROZEN)
_SEEN = (SHIFTED, FROZEN)
"""Pictures cannot tell that the sound is another."""

_SHARPNESS = (
    "Root mean square of the Laplacian of brightness after a blur of 1 px, noise taken out, in the "
    "box of the face (without a face in the whole picture); lower is blurrier. Compare only videos "
    "of one scene."
)
_NOISE = "Deviation of white noise, estimated in the flatter half of the picture (Immerkaer 1996)."
_MOUTH_SYNC = (
    "A small network that comes with Avatar says how well the keypoints of the mouth fit the "
    "sound, as they stand: -1 to 1, about 0 for a mouth that says something else. It tells a "
    "second of real speech from shifted speech in 95 of 100 cases. Not SyncNet, and not to be "
    "compared with LSE."
)
_POSE_RANGE = "From the 5th to the 95th percentile of yaw, pitch or roll, whichever is most."
_JERK = (
    "Root mean square of the third derivative of the head's place in the picture, turns included, "
    "cubics fitted over half a second; the detector's trembling alone makes 3 to 5."
)
_FLICKER = (
    "What the mean brightness of 12x12 blocks of the face differs by from the mean of the frames "
    "before and after; the box goes with the head."
)
_BLINKS = "How often both eyes are open by less than 60 % of the usual for up to 0.6 s."

METRICS = (
    Metric("psnr", "PSNR", "dB", HIGHER, "picture",
           f"{_PICTURE}: the mean over frames of each frame's dB; equal pictures count as 60 dB.",
           _SEEN, 0.5),
    Metric("psnr_of_mean", "PSNR of mean", "dB", HIGHER, "picture",
           f"{_PICTURE}: dB of the mean squared error over all frames, as some papers have it; it "
           "never exceeds the mean of dB.", _SEEN, 0.5),
    Metric("ssim", "SSIM", "", HIGHER, "picture",
           f"{_PICTURE}: Wang et al. 2004, 11x11 Gaussian window, deviation 1.5, each colour.",
           _SEEN, 0.005, 3),
    Metric("face_psnr", "PSNR, face", "dB", HIGHER, "picture", f"As PSNR, in {_BOXES}.",
           _SEEN, 0.5),
    Metric("face_ssim", "SSIM, face", "", HIGHER, "picture", "As SSIM, in the box of the face.",
           _SEEN, 0.005, 3),
    Metric("mouth_psnr", "PSNR, mouth", "dB", HIGHER, "picture",
           f"As PSNR, in the box of the mouth: {_BOXES}.", _SEEN, 0.5),
    Metric("mouth_ssim", "SSIM, mouth", "", HIGHER, "picture", "As SSIM, in the box of the mouth.",
           _SEEN, 0.005, 3),
    Metric("lpips", "LPIPS", "", LOWER, "picture",
           "Zhang et al. 2018, AlexNet, whole frame, pixels in [-1, 1].", _SEEN, 0.005, 3),
    Metric("mouth_lpips", "LPIPS, mouth", "", LOWER, "picture",
           "As LPIPS, in the box of the mouth.", _SEEN, 0.005, 3),
    Metric("kid", "KID", "", LOWER, "picture",
           "Binkowski et al. 2018, Inception of FID, whole frames, up to 200 spread evenly; "
           "unbiased where FID is not, but near 0 for one person before one background.",
           _SEEN, 0.001, 4),
    Metric("sharpness", "sharpness", "", NEITHER, "picture", _SHARPNESS),
    Metric("noise", "noise", "levels", NEITHER, "picture", _NOISE),
    Metric("dlip_px", "Dlip", "px", LOWER, "lips",
           f"Mean distance of 20 mouth points from the reference's: {_LIPS}, in px of a canvas of "
           "512 on which the eyes are 98 px apart.", _SEEN, 0.3),
    Metric("dlip_iod", "Dlip", "inter-ocular", LOWER, "lips",
           "The same over the distance of the outer eye corners.", _SEEN, 0.004, 4),
    Metric("opening_correlation", "opening correlation", "", HIGHER, "lips",
           f"Pearson correlation of the inner lips' opening with the reference's: {_LIPS}.",
           _SEEN, 0.1),
    Metric("picture_offset", "lips late by", "frames", ZERO, "lips",
           "Shift of the opening's curve, within 10 frames of the first video's rate, at which it "
           "fits the reference's best, correlated by 0.5 or more; positive: later than that.",
           (SHIFTED,), 2, 0),
    Metric("lse_d", "LSE-D", "", LOWER, "sync",
           "SyncNet: least over shifts within 15 frames of the mean distance of lips and sound, "
           "25 frames a second, face cropped, ends left out. Blind to any constant offset.",
           (SHUFFLED, FROZEN), 0.5),
    Metric("lse_c", "LSE-C", "", HIGHER, "sync",
           "SyncNet: median over shifts less the least. Blind to any constant offset.",
           (SHUFFLED, FROZEN), 0.5),
    Metric("sync_distance_at_0", "distance at 0", "", LOWER, "sync",
           "SyncNet's mean distance as it stands, without a shift.", _ALL, 0.5),
    Metric("sync_offset", "SyncNet offset", "frames", ZERO, "sync",
           "The shift at which LSE-D is least, in frames of 40 ms; positive: the lips are late.",
           (SHIFTED,), 2, 0),
    Metric("mouth_sync", "mouth sync", "", HIGHER, "sync", _MOUTH_SYNC, _ALL, 0.05),
    Metric("mouth_sync_offset", "mouth sync offset", "frames", ZERO, "sync",
           "The shift at which mouth sync is highest, in frames of 40 ms; positive: the lips are "
           "late.", (SHIFTED,), 2, 0),
    Metric("loudness_correlation", "loudness correlation", "", HIGHER, "sync",
           "Correlation of the outer lips' opening with the loudness from 500 to 2500 Hz, where "
           "vowels are, at the best shift within 10 frames: crude, but it needs no network.",
           (SHUFFLED, FROZEN), 0.1),
    Metric("loudness_lag", "loudness lag", "frames", ZERO, "sync",
           "That shift; positive: the lips are late.", (SHIFTED,), 2, 0),
    Metric("pose_range", "pose range", "degrees", NEITHER, "motion", _POSE_RANGE, digits=1),
    Metric("jerk", "head jerk", "inter-ocular/s³", NEITHER, "motion", _JERK),
    Metric("flicker", "flicker", "levels", NEITHER, "motion", _FLICKER),
    Metric("blinks", "blinks", "a minute", NEITHER, "motion", _BLINKS, digits=1),
)  # fmt: skip

OPENING = Metric(
    "opening", "lip opening", "px", NEITHER, "lips", f"Inner-lip opening over time: {_LIPS}."
)
"""A curve without a figure of its own."""
