"""Pictures to look at: of what each clip does, moving, rendered once and kept; and stills."""

import hashlib
import io
import logging
import os
import tempfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..avatar import Avatar
from ..face.clip import Clip
from ..files import replacing
from ..identity import Identity
from ..render.engine import Engine
from ..render.session import LISTENING
from ..render.stream import render_frames
from ..render.video import write_video
from ..timing import frame_start

log = logging.getLogger(__name__)

SIZE, COUNT, STRIDE = 128, 14, 5
"""Pixels of a side, pictures, and clip frames from one picture to the next: 2.8 s at 25 fps."""
SHOWN_MS = 120
"""How long each picture is shown, forth and back."""
IDLE_FRAMES = 100
"""Frames of somebody who listens before they go back: 4 s at 25 fps."""


def clip_preview(identity: Identity, engine: Engine, name: str) -> str:
    """A data URL with an animated WebP of the person at rest, moving as the clip does."""
    clip = identity.clip(name)
    key = _fingerprint(identity, clip)
    webp = _kept(f"{key}.webp", lambda: _animated(_pictures(identity, engine, clip)))
    return _data_url(webp, "image/webp")


def idle_clip(identity: Identity) -> Clip:
    """What the head does in ``idle_loop``, whose frame n shows frame n of this clip, endless."""
    return _beginning(identity.clips.get(LISTENING) or identity.clip())


def idle_loop(avatar: Avatar) -> str:
    """A data URL with a silent MP4 of the person listening, forth and back, to be looped."""
    clip = idle_clip(avatar.identity)
    key = _fingerprint(avatar.identity, clip)
    return _data_url(_kept(f"{key}.mp4", lambda: _looped(avatar, clip)), "video/mp4")


def still(identity: Identity, engine: Engine, name: str | None = None) -> np.ndarray:
    """The first frame of a clip at rest, (512, 512, 3) uint8 RGB."""
    silence = identity.config.features.silence[None]
    frames = render_frames(engine, identity.clip(name), identity.config, silence)
    return next(frames)


def picture(path: Path) -> Image.Image | None:
    """A picture that lies where the page may not serve it from; None while it is being written."""
    try:
        return Image.open(path).convert("RGB")
    except OSError:
        return None


def _pictures(identity: Identity, engine: Engine, clip: Clip) -> list[np.ndarray]:
    sparse = _part(clip, slice(0, COUNT * STRIDE, STRIDE))
    silence = np.tile(identity.config.features.silence, (len(sparse), 1))
    frames = render_frames(engine, sparse, identity.config, silence)
    return [cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for frame in frames]


@lru_cache(maxsize=16)  # one object for all who watch: its frames are encoded once
def _beginning(clip: Clip) -> Clip:
    return clip if len(clip) <= IDLE_FRAMES else _part(clip, slice(IDLE_FRAMES))


def _part(clip: Clip, part: slice) -> Clip:
    arrays = ("keypoints", "irises", "pose", "contour")
    return replace(clip, features=None, **{key: getattr(clip, key)[part] for key in arrays})


def _animated(pictures: list[np.ndarray]) -> bytes:
    first, *others = (Image.fromarray(p) for p in pictures + pictures[-2:0:-1])
    out = io.BytesIO()
    first.save(
        out, "webp", save_all=True, append_images=others, duration=SHOWN_MS, loop=0, quality=60
    )
    return out.getvalue()


def _looped(avatar: Avatar, clip: Clip) -> bytes:
    config, fps = avatar.identity.config, avatar.identity.config.fps
    silence = np.tile(config.features.silence, (len(clip), 1))
    frames = list(render_frames(avatar.engine, clip, config, silence))
    frames += frames[-2:0:-1]
    sound = np.zeros(frame_start(len(frames), fps), np.float32)
    with tempfile.TemporaryDirectory(prefix="avatar-") as scratch:
        path = Path(scratch) / "idle.mp4"
        write_video(path, frames, fps, sound, metadata=avatar.metadata(), label=True)
        return path.read_bytes()


def _kept(name: str, make: Callable[[], bytes]) -> bytes:
    """What was made once for this person and motion, or else is made now and kept."""
    path = _folder() / name
    try:
        return path.read_bytes()
    except OSError:
        pass
    made = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(made)
    except OSError as error:
        log.info("the preview %s could not be kept: %s", name, error)
    return made


def _data_url(picture: bytes, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(picture).decode()}"


def _fingerprint(identity: Identity, clip: Clip) -> str:
    """Changes with the weights, the motion and how this module shows it."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for tensor in identity.renderer.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    digest.update(clip.keypoints.tobytes() + identity.config.features.silence.tobytes())
    return digest.hexdigest()[:32]


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "avatar" / "previews"
