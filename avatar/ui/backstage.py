"""Backstage: who can be rendered, one job at a time, and what a job leaves."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..avatar import Avatar
from ..capture.dub import dub
from ..errors import AvatarError
from ..identity import Identity, list_identities, load_identity
from ..metrics.proof import Proof, prove
from ..render.engine import cpu_kind, make_engine
from ..render.receipt import Receipt, receipt_path
from ..speech.audio import save_wav
from ..speech.speech import Speech
from . import previews
from .live_room import LiveRoom
from .motion import Motion, read_motion
from .request import MAX_CHARS, MAX_SECONDS, Request, Result, Update
from .watch import awaited, save_picture, watched
from .worker import Worker
from .workshop import Workshop, open_workshop

log = logging.getLogger(__name__)
Source = tuple[str | Path, int]

PROOF_CHARS = 200
"""The longest sentence to prove: it is rendered five times over."""
MOTIONS = 4
"""How many films that were followed are remembered."""


class Backstage:
    """Every identity that has been asked for, ready to render, and the worker that reads speech.

    Args:
        gpu: decorates a generator so that it runs where there is a GPU, as ``spaces.GPU`` does:
            in a forked process, with arguments and results by value.
        workshop: where visitors make identities of their own; by default this host's.
        engine: what renders, see ``make_engine``; for "lite" the whole network where there is none.
    """

    def __init__(
        self,
        gpu: Callable[[Callable], Callable] | None = None,
        workshop: Workshop | None = None,
        engine: str = "auto",
    ):
        self.names = list_identities()
        if not self.names:
            raise AvatarError("There is no identity: put a bundle into the folder checkpoints.")
        self.worker = Worker()
        self.workshop = workshop or open_workshop()
        self.live = LiveRoom(self.avatar)
        self._identities: dict[str, tuple[Source, Identity]] = {}
        self._avatars: dict[str, Avatar] = {}
        self._motions: dict[tuple[Any, ...], Motion] = {}
        self._loading, self._picturing = threading.RLock(), threading.Lock()
        self._borrow_gpu = gpu(self._frames_on_gpu) if gpu else None
        self._engine = engine

    def identity(self, name: str = "") -> Identity:
        """An identity's bundle; the first for an empty name.

        Args:
            name: one of ``names``, or the key of a project in the workshop. Of those only the one
                that was asked for last stays in memory.

        Raises:
            AvatarError: if there is none of this name, or it is damaged.
        """
        name = name or self.names[0]
        with self._loading:
            source = self._source(name)
            if name not in self._identities or self._identities[name][0] != source:
                for old in {*self._identities, name} - {*self.names}:
                    self._identities.pop(old, None)
                    self._avatars.pop(old, None)
                self._identities[name] = source, load_identity(source[0])
            return self._identities[name][1]

    def avatar(self, name: str = "") -> Avatar:
        """An identity with its engine, made when it is first asked for."""
        name = name or self.names[0]
        with self._loading:
            identity = self.identity(name)
            if name not in self._avatars:
                self._avatars[name] = Avatar(identity, make_engine(identity, self._kind(identity)))
            return self._avatars[name]

    def _kind(self, identity: Identity) -> str:
        """Of engine. ZeroGPU shows a GPU to this process, but lends it to ``gpu`` alone."""
        if self._engine == "auto" and os.environ.get("SPACES_ZERO_GPU"):
            return cpu_kind(identity)
        if self._engine == "lite" and identity.lite() is None:
            return "openvino"
        return self._engine

    def clip_previews(self, name: str = "") -> dict[str, str]:
        """A data URL with a moving picture for each clip of an identity."""
        avatar = self.avatar(name)
        with self._picturing:  # whoever wants to speak need not wait for it
            return {
                clip: previews.clip_preview(avatar.identity, avatar.engine, clip)
                for clip in avatar.identity.clips
            }

    def idle_loop(self, name: str = "") -> str:
        """A data URL with a looping MP4 of an identity that listens."""
        avatar = self.avatar(name)
        with self._picturing:
            return previews.idle_loop(avatar)

    def warm_up(self) -> None:
        """Get ready for the first visitor: processes started, networks compiled, pictures made."""
        self.worker.start()
        avatar = self.avatar()
        previews.still(avatar.identity, avatar.engine)
        self.clip_previews()
        self.idle_loop()
        self.live.warm_up()

    def perform(self, request: Request, folder: Path) -> Iterator[Update | Result]:
        """Do a job; the last thing it yields is its result.

        Closing the generator, or an error, stops everything and removes the folder.

        Args:
            request: what to say and how.
            folder: for the files; must not exist.

        Raises:
            AvatarError: one of its kinds, with a sentence for people.
        """
        start = time.monotonic()
        avatar = self.avatar(request.identity)
        rest = previews.still(avatar.identity, avatar.engine, request.clip)
        folder.mkdir(parents=True)
        try:
            first = save_picture(folder / "preview-0.jpg", rest)
            yield Update("Listening" if request.audio else "Finding the voice", preview=first)
            first_frame_s = time.monotonic() - start
            heard = yield from self._speech(request, avatar)
            speech = avatar.speech(heard, strength=request.strength)
            if request.film and request.film_use == "follow":
                motion = yield from self.motion(request.film, request.identity)
                request = replace(request, clip=motion.clip)
            yield from self._render(avatar, speech, request, folder)
            video = folder / _video_name(avatar.identity.name)
            files = _save_files(speech, folder, avatar.identity.name, not request.audio)
            files["receipt"] = receipt_path(video)
            receipt = Receipt.load(files["receipt"])  # a borrowed GPU is in another process
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        took_s = time.monotonic() - start
        yield Result(video, speech, len(speech.track), files, receipt, first_frame_s, took_s)

    def prove(self, request: Request, folder: Path) -> Iterator[Update | Proof]:
        """Show one sentence over four head motions, and silence; the last thing is the proof.

        As ``perform``: closing the generator, or an error, removes the folder.
        """
        avatar = self.avatar(request.identity)
        folder.mkdir(parents=True)
        try:
            heard = yield from self._speech(request, avatar, PROOF_CHARS)
            speech = avatar.speech(heard)
            out = folder / f"{avatar.identity.name}-proof-ai-generated.mp4"
            steps = prove(avatar.identity, avatar.engine, speech, out)
            proof = yield from watched(steps, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        yield proof

    def _source(self, name: str) -> Source:
        """Where an identity is, and when it was made if it can be made again."""
        if name in self.names:
            return name, 0
        bundle = self.workshop.bundle(name)
        if bundle is None:
            raise AvatarError(f"There is no identity {name[:64]!r}: {', '.join(self.names)}.")
        return bundle, (bundle / "config.json").stat().st_mtime_ns

    def motion(self, film: str, name: str = "") -> Generator[Update, None, Motion]:
        """How the head of an identity moves if it follows a film; read in the worker.

        Raises:
            CaptureError: if the film cannot be read, or shows no face.
        """
        source = self._source(name or self.names[0])
        key = (film, os.path.exists(film) and os.path.getmtime(film), source)
        if key not in self._motions:
            call = self.worker.call(read_motion, film, source[0])
            motion = yield from awaited(call, "Following the film")
            while len(self._motions) >= MOTIONS:
                self._motions.pop(next(iter(self._motions)))
            self._motions[key] = motion
        return self._motions[key]

    def _speech(
        self, request: Request, avatar: Avatar, max_chars: int = MAX_CHARS
    ) -> Generator[Update, None, Speech]:
        """Read or make the speech in the worker, where it can be broken off."""
        fps = avatar.identity.config.fps
        if request.audio:
            stage = "Following the transcript" if request.transcript.strip() else "Listening"
            arguments = (request.audio, fps, request.transcript, MAX_SECONDS)
            call = self.worker.call(Speech.from_file, *arguments)
        else:
            stage = "Finding the voice"
            arguments = (request.text, fps, request.voice, request.rate, request.pitch, max_chars)
            call = self.worker.call(Speech.from_text, *arguments)
        return (yield from awaited(call, stage))

    def _render(
        self, avatar: Avatar, speech: Speech, request: Request, folder: Path
    ) -> Iterator[Update]:
        """Render where there is a GPU to borrow, or else here."""
        if self._borrow_gpu:
            try:
                yield from self._borrow_gpu(request.identity, speech, request, folder)
                return
            except AvatarError:
                raise
            except Exception as error:  # a visitor's quota is spent, or no GPU is free
                log.warning("rendering on the CPU, because the GPU said: %s", error)
        yield from _frames(avatar, speech, request, folder)

    def _frames_on_gpu(
        self, name: str, speech: Speech, request: Request, folder: Path
    ) -> Iterator[Update]:
        """What ``gpu`` decorates; an engine that was made before the fork would hang in it."""
        import torch

        avatar = self.avatar(name)
        if torch.cuda.is_available():
            avatar = Avatar(avatar.identity, make_engine(avatar.identity, "torch"))
        yield from _frames(avatar, speech, request, folder)


def gpu_seconds(name: str, speech: Speech, request: Request, folder: Path) -> int:
    """How long a job may need the GPU, for ``spaces.GPU(duration=...)``."""
    return 15 + round(speech.seconds / 4)


def _frames(avatar: Avatar, speech: Speech, request: Request, folder: Path) -> Iterator[Update]:
    """Render and encode."""
    out = folder / _video_name(avatar.identity.name)
    if request.film and request.film_use == "dub":
        steps = dub(
            avatar.identity, avatar.engine, request.film, speech, out,
            metadata=avatar.metadata(), label=request.label,
        )  # fmt: skip
        yield from watched(steps, folder, "Finding the face")
    else:
        steps = avatar.perform(speech, clip=request.clip, out=out, label=request.label)
        yield from watched(steps, folder)


def _video_name(identity: str) -> str:
    return f"{identity}-ai-generated.mp4"


def _save_files(speech: Speech, folder: Path, name: str, spoken: bool) -> dict[str, Path]:
    files = {kind: folder / f"{name}-visemes.{kind}" for kind in ("json", "csv")}
    for path in files.values():
        speech.track.save(path)
    if spoken:
        files["wav"] = folder / f"{name}-voice-ai-generated.wav"
        save_wav(files["wav"], speech.sound)
    return files
