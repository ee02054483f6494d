"""A long video takes no more memory than a short one, and less than a small machine has."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from avatar.identity import load_identity
from avatar.render.stream import render_frames
from avatar.render.video import video_writer
from avatar.speech.visemes import SILENCE

FRAMES = 900  # the clip, whose frames are kept, has 375
identity = load_identity("mira")
picture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8).repeat(64, 0).repeat(64, 1)


class CheapEngine:
    batch = 4

    def encode(self, drawings):
        return drawings

    def decode(self, drawings, windows):
        return np.stack([np.roll(picture, int(d.sum()) % 512, axis=1) for d in drawings])


values = np.tile(SILENCE, (FRAMES, 1))
frames = render_frames(CheapEngine(), identity.clip(), identity.config, values)
sound = np.zeros(FRAMES * 640, np.float32)
process, resident = psutil.Process(), []
with video_writer(Path(sys.argv[1]), Fraction(25), sound, metadata={}) as writer:
    for frame in frames:
        writer.write(frame)
        resident.append(process.memory_info().rss / 2**20)
print(json.dumps({"early": max(resident[:400]), "late": max(resident[600:])}))
"""


def test_memory_is_flat(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "long.mp4")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    resident = json.loads(run.stdout)
    assert resident["late"] < resident["early"] + 40
    assert resident["late"] < 1500
