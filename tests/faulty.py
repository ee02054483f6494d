"""Videos made worse in a known way."""

from pathlib import Path

from films import film


def noisy(path: Path, out: Path, levels: int) -> Path:
    """The video with noise of about so many levels."""
    return film(out, "-vf", f"noise=alls={levels}:allf=t", "-crf", "4", source=path)


def blurred(path: Path, out: Path, deviation: float) -> Path:
    """The video out of focus."""
    return film(out, "-vf", f"gblur=sigma={deviation}", "-crf", "8", source=path)
