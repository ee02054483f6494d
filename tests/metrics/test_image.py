import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from avatar.metrics.image import ImageScore, crop, psnr, ssim


@pytest.fixture
def random():
    return np.random.default_rng(0)


def pictures(random, height=61, width=83):
    """A smooth picture and a noisy copy."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / 9 + c) + np.cos(columns / 7 - c) for c in range(3)]
    clean = 128 + 50 * np.stack(waves, axis=-1)
    noisy = clean * 0.9 + random.normal(0, 12, clean.shape)
    return clean.clip(0, 255).astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(11, 11), (61, 83), (192, 192)])
def test_agrees_with_scikit_image(random, size):
    a, b = pictures(random, *size)
    expected = structural_similarity(
        a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255,
    )  # fmt: skip
    assert ssim(a, b) == pytest.approx(expected, abs=1e-3)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-3)


def test_equal_pictures_are_perfect(random):
    a, _ = pictures(random)
    assert psnr(a, a) == float("inf")
    assert ssim(a, a) == pytest.approx(1)


def test_known_error():
    black = np.zeros((20, 20, 3), np.uint8)
    assert psnr(black, black + 1) == pytest.approx(20 * np.log10(255))


@pytest.mark.parametrize(
    "b", [np.zeros((20, 21, 3), np.uint8), np.zeros((20, 20, 3), np.float32)]
)
def test_refuses_what_cannot_be_compared(b):
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((20, 20, 3), np.uint8), b)


def test_refuses_what_is_smaller_than_the_window():
    small = np.zeros((10, 20, 3), np.uint8)
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(small, small)


def test_score_averages_decibels_and_has_the_other_mean_beside_it(random):
    score = ImageScore()
    pairs = [pictures(random) for _ in range(2)] + [(np.zeros((61, 83, 3), np.uint8),) * 2]
    pairs[2] = (pairs[2][0], pairs[2][0] + 60)
    for a, b in pairs:
        score.add(a, b)
    assert score.frames == 3
    assert score.psnr == pytest.approx(np.mean([psnr(a, b) for a, b in pairs]))
    assert score.ssim == pytest.approx(np.mean([ssim(a, b) for a, b in pairs]))
    assert score.psnr_of_mean < score.psnr


def test_empty_score_is_nan():
    score = ImageScore()
    assert np.isnan([score.psnr, score.ssim, score.psnr_of_mean]).all()


def test_crop_takes_x_first():
    picture = np.arange(20 * 30).reshape(20, 30)
    assert crop(picture, (4, 2, 3, 5)).shape == (5, 3)
    assert crop(picture, (4, 2, 3, 5))[0, 0] == picture[2, 4]
