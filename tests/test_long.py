"""Half an hour of sound takes little more memory than the sound itself, and frames take none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
from fake_engine import QuickEngine

from avatar import Avatar
from avatar.benchmark.stand import speech_of
from avatar.identity import load_identity
from avatar.speech.audio import save_wav

FRAMES = 900
wav, out, process = Path(sys.argv[1]), Path(sys.argv[2]), psutil.Process()


def resident():
    return process.memory_info().rss / 2**20


def peak():  # in MB, of the process so far
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


avatar = Avatar(load_identity("mira"), QuickEngine())
avatar.speech(speech_of(20))  # models and libraries are there
sound = np.zeros(30 * 60 * 16_000, np.float32)
for minute in (0, 14, 29):
    sound[minute * 960_000 :][:320_000] = speech_of(20)
save_wav(wav, sound)
megabytes = sound.nbytes / 2**20
del sound
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before = resident()
speech = avatar.speech(wav)
read = peak()
steps = avatar.perform(speech, out=out)
rendering = [resident() for _ in islice(steps, FRAMES)]
steps.close()
print(json.dumps({
    "seconds": speech.seconds, "rows": len(speech.track), "phones": len(speech.phones),
    "sound": megabytes, "read": read - before, "highest": peak(),
    "early": max(rendering[: FRAMES // 3]), "late": max(rendering[-FRAMES // 3 :]),
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_half_an_hour_of_sound(tmp_path: Path) -> None:
    wav, out = tmp_path / "long.wav", tmp_path / "long.mp4"
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    program = f"import sys; sys.path[:0] = {paths}\n{PROGRAM}"
    command = [sys.executable, "-c", program, str(wav), str(out)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["seconds"], found["rows"]) == (1800, 45_000) and found["phones"] > 300
    assert found["read"] < 2 * found["sound"]
    assert found["late"] < found["early"] + 40
    assert found["highest"] < 1500
    assert list(tmp_path.iterdir()) == [wav]
