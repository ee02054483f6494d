"""The paper's Table 1, made anew on a held-out take: our renderer beside what it is compared with.

    python -m avatar table CAPTURE --out DIR

All rows get the take's sound, aligned with its transcript, and its head motion; what else one sees
is said in its row. Films are made into MP4s against the clock, in turns, and once more to be
compared with the true frames before any encoder has touched them.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..capture.layout import Capture, Take
from ..errors import AvatarError
from ..face.keypoints import MOUTH
from ..hub import Progress
from ..identity import Identity, IdentityConfig
from ..metrics.disentanglement import far_apart
from ..metrics.evaluate import Evaluation, check_rate, controls, listen, score_pictures
from ..metrics.inspection import inspection
from ..metrics.mouth_sync import MouthSync
from ..metrics.reader import one_thread
from ..metrics.subject import Subject
from ..metrics.syncnet import SyncNetScorer
from ..render.video import write_video
from ..speech.speech import Speech
from ..timing import SAMPLE_RATE
from .cutting import FrozenMouth, NearestViseme, TrainFrames
from .held import held
from .method import Method, Rendered
from .pix2pix import NvpPix2Pix
from .speed import in_turns, network_rate
from .store import Baselines
from .sync import Sync, measure_sync
from .wav2lip import WAV2LIP, Wav2LipRow

OURS, BASELINE, CONTROL, TRUTH = "ours", "baseline", "control", "truth"
SHOWN = 4
"""Frames on the contact sheet."""
FILMS = "films"
"""Folder of the films in the table's."""


@dataclass(frozen=True)
class Row:
    """One line of the table; what is None could not be measured, and ``missing`` says why."""

    name: str
    kind: str
    """"ours", "baseline", "control" or "truth"."""
    sees: str = ""
    """What it is given of the take beside its sound."""
    engine: str | None = None
    """What its network runs on."""
    network_fps: float | None = None
    """Frames a second of the network alone, at batch 1."""
    fps: float | None = None
    """Frames a second from what is said to the MP4."""
    scores: Evaluation | None = None
    sync: Sync | None = None
    film: str | None = None
    """In the table's folder."""
    missing: str = ""


@dataclass(frozen=True)
class Table:
    """What was measured of a take."""

    identity: str
    capture: str
    take: str
    frames: int
    """Of the take; ``scores.frames`` of them have true pictures."""
    source: str
    """Where what is said comes from: "aligned" or "recognized"."""
    listening_s: float
    """Seconds it took to find that out, once for all rows."""
    training: dict[str, dict]
    """What the baselines were trained with, by network."""
    judged: dict[str, dict[str, float]]
    """How well ``mouth_sync`` tells shifted sounds, by whose they are."""
    rows: list[Row]
    shown: dict[str, list[np.ndarray]]
    """By row: pictures (512, 512, 3) uint8 RGB of a few frames whose mouths differ most."""
    box: tuple[int, int, int, int]
    """Of the mouth."""


def make_table(
    identity: Identity,
    capture: Capture,
    take_name: str,
    baselines: Baselines,
    out: Path,
    *,
    wav2lip: str | None = None,
    syncnet: SyncNetScorer | None = None,
    progress: Progress | None = None,
) -> Table:
    """Measure every method on a take; writes their films into ``out``.

    Args:
        identity: ours.
        capture: what the baselines were trained on; the take is of it.
        take_name: a held-out take.
        baselines: trained networks.
        out: folder, made if need be.
        wav2lip: weights of Wav2Lip, a file or a Hub repository; None: its row is empty.
        syncnet: gives LSE-C and LSE-D.
        progress: called as (stage, done, total).

    Raises:
        CaptureError: if the take is unknown, has no frame, or the capture another frame rate.
        AvatarError: if the take was trained on, or the baselines are of another capture.
    """
    check_rate(identity, capture)
    take = capture.take(take_name)
    _check(take, baselines)
    (out / FILMS).mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    speech = listen(take, use_transcript=True)
    listening = time.perf_counter() - started
    methods = list(_methods(identity, capture, baselines))
    guest = _wav2lip(wav2lip)
    methods += [] if isinstance(guest, Row) else [(BASELINE, guest)]
    stand = _Stand(take, speech, out, syncnet)
    speeds = stand.speeds([method for kind, method in methods if kind != CONTROL])
    rows = [stand.truth()]
    for number, (kind, method) in enumerate(methods):
        if progress:
            progress("table", number, len(methods))
        rows.append(stand.row(kind, method, speeds.get(method.name)))
    rows += [guest] if isinstance(guest, Row) else []
    rows.sort(key=lambda row: (TRUTH, OURS, BASELINE, CONTROL).index(row.kind))
    return Table(
        identity.name, capture.subject, take.name, stand.length, speech.source, listening,
        baselines.facts, stand.judge.accuracy, rows, stand.shown, capture.mouth_box,
    )  # fmt: skip


@dataclass
class _Stand:
    """Where methods are measured, one after the other."""

    take: Take
    speech: Speech
    out: Path
    syncnet: SyncNetScorer | None
    shown: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def __post_init__(self):
        self.length = min(len(self.take.pose), len(self.speech.track.values))
        samples = self.length * SAMPLE_RATE / self.take.capture.fps
        self.sound = self.speech.sound[: int(samples)]
        self.at, self.judge = _frames_to_show(self.take, self.length), MouthSync()

    def speeds(self, methods: Sequence[Method]) -> dict[str, tuple[float | None, float]]:
        """By method: frames a second of the network alone and of the way to an MP4."""
        networks = {m.name: m.one_frame(self.take, self.speech) for m in methods}
        alone = in_turns({
            name: partial(network_rate, each) for name, each in networks.items() if each
        })  # fmt: skip
        whole = in_turns({m.name: partial(self._film_rate, m) for m in methods})
        return {name: (alone.get(name), rate) for name, rate in whole.items()}

    def row(self, kind: str, method: Method, speeds: tuple[float | None, float] | None) -> Row:
        """Measure a method; one without ``speeds`` has no film yet."""
        film = self._film_path(method.name)
        if speeds is None:
            self._film_rate(method)
        pictures = self._kept(method.name, method.frames(self.take, self.speech))
        with one_thread():
            scores = score_pictures(pictures, self.take, self.speech.source)
        return Row(
            method.name, kind, method.sees, method.engine, *(speeds or (None, None)),
            scores, self._sync(film), str(film.relative_to(self.out)),
        )  # fmt: skip

    def truth(self) -> Row:
        """The film itself: each true frame is held until the next."""
        frames = held(self.take.rendered, self.length, self.take.head_over_background)
        film = self._film_path(TRUTH)
        self._write(film, self._kept(TRUTH, frames))
        return Row(TRUTH, TRUTH, sync=self._sync(film), film=str(film.relative_to(self.out)))

    def _film_rate(self, method: Method) -> float:
        """Write a method's film; its frames a second."""
        started = time.perf_counter()
        self._write(self._film_path(method.name), method.frames(self.take, self.speech))
        return self.length / (time.perf_counter() - started)

    def _write(self, film: Path, frames: Iterable[np.ndarray]) -> None:
        fps = self.take.capture.fps
        inspect = inspection(fps, self.sound, "the table says how well its lips fit")
        write_video(film, frames, fps, self.sound, inspect=inspect)

    def _film_path(self, name: str) -> Path:
        words = "".join(c if c.isalnum() else " " for c in name).split()
        return self.out / FILMS / f"{'_'.join(words).lower()}.mp4"

    def _sync(self, film: Path) -> Sync:
        with one_thread():
            return measure_sync(film, self.take, self.sound, self.judge, self.syncnet)

    def _kept(self, name: str, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Pass pictures on, and keep those that are shown."""
        kept = self.shown.setdefault(name, [])
        for frame, picture in enumerate(pictures):
            if frame in self.at:
                kept.append(picture)
            yield picture


def _check(take: Take, baselines: Baselines) -> None:
    capture = take.capture
    if not take.held_out:
        raise AvatarError(
            f"The take {take.name} was trained on: the table is made of a take named 'test...'."
        )
    if baselines.subject != capture.subject:
        raise AvatarError(
            f"The baselines were trained on {baselines.subject}, not on {capture.subject}: train "
            "some with 'python -m avatar.baselines.train' and name their folder with --baselines."
        )


def _methods(
    identity: Identity, capture: Capture, baselines: Baselines
) -> Iterator[tuple[str, Method]]:
    """Everything that can always be measured: (kind, method)."""
    ours = Subject.of(identity)
    yield OURS, Rendered(f"{identity.name} (ours)", ours)
    config = IdentityConfig("same budget", network=baselines.ours.config)
    equal = replace(identity, config=config, renderer=baselines.ours)
    yield OURS, Rendered("ours, budget of NVP + Pix2Pix", Subject.of(equal))
    yield BASELINE, NvpPix2Pix(baselines, ours.engine.name)
    train = TrainFrames(capture)
    yield BASELINE, NearestViseme(train)
    yield BASELINE, FrozenMouth(train)
    for name, change in controls(ours.features.silence).items():
        yield CONTROL, Rendered(f"ours, {name}", ours, change)


def _wav2lip(source: str | None) -> Wav2LipRow | Row:
    """The method, or its row where there are no weights."""
    reason = "name them with --wav2lip"
    if source:
        try:
            return Wav2LipRow(source)
        except AvatarError as error:
            reason = str(error)
    return Row(WAV2LIP, BASELINE, missing=f"n/a: weights not found ({reason})")


def _frames_to_show(take: Take, length: int) -> list[int]:
    """True frames of the take whose mouths differ most, in order."""
    frames = [frame for frame in take.rendered if frame < length]
    lips = take.arrays["landmarks3d_canonical"][frames][:, list(MOUTH)]
    apart = np.linalg.norm(lips[:, None] - lips[None], axis=-1).mean(axis=-1)
    return sorted(frames[i] for i in far_apart(apart, SHOWN))
