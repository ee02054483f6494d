import numpy as np
import pytest
import torch

from avatar.errors import AvatarError
from avatar.face.keypoints import BROWS, EYES, MOUTH, NOSE
from avatar.nets.oracle import Oracle, OracleConfig
from avatar.speech.visemes import SILENCE, windows
from avatar.training.augment import Augmentation, classical, draw_pairs
from avatar.training.dataset import load_capture, take_features
from avatar.training.synthetic import SyntheticSamples, gallery, make_synthetic

CONFIG = Augmentation(pairs_per_frame=2, seed=3)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    torch.manual_seed(0)
    return Oracle(OracleConfig(widths=(8, 8), blocks=0)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def synthetic(capture, oracle, tmp_path_factory) -> SyntheticSamples:
    folder = make_synthetic(capture, oracle, tmp_path_factory.mktemp("s"), 6, CONFIG)
    return SyntheticSamples(capture, folder, 6)


def test_pairs_come_from_train_takes_with_a_seed(capture):
    pairs = draw_pairs(capture, 3000, Augmentation())
    again = draw_pairs(capture, 3000, Augmentation())
    other = draw_pairs(capture, 3000, Augmentation(seed=1))
    assert len(pairs) == 3000 and pairs.takes == ("train_a", "train_b")
    assert all(np.array_equal(a, b) for a, b in zip(*map(arrays, (pairs, again)), strict=True))
    assert not np.array_equal(pairs.frame_i, other.frame_i)
    assert np.mean(pairs.strength != 1) == pytest.approx(0.5, abs=0.05)
    assert pairs.strength.min() >= 0.5 and pairs.strength.max() <= 1.4
    same = (pairs.take_i == pairs.take_j) & (pairs.frame_i == pairs.frame_j)
    assert same.mean() < 0.1


def arrays(pairs) -> list[np.ndarray]:
    return [value for key, value in vars(pairs).items() if key != "takes"]


def test_a_sample_has_the_head_of_one_frame_and_speech_of_another(capture, synthetic):
    pairs = synthetic.pairs
    assert len(synthetic) == 6
    for n in range(len(synthetic)):
        sample, names = synthetic[n], pairs.takes
        head = capture.take(names[pairs.take_j[n]]).arrays
        mouth = capture.take(names[pairs.take_i[n]])
        upper, j = list(BROWS + EYES + NOSE), pairs.frame_j[n]
        assert np.array_equal(sample.keypoints[upper], head["landmarks2d"][j][upper])
        assert np.array_equal(sample.contour, head["contour"][j])
        said = windows(take_features(mouth), 6)[pairs.frame_i[n]]
        expected = SILENCE + pairs.strength[n] * (said - SILENCE)
        assert np.allclose(sample.window, expected, atol=1e-6)
        assert {picture.shape for picture in sample.pictures()} == {(512, 512, 3)}
        if pairs.strength[n] == 1:  # the cartoon does not turn: its mouth is only shifted
            lips = list(MOUTH)
            shapes = [p - p.mean(axis=0) for p in (
                sample.keypoints[lips], mouth.arrays["landmarks2d"][pairs.frame_i[n]][lips])]
            assert np.allclose(*shapes, atol=0.1)


def test_a_stopped_rendering_goes_on_and_others_are_refused(capture, oracle, synthetic, tmp_path):
    folder = make_synthetic(capture, oracle, tmp_path / "s", 6, CONFIG)
    kept, *lost = (folder / name for name in ("mouth/000000.jpg", "mouth/000003.jpg",
                                              "head/000004.jpg"))  # fmt: skip
    before, again = kept.stat().st_mtime_ns, [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    with pytest.raises(AvatarError, match="lacks 2 pictures"):
        SyntheticSamples(capture, folder, 6)
    make_synthetic(capture, oracle, folder, 4, CONFIG)  # fewer: the pairs stay
    assert [path.read_bytes() for path in lost] == again and kept.stat().st_mtime_ns == before
    with pytest.raises(AvatarError, match="other pairs: delete it"):
        make_synthetic(capture, oracle, folder, 6, Augmentation(pairs_per_frame=2, seed=4))
    (folder / "pairs.safetensors").write_bytes(b"cut")
    with pytest.raises(AvatarError, match="missing or damaged"):
        SyntheticSamples(capture, folder, 6)


def test_a_damaged_picture_is_told(capture, oracle, tmp_path):
    folder = make_synthetic(capture, oracle, tmp_path / "s", 6, CONFIG)
    (folder / "head" / "000002.jpg").write_bytes(b"")
    with pytest.raises(AvatarError, match=r"000002\.jpg is damaged"):
        SyntheticSamples(capture, folder, 6)[2].pictures()


def test_the_gallery_shows_pairs(synthetic):
    assert gallery(synthetic, 4).shape == (768, 1024, 3)


def test_classical_augmentation_moves_drawing_and_pictures_alike(capture):
    sample = load_capture(capture, 6)[0]
    for seed in range(4):
        moved = classical(sample, capture.mouth_box, np.random.default_rng(seed))
        x, y, w, h = capture.mouth_box
        heads, mouths = zip(sample.pictures(), moved.pictures(), strict=True)
        for points, before, after in (
            ((sample.keypoints, moved.keypoints), heads[0], heads[1]),
            ([(p - (x, y)) * (512 / w, 512 / h) for p in (sample.keypoints, moved.keypoints)],
             mouths[0], mouths[1]),
        ):  # fmt: skip
            old, new = (p[list(MOUTH)].mean(axis=0).round().astype(int)[::-1] for p in points)
            assert np.abs(before[tuple(old)].astype(int) - after[tuple(new)]).max() < 30
        assert not np.array_equal(moved.keypoints, sample.keypoints)
