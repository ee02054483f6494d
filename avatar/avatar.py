"""The whole product in one object: sound or text in, a video of the person saying it out."""

import logging
import secrets
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from . import __version__
from .errors import SoundError
from .face.clip import Clip
from .files import check_places
from .hub import Progress
from .identity import Identity, load_identity
from .metrics.inspection import inspection
from .metrics.lip_check import Mouth
from .render.ahead import ahead
from .render.engine import Engine, make_engine
from .render.receipt import receipt_path
from .render.steps import Step, finished, looking
from .render.stream import render_frames
from .render.video import Video, video_writer
from .speech.features import Visemes, blend
from .speech.speech import Speech
from .speech.tts import DEFAULT_VOICE, Voice
from .speech.visemes import strength_of, viseme_track

_LOGGER = logging.getLogger(__name__)

Source = str | Path | np.ndarray | Speech
"""A sound file, a text, a sound (float32 mono at 16 kHz), or speech that is ready."""

SOUND_SUFFIXES = frozenset(
    ".aac .aif .aiff .amr .avi .flac .m4a .m4v .mkv .mov .mp3 .mp4 .oga .ogg .opus .wav .webm .wma"
    .split()
)  # fmt: skip
"""A text that ends in one of these is taken for the name of a file."""


class Avatar:
    """A person who can speak; safe to use from several threads."""

    def __init__(self, identity: Identity, engine: Engine):
        self.identity = identity
        self.engine = engine

    @classmethod
    def load(
        cls,
        source: str | Path = "mira",
        revision: str | None = None,
        engine: str = "auto",
        progress: Progress | None = None,
    ) -> "Avatar":
        """Load an identity and get it ready to render.

        Args:
            source: a built-in name, a bundle's folder, or a Hub repository ("org/name").
            revision: branch, tag or commit of the Hub repository.
            engine: see ``make_engine``: "auto", "torch", "openvino" or "lite".
            progress: told about a download.

        Raises:
            BundleError: if the identity cannot be found, fetched or read.
            RenderError: if the engine is unknown, not installed, or the identity has none such.
        """
        identity = load_identity(source, revision, progress)
        return cls(identity, make_engine(identity, engine))

    def speak(
        self,
        source: Source,
        *,
        clip: str | Path | Clip | None = None,
        out: str | Path | None = None,
        label: bool = False,
        progress: Progress | None = None,
        voice: str | Voice = DEFAULT_VOICE,
        rate: float = 1.0,
        pitch: float = 1.0,
        transcript: str | None = None,
        strength: float = 1.0,
    ) -> Video:
        """Make a video of the person saying something.

        Args:
            source: a sound file, a text, a sound (float32 mono at 16 kHz; of other samples
                ``speech.audio.from_array`` makes one), or a ``Speech``. A text that ends like
                the name of a sound file, "... talk.mp3", is taken for one.
            clip: head motion: a name, a video of anybody whose head moves, or a ``Clip`` of your
                own; None for the identity's default. What leaves the drawings that the network
                was trained on is pulled to the nearest of them, with a warning.
            out: the MP4; None for a new file in the system's temporary folder.
            label: draw a small "AI-generated" into a corner.
            progress: called as (stage, done, total); what it raises cancels, and nothing is left.
            voice: for texts: a voice's id, a language, or a ``Voice``.
            rate: for texts: speed, 0.5 to 2.
            pitch: for texts: height of the voice, 0.5 to 2.
            transcript: for sounds: what is said, in English; it makes the lips more exact.
            strength: how far the mouth moves, 0 (closed) to 2.

        Returns:
            The video, with its ``path``, ``frames``, ``seconds``, ``speech`` and ``receipt``, which
            is also kept beside it: ``hello.mp4`` and ``hello.receipt.json``.

        Raises:
            AvatarError: one of its kinds, with a sentence for people.
        """
        steps = self.perform(
            source, clip=clip, out=out, label=label, voice=voice, rate=rate, pitch=pitch,
            transcript=transcript, strength=strength,
        )  # fmt: skip
        return finished(steps, progress)

    def dub(
        self,
        film: str | Path,
        source: Source,
        *,
        out: str | Path | None = None,
        label: bool = False,
        progress: Progress | None = None,
        **how: str | Voice | float | None,
    ) -> Video:
        """Put new words into a film of the very person whose face this identity is.

        Only their lower face changes. The film keeps its size and its rate, and becomes as long
        as the sound; where it is too short it is shown forth and back.

        Args:
            film: a video file of the person.
            source: what they say now; see ``speak``.
            out: the MP4; None for a new file in the system's temporary folder.
            label: draw a small "AI-generated" into a corner.
            progress: as for ``speak``.
            how: what ``speech`` takes: voice, rate, pitch, transcript, strength.

        Raises:
            AvatarError: one of its kinds, with a sentence for people.
        """
        from .capture.dub import dub

        path = self._place(out, film, source)
        speech, tags = self.speech(source, **how), self.metadata()
        steps = dub(self.identity, self.engine, film, speech, path, metadata=tags, label=label)
        return finished(steps, progress)

    def perform(
        self,
        source: Source,
        *,
        clip: str | Path | Clip | None = None,
        out: str | Path | None = None,
        label: bool = False,
        **how: str | Voice | float | None,
    ) -> Generator[Step, None, Video]:
        """``speak`` step by step: ``video = yield from avatar.perform(...)``.

        Closing the generator stops everything and leaves no file. ``how`` is what ``speech``
        takes.
        """
        path = self._place(out, source, clip)
        yield Step("speech", 0, 1)
        motion = yield from self._motion(clip)
        speech = self.speech(source, **how)
        fps = self.identity.config.fps
        inspect = inspection(fps, speech.sound, Mouth.of(self.identity, speech.track))
        with video_writer(
            path, fps, speech.sound, metadata=self.metadata(), label=label, inspect=inspect
        ) as writer:  # fmt: skip
            yield Step("render", 0, writer.frames)
            for frame in ahead(self._frames(speech, motion), 2 * self.engine.batch):
                writer.write(frame)
                yield Step("render", writer.written, writer.frames, frame)
        return Video(path, writer.written, fps, speech, writer.receipt)

    def stream(
        self,
        source: Source,
        *,
        clip: str | Path | Clip | None = None,
        **how: str | Voice | float | None,
    ) -> tuple[Speech, Iterator[np.ndarray]]:
        """Speech at once, and frames as they are asked for.

        Returns:
            The speech with its viseme track, and an iterator over (512, 512, 3) uint8 RGB frames,
            one for each row of the track.
        """
        motion = finished(self._motion(clip))
        speech = self.speech(source, **how)
        return speech, self._frames(speech, motion)

    def speech(
        self,
        source: Source,
        *,
        voice: str | Voice = DEFAULT_VOICE,
        rate: float = 1.0,
        pitch: float = 1.0,
        transcript: str | None = None,
        strength: float = 1.0,
    ) -> Speech:
        """What is said and how the mouth moves, at this identity's frame rate; see ``speak``."""
        fps = self.identity.config.fps
        if isinstance(source, np.ndarray):
            source = Speech.from_sound(source, fps, transcript)
        elif isinstance(source, Path) or (isinstance(source, str) and _names_file(source)):
            source = Speech.from_file(source, fps, transcript)
        elif isinstance(source, str):
            source = Speech.from_text(source, fps, voice, rate, pitch)
        elif source.track.fps != fps:
            raise SoundError(f"The speech has {source.track.fps} frames a second, not {fps}.")
        return self._listened(replace(source, track=source.track.scaled(strength)))

    def _listened(self, speech: Speech) -> Speech:
        """The speech with the features that this identity's network listens to."""
        kind, fps = self.identity.config.features, self.identity.config.fps
        if isinstance(kind, Visemes):
            return replace(speech, features=None)
        strength = strength_of(speech.track, viseme_track(speech.phones, speech.sound, fps))
        features = blend(kind.of(speech.sound, fps), kind.silence, strength)
        return replace(speech, features=features)

    def _frames(self, speech: Speech, clip: Clip) -> Iterator[np.ndarray]:
        return render_frames(self.engine, clip, self.identity.config, speech.values)

    def _motion(self, clip: str | Path | Clip | None) -> Generator[Step, None, Clip]:
        """Motion that the network can draw: others' is pulled to the drawings that it has seen."""
        own = self.identity.clips
        if _is_film(clip, self.identity):
            from .capture.driving import drive

            driven = yield from looking(drive(clip, self.identity))
            motion, warnings = driven.clip, driven.warnings
        elif isinstance(clip, Clip) and own.get(clip.name) is not clip and self.identity.seen():
            pulled = self.identity.seen().pull(clip)
            motion, warnings = pulled.clip, [pulled.warning]
        else:
            return clip if isinstance(clip, Clip) else self.identity.clip(clip)
        for warning in filter(None, warnings):
            _LOGGER.warning(warning)
        return motion

    def _place(self, out: str | Path | None, *read: object) -> Path:
        """Where a video goes: in the place of nothing that it is made from."""
        name = f"{self.identity.name}-{secrets.token_hex(6)}.mp4"
        path = Path(tempfile.gettempdir(), name) if out is None else Path(out)
        files = [given for given in read if isinstance(given, str | Path)]
        check_places([path, receipt_path(path)], files)
        return path

    def metadata(self) -> dict[str, str]:
        """Container tags that say what this is; re-encoding by others may drop them."""
        name, revision = self.identity.name, self.identity.revision
        return {
            "title": f"{name} speaking (AI-generated)",
            "comment": f"AI-generated: {name} never said this. A synthetic video, made with "
            f"Avatar {__version__}.",
            "synthetic": "true",
            "identity": f"{name}@{revision}" if revision else name,
            "software": f"Avatar {__version__}",
        }


def check_clip(clip: str | Path | None, identity: Identity) -> None:
    """Look at what ``Avatar.speak`` is to take for head motion, before seconds of work.

    Raises:
        ClipError: if an identity has no clip of that name.
        CaptureError: if a video is not there, or is none.
    """
    if _is_film(clip, identity):
        from .capture.source import open_video

        open_video(clip)
    else:
        identity.clip(clip)


def _is_film(clip: str | Path | Clip | None, identity: Identity) -> bool:
    """Whether head motion is asked for by a video's file."""
    return isinstance(clip, Path) or (
        isinstance(clip, str) and clip not in identity.clips and _names_file(clip)
    )


def _names_file(text: str) -> bool:
    """Whether a string is a file, or was meant to be one: a missing file should not be spoken."""
    if Path(text.strip()).suffix.lower() in SOUND_SUFFIXES and "\n" not in text:
        return True
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or with zero bytes: no file's name
        return False
