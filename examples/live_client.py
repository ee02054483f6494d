"""Keep what she says live: python examples/live_client.py "Hello." hello.mp4 [ADDRESS]."""

import json
import struct
import subprocess
import sys
import time
import wave

from imageio_ffmpeg import get_ffmpeg_exe
from websockets.sync.client import connect

text, out, address = (*sys.argv[1:], "ws://127.0.0.1:7860/live")[:3]
frames = []
with connect(address, compression=None, max_size=None) as server:
    server.send(json.dumps({"type": "start"}))
    while (ready := json.loads(server.recv()))["type"] != "ready":
        print(ready)
    asked = time.monotonic()
    server.send(json.dumps({"type": "say", "text": text}))
    for message in server:
        if isinstance(message, str):
            sys.exit(json.loads(message)["message"])
        index, speaking, jpeg, sound = struct.unpack_from("<IBxxxII", message)
        if speaking:
            if not frames:
                print(f"the first frame came after {time.monotonic() - asked:.3f} s")
            frames.append((message[16 : 16 + jpeg], message[16 + jpeg :]))
        elif frames:
            break
with wave.open(out + ".wav", "wb") as file:
    file.setparams((1, 2, ready["rate"], 0, "NONE", ""))
    file.writeframes(b"".join(sound for _, sound in frames))
command = [get_ffmpeg_exe(), "-y", "-v", "error", "-f", "mjpeg", "-r", str(ready["fps"])]
command += ["-i", "-", "-i", out + ".wav", "-pix_fmt", "yuv420p", out]
subprocess.run(command, input=b"".join(jpeg for jpeg, _ in frames), check=True)
print(len(frames), "frames")
