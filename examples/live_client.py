"""Keep what she says live: python examples/live_client.py "Hello." hello.mp4 [ADDRESS]."""

import json
import os
import struct
import subprocess
import sys
import time

from imageio_ffmpeg import get_ffmpeg_exe
from websockets.sync.client import connect

text, out, address = (*sys.argv[1:], "ws://127.0.0.1:7860/live")[:3]
frames = []
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
            sys.exit(message)
        index, speaking, jpeg, sound = struct.unpack_from("<IBxxxII", message)
        if speaking:
            frames.append((message[16 : 16 + jpeg], message[16 + jpeg :], time.monotonic()))
        elif frames:
            break
pictures, sounds, times = zip(*frames, strict=True)
with open(out + ".pcm", "wb") as file:
    file.write(b"".join(sounds))
options = f"-v error -y -f mjpeg -r {told['fps']} -i - -f s16le -ar 16000 -ac 1 -i"
command = [get_ffmpeg_exe(), *options.split(), out + ".pcm", "-pix_fmt", "yuv420p", out]
subprocess.run(command, input=b"".join(pictures), check=True)
os.remove(out + ".pcm")
print(f"the first of {len(frames)} frames came after {times[0] - asked:.3f} s")
