"""The served page through ``gradio_client``: what other programs see of it."""

import json
import os
import time
import wave

import cv2
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from websockets.sync.client import connect

from avatar.ui.page import _sweep, build

LONG = "This sentence is said again and again, so that there is time to cancel it. " * 12


@pytest.fixture(scope="module")
def client(url) -> Client:
    return Client(url, verbose=False)


def test_the_public_endpoints_and_no_other(backstage):
    dependencies = build(backstage).get_config_file()["dependencies"]
    public = {d["api_name"] for d in dependencies if d["api_visibility"] == "public"}
    assert public == {
        "speak", "live", "voices", "clips", "frame", "mash", "prove",
        "prepare", "progress", "train", "stop", "try", "package", "forget", "compare",
    }  # fmt: skip


def test_the_api_page_has_names_defaults_and_descriptions(client):
    api = client.view_api(return_format="dict")["named_endpoints"]["/speak"]
    names = [p["parameter_name"] for p in api["parameters"]]
    assert names == [
        "audio", "text", "clip", "voice", "rate", "pitch", "transcript", "strength", "label",
        "identity", "film", "film_use",
    ]  # fmt: skip
    assert all(p["parameter_has_default"] for p in api["parameters"])
    assert [r["label"] for r in api["returns"]][:2] == ["Video", "Info"]
    assert "recording or a text" in api["description"]


def test_voices_and_clips(client):
    voices = client.predict(language="de", api_name="/voices")
    assert {v["language"] for v in voices} == {"de"} and voices[0]["licence"]
    clips = client.predict(api_name="/clips")
    assert len(clips) >= 4 and sum(c["default"] for c in clips) == 1


def test_first_picture_soon_then_the_video(client):
    job = client.submit(text="Hi there.", voice="de", api_name="/speak")
    first = next(iter(job))
    assert first[3] and not first[0]
    video, info, files, *_ = job.result()
    with open(video, "rb") as file:
        assert file.read(8)[4:] == b"ftyp"
    assert info["voice"] == "de" and len(files) == 4 and info["receipt"]["passed"]


def test_a_stream_is_a_playlist_that_grows(client, url):
    api = client.view_api(return_format="dict")["named_endpoints"]["/live"]
    names = [p["parameter_name"] for p in api["parameters"]]
    assert names == ["text", "voice", "identity", "start"]
    watcher = Client(url, verbose=False, download_files=False)
    job = watcher.submit(text="Yes, this is me.", api_name="/live")
    playlist = next(video["url"] for video, _ in job if "url" in video)
    assert "#EXTM3U" in (begun := httpx.get(playlist).text) and "#EXTINF:0.52" in begun
    job.result()
    assert (ended := httpx.get(playlist).text).startswith(begun) and "#EXT-X-ENDLIST" in ended
    film = httpx.get(playlist.replace("playlist.m3u8", "playlist-file")).content
    assert film[4:8] == b"ftyp"


def test_a_mash_has_names_and_pictures(client):
    api = client.view_api(return_format="dict")["named_endpoints"]["/mash"]
    assert [p["parameter_name"] for p in api["parameters"]] == [
        "clip_i", "frame_i", "clip_j", "frame_j", "strength", "identity"
    ]  # fmt: skip
    assert [r["label"] for r in api["returns"]][6] == "Info"
    *pictures, info, _ = client.predict(
        clip_i="lively", frame_i=40, clip_j="still", frame_j=7, api_name="/mash"
    )
    assert info["pose_distance_degrees"] > 0 and len(pictures) == 6
    for picture in pictures:
        assert cv2.imread(picture).shape == (512, 512, 3)


def test_a_proof_is_a_video_with_figures(client):
    video, figures, *_ = client.predict(text="Oh.", api_name="/prove")
    with open(video, "rb") as file:
        assert file.read(8)[4:] == b"ftyp"
    assert figures["reader_error_px"] < 1 and figures["receipt"]["frames_dropped"] == 0


BAD = {
    "text.wav": b"This is a text, whatever its name says.\n" * 50,
    "empty.wav": b"",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(500),
    "cut.mp3": b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb",
    "noise.ogg": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_is_one_sentence(client, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(AppError) as caught:
        client.predict(audio=handle_file(str(path)), api_name="/speak")
    assert 20 < len(str(caught.value)) < 250 and "Sorry" not in str(caught.value)


def test_nan_and_long_sounds_are_refused(client, tmp_path):
    import soundfile

    broken = tmp_path / "nan.wav"
    soundfile.write(broken, np.full(16_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(AppError, match="(?i)nan|finite"):
        client.predict(audio=handle_file(str(broken)), api_name="/speak")
    long = tmp_path / "long.wav"
    with wave.open(str(long), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes([128]) * 8000 * 302)
    with pytest.raises(AppError, match="300|5 min"):
        client.predict(audio=handle_file(str(long)), api_name="/speak")


def idle() -> bool:
    """Whether hardly anything is done for half a second."""
    used = time.process_time()
    time.sleep(0.5)
    return time.process_time() - used < 0.15


def test_after_a_cancel_nothing_runs_and_nothing_is_left(client, jobs_left):
    before = jobs_left()
    job = client.submit(text=LONG, api_name="/speak")
    for update in job:
        if "Rendering" in update[4]:
            break
    assert len(jobs_left()) == len(before) + 1
    job.cancel()
    deadline = time.monotonic() + 120
    while not idle() or jobs_left() != before:
        assert time.monotonic() < deadline


def test_files_of_the_server_are_not_served(url):
    for path in ("/etc/passwd", "app.py", "avatar/ui/page.py"):
        assert httpx.get(f"{url}gradio_api/file={path}").status_code in (403, 404)
    assert httpx.get(f"{url}monitoring").status_code in (403, 404)


def test_what_a_killed_server_left_is_swept(tmp_path):
    old, new = tmp_path / "avatar-old", tmp_path / "avatar-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    _sweep(tmp_path)
    assert not old.exists() and new.exists()


def test_the_live_endpoint_is_served_beside_the_page(url):
    """What comes through it is tested in ``test_socket``."""
    with connect(url.replace("http", "ws") + "live", compression=None) as client:
        client.send('{"type": "start", "clip": "lively"}')
        assert json.loads(client.recv(30))["identity"] == "mira"
        assert len(client.recv(30)) > 10_000
