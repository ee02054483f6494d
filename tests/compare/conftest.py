"""Videos whose faults are known."""

from pathlib import Path

import pytest
from films import MIRA, film

from avatar import Avatar
from avatar.capture.source import open_video


@pytest.fixture(scope="session")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mira's render of test_a's sound, 25 frames a second."""
    folder = tmp_path_factory.mktemp("said")
    sound = open_video(MIRA).sound()[: 16_000 * 3]
    video = Avatar.load("mira").speak(sound, clip="gentle", out=folder / "large.mp4")
    return film(folder / "said.mp4", "-vf", "scale=288:288", "-crf", "8", source=video.path)


@pytest.fixture(scope="session")
def late(said: Path, tmp_path_factory: pytest.TempPathFactory):
    """Makes the same video with its picture late by some frames of 40 ms, or early."""
    folder = tmp_path_factory.mktemp("late")

    def make(frames: int) -> Path:
        shift = ("-itsoffset", f"{frames / 25:.3f}")
        copied = ("-i", str(said), "-map", "0:v", "-map", "1:a", "-c", "copy")
        return film(folder / f"late{frames}.mp4", *copied, source=said, before=shift)

    return make
