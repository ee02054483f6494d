"""What people ask for, what they are told meanwhile, and what they get."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import AvatarError, SoundError, TextError, VoiceError
from ..face.clip import Clip
from ..render.receipt import Receipt
from ..speech import tts
from ..speech.speech import Speech

MAX_SECONDS = 300
"""The longest sound that the page takes."""
MAX_CHARS = 2000
"""The longest text that the page takes."""
SOUND_MB = 50
"""The largest recording; films for avatars may be larger."""


@dataclass(frozen=True)
class Request:
    """What somebody wants to be said, and how."""

    audio: str | None = None
    text: str = ""
    clip: str | Clip | None = None
    voice: str = tts.DEFAULT_VOICE
    rate: float = 1.0
    pitch: float = 1.0
    transcript: str = ""
    strength: float = 1.0
    label: bool = True
    identity: str = ""
    film: str | None = None
    """A film of somebody, and what it is for."""
    film_use: str = "follow"
    """"follow": the head moves as in it; "dub": it is the film that says it."""

    def __post_init__(self) -> None:
        if not isinstance(self.voice, str):
            raise VoiceError(f"A voice is a name, not {str(self.voice)[:80]}.")
        if self.audio and self.text.strip():
            raise AvatarError("There is a recording and a text: leave one of them out.")
        if not self.audio and not self.text.strip():
            raise TextError("There is nothing to say yet: write a text, or add a recording.")
        if self.film_use not in ("follow", "dub"):
            raise AvatarError(f"A film is to 'follow' or to 'dub', not to {self.film_use[:20]!r}.")
        sound = Path(self.audio or "")
        if sound.is_file() and sound.stat().st_size > SOUND_MB * 2**20:
            raise SoundError(f"{sound.name} is larger than {SOUND_MB} MB.")
        if "/" in self.voice and self.voice not in {voice.id for voice in tts.voices()}:
            raise VoiceError(f"There is no voice {self.voice[:80]!r} here; choose one of the list.")


@dataclass(frozen=True)
class Update:
    """How far a job is."""

    stage: str
    """A word for people."""
    done: int = 0
    total: int = 0
    """0 while it is unknown."""
    seconds_left: float | None = None
    preview: Path | None = None
    """The newest picture, where there is a new one."""


@dataclass(frozen=True)
class Result:
    """What a finished job leaves in its folder."""

    video: Path
    speech: Speech
    frames: int
    files: dict[str, Path]
    """"json" and "csv": the mouth's movements; "wav": the voice, for texts; "receipt": what the
    video was found to be."""
    receipt: Receipt
    first_frame_s: float
    """From the start to the first picture."""
    took_s: float
    """From the start to the end."""
