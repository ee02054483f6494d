"""The score of a mouth beside a sound, on Mira's unseen take as a detector sees it."""

import json
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
import torch
from films import MIRA, film
from safetensors.torch import save_file

from avatar.capture.face_track import FaceTrack, track_face
from avatar.capture.source import open_video
from avatar.errors import AvatarError
from avatar.metrics.evaluate import shuffled
from avatar.metrics.mouth_sync import (
    FPS,
    GENERAL,
    MOST,
    WEIGHTS,
    MouthSync,
    MouthSyncScore,
    fit_sound,
    mouth_shape,
    normal_mouth,
    normal_sound,
    sound_bands,
)
from avatar.metrics.mouth_sync_accuracy import film_clips, shift_accuracy
from avatar.nets.mouth_sync import agreements
from avatar.render.steps import finished, looking

FRAME = 640
"""Samples."""


@pytest.fixture(scope="module")
def judge() -> MouthSync:
    return MouthSync()


@pytest.fixture(scope="module")
def mira() -> tuple[FaceTrack, np.ndarray]:
    source = open_video(MIRA)
    return finished(looking(track_face(source))), source.sound()


@pytest.mark.parametrize("late", [-12, -3, -1, 0, 2, 7])
def test_known_shifts_are_found_with_their_sign(judge, mira, late: int) -> None:
    track, sound = mira
    moved = np.pad(sound, (max(-late, 0) * FRAME, 0))[max(late, 0) * FRAME :]
    score = judge(track, moved)
    assert score.offset_frames is not None and abs(score.offset_frames - late) <= 1
    assert score.best > 0.3 and score.best >= score.score
    assert score.curve.shape == (2 * MOST + 1,) and score.curve[MOST + score.offset_frames] == max(
        score.curve
    )


def test_true_sound_beats_wrong_sound(judge, mira) -> None:
    track, sound = mira
    true = judge(track, sound).score
    for wrong in (shuffled(sound, 8_000), sound[::-1].copy(), np.roll(sound, 5 * FRAME)):
        assert judge(track, wrong).score < true - 0.2


def test_every_frame_has_its_agreement_at_25_a_second(judge, mira) -> None:
    track, sound = mira
    score = judge(track, sound)
    assert score.per_frame.shape == (200,) and track.fps == Fraction(25, 2)
    assert np.isfinite(score.per_frame).all() and np.abs(score.per_frame).max() <= 1 + 1e-6
    assert score.per_frame.mean() == pytest.approx(score.score, abs=1e-6)
    assert judge(track.delayed(3), sound).offset_frames in (5, 6, 7)  # of 12.5 a second


def test_loudness_microphone_and_size_of_the_face_do_not_matter(judge, mira) -> None:
    track, sound = mira
    canonical = track.at(FPS, 200).canonical
    true = judge.score(canonical, sound).score
    assert judge.score(canonical * 7, sound * 0.2).score == pytest.approx(true, abs=0.01)
    bright = np.append(sound[0], np.diff(sound))
    assert judge.score(canonical, bright).score == pytest.approx(true, abs=0.1)


def test_what_cannot_be_judged_has_a_reason_and_no_number(judge, mira) -> None:
    track, sound = mira
    for some, heard, why in (
        (track.taken(np.zeros(100, int)), sound, "The mouth hardly moves."),
        (track, np.zeros(128_000, np.float32), "There is no speech to be heard."),
        (track, np.empty(0, np.float32), "There is no speech to be heard."),
        (track.taken(np.arange(10)), sound, "The video is shorter than one second."),
        (track.taken(np.arange(0)), sound, "The video is shorter than one second."),
    ):
        assert judge(some, heard) == MouthSyncScore(reason=why)


def test_a_mouth_that_fits_no_sound_has_no_offset(judge, mira) -> None:
    track, _ = mira
    noise = np.random.default_rng(0).normal(0, 0.1, 128_000).astype(np.float32)
    score = judge(track, noise)
    assert score.offset_frames is None and score.reason and score.score < 0.2
    flat = {k: v for k, v in asdict(score).items() if not isinstance(v, np.ndarray)}
    json.dumps(flat, allow_nan=False)


def test_the_committed_weights_say_whose_they_are_and_what_they_are_worth(judge) -> None:
    assert "Mira" in judge.subject and WEIGHTS.stat().st_size < 2_000_000
    capture, grid = judge.accuracy["capture"], judge.accuracy["grid"]
    assert capture["one_second"] > 0.95 and grid["clips"] == 10
    assert judge.general == (grid["one_second"] >= GENERAL)


def test_accuracy_on_shifted_pairs_counts_what_is_told() -> None:
    class Judge:
        def __init__(self, told: bool):
            self.told = told

        def agreements(self, mouth, sound):
            rows = np.full((2 * MOST + 1, len(mouth)), 0.5)
            rows[MOST] = 1.0 if self.told else 0.0
            rows[:MOST, :MOST] = np.nan
            return rows

    clips = [(np.zeros((75, 7)), np.zeros(75 * FRAME))] * 2
    good, bad = shift_accuracy(Judge(True), clips), shift_accuracy(Judge(False), clips)
    assert (good.one_second, good.two_seconds, good.whole, good.offset_within_one) == (1, 1, 1, 1)
    assert (bad.one_second, bad.two_seconds, bad.whole, bad.offset_within_one) == (0, 0, 0, 0)
    assert good.clips == 2 and good.score == 1


def test_films_of_a_folder_are_measured_from_their_pixels(judge, tmp_path) -> None:
    film(tmp_path / "a.mp4", "-t", "2.4")
    (tmp_path / "a.receipt.json").write_text("{}")
    ((mouth, sound),) = film_clips(tmp_path)
    assert mouth.shape == (60, 7) and sound.shape == (60 * FRAME,)
    assert shift_accuracy(judge, [(mouth, sound)]).offset_within_one == 1


def test_agreements_pair_each_mouth_with_earlier_and_later_sound() -> None:
    vectors = torch.eye(6)[None]
    rows = agreements(vectors, vectors.roll(2, dims=1), 3)[0]
    assert rows.shape == (7, 6)
    assert rows[3 + 2, 2:].tolist() == [1] * 4 and torch.isnan(rows[3 + 2, :2]).all()
    assert torch.isnan(rows[0, -3:]).all() and rows[3].isfinite().all()


def test_shapes_and_ranges_of_what_is_looked_at(mira) -> None:
    track, sound = mira
    mouth = mouth_shape(track.canonical)
    assert mouth.shape == (100, 7) and 0.25 < mouth[:, 2].mean() < 0.6  # width in eye distances
    assert (mouth[:, 4] > mouth[:, 5]).mean() > 0.9 and (mouth[:, 5] > mouth[:, 3]).all()
    assert np.abs(normal_mouth(mouth)).max() <= 4
    fitted = fit_sound(sound[:5_000], 25)
    assert fitted.shape == (25 * FRAME,) and not fitted[5_000:].any()
    bands = sound_bands(fit_sound(sound, 50))
    assert bands.shape == (50, 96)
    assert normal_sound(bands).mean() == pytest.approx(0, abs=1e-4)
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = sound_bands(tone).reshape(-1, 24).mean(axis=0).argmax()
    assert sound_bands(tone, 1.18).reshape(-1, 24).mean(axis=0).argmax() > loudest


def test_weights_that_cannot_be_used(tmp_path) -> None:
    path = tmp_path / "mouth_sync.safetensors"
    with pytest.raises(AvatarError, match="missing or damaged"):
        MouthSync(path)
    save_file({"a": torch.zeros(1)}, path, {"subject": "x", "accuracy": "{}"})
    with pytest.raises(AvatarError, match="missing or damaged"):
        MouthSync(path)
