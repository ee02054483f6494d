"""Errors that people can meet: each message is one plain sentence, what is wrong and what to do."""


class AvatarError(Exception):
    """Base of every error that is shown to a user as a sentence instead of a traceback."""


class SoundError(AvatarError):
    """The sound cannot be used: not media, no audio track, empty, too short, too long, NaN."""


class TextError(AvatarError):
    """The text or transcript cannot be used: empty, too long, or not to be found in the sound."""


class VoiceError(AvatarError):
    """The voice is unknown, or its engine cannot be loaded."""


class ClipError(AvatarError):
    """The head-motion clip is unknown or malformed."""


class BundleError(AvatarError):
    """The identity bundle is missing, incomplete, malformed or cannot be fetched."""


class CaptureError(AvatarError):
    """The capture folder is missing something or holds malformed data."""


class RenderError(AvatarError):
    """Rendering or encoding failed."""


class PlaceError(RenderError):
    """There is no place for a live session now, but may be later: all are taken, or it closes."""


class MetricError(AvatarError):
    """A video cannot be measured or compared: too short, of another length, several faces in it."""
