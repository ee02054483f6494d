"""A photorealistic virtual human that speaks, on a plain CPU.

    from avatar import Avatar
    video = Avatar.load("mira").speak("Hello, nice to meet you.", out="hello.mp4")

``import avatar`` is light: each name is imported from its room when it is first used.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import AvatarError

if TYPE_CHECKING:
    from .avatar import Avatar
    from .face.clip import Clip
    from .identity import Identity, list_identities
    from .render.scheduler import Scheduler
    from .render.session import LiveSession
    from .render.steps import Step
    from .render.video import Video
    from .speech.speech import Speech
    from .speech.tts import Voice, voices
    from .speech.visemes import VisemeTrack

__version__ = "0.1.0"

# Nothing is reported to anybody. These libraries would tell their makers that they are used.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
sys.modules.setdefault("openvino_telemetry", None)  # as if it were not installed: it has no switch

__all__ = [
    "Avatar", "AvatarError", "Clip", "Identity", "LiveSession", "Scheduler", "Speech", "Step",
    "Video", "VisemeTrack", "Voice", "list_identities", "voices",
]  # fmt: skip

_ROOMS = {
    "Avatar": "avatar", "Step": "render.steps", "Clip": "face.clip", "Identity": "identity",
    "list_identities": "identity", "LiveSession": "render.session",
    "Scheduler": "render.scheduler", "Video": "render.video", "Speech": "speech.speech",
    "Voice": "speech.tts", "voices": "speech.tts", "VisemeTrack": "speech.visemes",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
