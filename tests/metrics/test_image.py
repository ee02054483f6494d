import cv2
import numpy as np
import pytest
import torch
from films import MIRA
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional import image as torchmetrics

from avatar.capture.source import open_video
from avatar.metrics.image import ImageScore, crop, noise_level, psnr, sharpness, ssim


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def mira():
    """Two of Mira's frames."""
    video = open_video(MIRA)
    return [next(video.read(frame, frame + 1)) for frame in (20, 70)]


def with_noise(picture, level, random):
    noise = random.normal(0, level, picture.shape)
    return (picture + noise).round().clip(0, 255).astype(np.uint8)


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
    assert ssim(a, b) == pytest.approx(expected, abs=2e-6)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-3)


def test_agrees_with_torchmetrics_on_frames(mira):
    """It has both means over a video too; its SSIM's mean has the border in it, which is cut."""
    faces = [frame[180:360, 160:320] for frame in mira]
    blurred = [
        cv2.GaussianBlur(face, (0, 0), sigma) for face, sigma in zip(faces, (1, 4), strict=True)
    ]
    score = ImageScore()
    for a, b in zip(blurred, faces, strict=True):
        score.add(a, b)
    a, b = (torch.from_numpy(np.stack(f)).permute(0, 3, 1, 2).double() for f in (blurred, faces))
    _, everywhere = torchmetrics.structural_similarity_index_measure(
        a, b, gaussian_kernel=True, sigma=1.5, data_range=255.0, return_full_image=True
    )
    assert score.ssim == pytest.approx(everywhere[..., 5:-5, 5:-5].mean().item(), abs=1e-6)
    every = torchmetrics.peak_signal_noise_ratio(a, b, data_range=255.0, dim=(1, 2, 3))
    assert score.psnr == pytest.approx(every.item(), abs=1e-5)
    of_mean = torchmetrics.peak_signal_noise_ratio(a, b, data_range=255.0)
    assert score.psnr_of_mean == pytest.approx(of_mean.item(), abs=1e-5)
    assert score.psnr_of_mean < score.psnr - 1


@pytest.mark.parametrize("level", [0, 3, 128, 250, 255])
def test_structure_of_near_flat_pictures_is_exact(random, level):
    """Where variances are small beside the squares that they are differences of."""
    a, b = (
        (level + random.integers(-2, 3, (40, 40, 3))).clip(0, 255).astype(np.uint8)
        for _ in range(2)
    )
    expected = structural_similarity(
        a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255,
    )  # fmt: skip
    assert ssim(a, b) == pytest.approx(expected, abs=2e-5)
    assert ssim(a, a) == 1


@pytest.mark.parametrize(("sigma", "left"), [(0.5, 0.90), (1, 0.665), (2, 0.376)])
def test_a_known_blur_takes_sharpness_away(mira, sigma, left):
    for frame in mira:
        ratio = sharpness(cv2.GaussianBlur(frame, (0, 0), sigma)) / sharpness(frame)
        assert ratio == pytest.approx(left, abs=0.02)


def test_sharpness_is_that_of_a_wave():
    """The Laplacian of a wave of amplitude A and k radians a px is -A (2 - 2 cos k) sin kx."""
    k, amplitude = 2 * np.pi / 8, 60
    row = 128 + amplitude * np.sin(k * np.arange(400))
    wave = np.repeat(np.tile(row, (400, 1))[..., None], 3, axis=2).round().astype(np.uint8)
    smoothed = amplitude * np.exp(-(k**2) / 2)
    expected = smoothed * (2 - 2 * np.cos(k)) / np.sqrt(2)
    assert sharpness(wave) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("level", [1, 3, 8, 15])
def test_known_noise_is_found_and_is_not_sharpness(mira, random, level):
    for frame in mira:
        noisy = with_noise(frame, level, random)
        assert noise_level(noisy) == pytest.approx(level, rel=0.07)
        assert sharpness(noisy) == pytest.approx(sharpness(frame), rel=0.02)


def test_clean_frames_have_no_noise_and_blurring_takes_it_away(mira, random):
    for frame in mira:
        assert noise_level(frame) < 0.25
        smoothed = cv2.GaussianBlur(with_noise(frame, 8, random), (0, 0), 2)
        assert noise_level(smoothed) < 0.5


def test_noise_of_a_flat_picture_is_the_standard_deviation(random):
    grey = random.normal(128, 6, (200, 200)).astype(np.float32)
    assert noise_level(grey) == pytest.approx(grey.std(), rel=0.03)
    assert noise_level(np.full((20, 20, 3), 128, np.uint8)) == 0
    assert sharpness(np.full((20, 20, 3), 128, np.uint8)) == 0


def test_equal_pictures_are_perfect(random):
    a, _ = pictures(random)
    assert psnr(a, a) == float("inf")
    assert ssim(a, a) == pytest.approx(1)


def test_known_error():
    black = np.zeros((20, 20, 3), np.uint8)
    assert psnr(black, black + 1) == pytest.approx(20 * np.log10(255))


@pytest.mark.parametrize("b", [np.zeros((20, 21, 3), np.uint8), np.zeros((20, 20, 3), np.float32)])
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
