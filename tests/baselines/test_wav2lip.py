import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from films import film as make_film

from avatar.baselines.wav2lip import LICENCE, Wav2LipDubber, Wav2LipRow, dub, face_boxes
from avatar.capture.source import open_video
from avatar.errors import AvatarError
from avatar.metrics.evaluate import listen
from avatar.nets.wav2lip import Wav2Lip
from avatar.speech.audio import save_wav
from avatar.timing import frame_count

FPS = Fraction(25)


def test_the_network_is_the_published_one():
    network = Wav2Lip().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 36_298_035
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes["face_encoder_blocks.0.0.conv_block.0.weight"] == (16, 6, 7, 7)
    assert shapes["face_encoder_blocks.6.1.conv_block.0.weight"] == (512, 512, 1, 1)
    assert shapes["audio_encoder.12.conv_block.1.running_mean"] == (512,)
    assert shapes["face_decoder_blocks.3.0.conv_block.0.weight"] == (768, 384, 3, 3)
    assert shapes["face_decoder_blocks.6.2.conv_block.0.weight"] == (64, 64, 3, 3)
    assert shapes["output_block.1.weight"] == (3, 32, 1, 1)
    with torch.inference_mode():
        faces = network(torch.zeros(2, 1, 80, 16), torch.zeros(2, 6, 96, 96))
    assert faces.shape == (2, 3, 96, 96) and 0 <= faces.min() and faces.max() <= 1


def test_boxes_reach_from_the_forehead_below_the_chin():
    keypoints = np.zeros((8, 68, 2), np.float32)
    keypoints[:, 0], keypoints[:, 1] = (100, 80), (200, 180)
    keypoints[7] += 50
    boxes = face_boxes(keypoints, 400, 195)
    assert boxes[0].tolist() == [0, 0, 200, 190]  # all the other points lie in the corner
    assert boxes.dtype.kind == "i" and boxes.shape == (8, 4)
    # Averaged over the five frames from each on; the last ones share the last five.
    assert boxes[2, 2] == 200 and boxes[3, 2] == boxes[7, 2] == 210
    assert boxes[7, 3] == 191  # cut off at the film's lower edge before that


def test_a_film_says_another_sound(echo, caplog):
    dubber = Wav2LipDubber(str(echo))
    assert LICENCE in caplog.text
    picture = np.full((200, 200, 3), (200, 100, 0), np.uint8)
    box, sound = np.array([50, 60, 146, 156]), np.zeros(16_000, np.float32)
    made = list(dubber.frames([(picture, box)] * 18, sound, FPS))
    assert len(made) == 18 and (made[0] == made[17]).all()
    mel, faces = dubber.network.seen
    assert mel.shape == (2, 1, 80, 16) and faces.shape == (2, 6, 96, 96)  # the rest of 18
    # Blue, green, red: half of the first face is hidden, the second is whole.
    assert faces[0, :, 47, 3] == pytest.approx(np.array([0, 100, 200, 0, 100, 200]) / 255)
    assert faces[0, :, 48, 3] == pytest.approx(np.array([0, 0, 0, 0, 100, 200]) / 255)
    assert made[0][70, 70].tolist() == [255, 227, 127]  # as it is, and 0.5 lighter
    assert made[0][140, 70].tolist() == [127, 127, 127]
    outside = np.ones((200, 200), bool)
    outside[60:156, 50:146] = False
    assert (made[0][outside] == picture[outside]).all() and picture[140, 70, 0] == 200


def test_weights_come_from_the_hub_where_they_are_named(echo, fake_hub, tmp_path):
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "wav2lip_gan.pth").write_bytes(echo.read_bytes())
    fake_hub.repos["some/one"] = repo
    assert float(Wav2LipDubber("some/one").network.light) == 0.5
    with pytest.raises(AvatarError, match="wav2lip.pth or wav2lip_gan.pth"):
        Wav2LipDubber("no/body")


def test_nothing_else_is_loaded(echo, tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("harm").write_text, ("done",))

    bad = tmp_path / "bad.pth"
    for write in (
        lambda: torch.save({"state_dict": Evil()}, bad),
        lambda: bad.write_bytes(pickle.dumps(Evil())),
        lambda: torch.save({"state_dict": {"other": torch.zeros(1)}}, bad),
        lambda: torch.save([1, 2], bad),
        lambda: bad.write_bytes(b""),
    ):
        write()
        with pytest.raises(AvatarError, match="no weights of Wav2Lip"):
            Wav2LipDubber(str(bad))
    assert not (tmp_path / "harm").exists()
    with pytest.raises(AvatarError, match="nowhere.pth"):
        Wav2LipDubber(str(tmp_path / "nowhere.pth"))


def test_as_a_row_it_dubs_the_takes_own_film(echo, capture):
    take = capture.take("test_a")
    speech = listen(take, use_transcript=True)
    made = list(Wav2LipRow(str(echo)).frames(take, speech))
    assert len(made) == min(len(take.pose), len(speech.track.values))
    true = take.head_over_background(2)
    for frame in (2, 3):  # every second picture is at hand
        assert (made[frame][:100] == true[:100]).all()
    assert (made[2][250:400, 200:300] != true[250:400, 200:300]).any()


def test_a_film_that_ends_early_begins_again(echo, tmp_path):
    source = make_film(tmp_path / "film.mp4", "-t", "0.6")
    audio, out = tmp_path / "a.wav", tmp_path / "o.mp4"
    save_wav(audio, 0.1 * np.ones(16_000, np.float32))
    dub(source, audio, str(echo), out)
    made = open_video(out)
    assert made.frames == frame_count(16_000, made.fps) and made.has_sound
    pictures = [frame.astype(int) for frame in made.read()]
    length = open_video(source).frames
    assert length < len(pictures)
    assert np.abs(pictures[length] - pictures[0]).mean() < 2
