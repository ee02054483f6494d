"""Keep what she says live: python examples/live_client.py "Hello." hello.mp4 [ADDRESS]."""

import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

if not 3 <= len(sys.argv) <= 4:
    sys.exit(__doc__)
text, out, address = (*sys.argv[1:], "ws://127.0.0.1:7860/live")[:3]
frames = []
try:
    with connect(address, compression=None) as server:
        server.send(json.dumps({"type": "start"}))
        while (told := json.loads(server.recv()))["type"] == "waiting":
            print("place", told["place"])
        if told["type"] == "error":
            sys.exit(told["message"])
        asked = time.monotonic()
        server.send(json.dumps({"type": "say", "text": text}))
        for message in server:
            if isinstance(message, str):
                sys.exit(json.loads(message)["message"])
            index, speaking, jpeg, sound = struct.unpack_from("<IBxxxII", message)
            if speaking:
                frames.append((message[16 : 16 + jpeg], message[16 + jpeg :], time.monotonic()))
            elif frames:
                break
except (OSError, WebSocketException) as error:
    sys.exit(f"She cannot be talked to at {address} ({error}): is the server running?")
pictures, sounds, times = zip(*frames, strict=True)
with tempfile.TemporaryDirectory() as folder:
    sound_file = Path(folder) / "sound"
    sound_file.write_bytes(b"".join(sounds))
    options = f"-v quiet -y -f mjpeg -r {told['fps']} -i - -f s16le -ar 16000 -ac 1 -i"
    command = [get_ffmpeg_exe(), *options.split(), sound_file, "-pix_fmt", "yuv420p", out]
    if subprocess.run(command, input=b"".join(pictures)).returncode:
        sys.exit(f"{out} could not be written: name a video, such as hello.mp4, in a folder.")
print(f"the first of {len(frames)} frames came after {times[0] - asked:.3f} s")
