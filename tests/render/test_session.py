"""A live session: what comes out is what an offline run gives, whatever the pieces."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from live import LoudnessRecogniser, motion_of, pieces

from avatar import Avatar
from avatar.errors import AvatarError, ClipError, RenderError, SoundError, TextError, VoiceError
from avatar.identity import Identity, load_identity
from avatar.render import session as session_module
from avatar.render.engine import Engine, make_engine
from avatar.render.session import CLOSING, MAX_CHARS, LiveSession
from avatar.render.shot import Shot, rendered
from avatar.render.stream import render_frames
from avatar.speech import tts
from avatar.speech.audio import load_sound
from avatar.speech.causal import causal_track
from avatar.speech.features import Wav2Vec2
from avatar.speech.speech import Speech
from avatar.speech.visemes import NAMES, SILENCE, viseme_track, windows
from avatar.timing import frame_count

FPS = Fraction(25)
JAW = 21
SENTENCE = "Hello, nice to meet you."


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(scope="module")
def engine(mira: Identity) -> Engine:
    return make_engine(mira)


@pytest.fixture
def session(mira: Identity) -> LiveSession:
    return LiveSession(mira, recogniser=LoudnessRecogniser)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tts.Utterance]:
    """What the voice said; it is never twice quite the same."""
    kept, speak = [], tts.speak

    def remembered(*args: object) -> Iterator[tts.Utterance]:
        for utterance in speak(*args):
            kept.append(utterance)
            yield utterance

    monkeypatch.setattr(tts, "speak", remembered)
    return kept


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(-0.5, 0.5, round(16_000 * seconds)).astype(np.float32)


def speaking(session: LiveSession) -> list[Shot]:
    """All shots of speech that can be had now."""
    return [*iter(lambda: session.take(idle=False), None)]


def sound_of(shots: list[Shot]) -> np.ndarray:
    return np.concatenate([shot.sound for shot in shots])


def steps_of(motion) -> np.ndarray:
    """How far what is drawn moves from frame to frame, in px, root mean square; (T - 1,)."""
    points = np.concatenate([motion.keypoints[:, 17:48], motion.irises, motion.contour], axis=1)
    return np.sqrt(np.square(np.diff(points, axis=0)).sum(axis=2).mean(axis=1))


def pictures_of(mira: Identity, engine: Engine, shots: list[Shot]) -> Iterator[np.ndarray]:
    """Pictures in batches of changing size."""
    for start in range(0, len(shots), 5):
        for part in (shots[start : start + 3], shots[start + 3 : start + 5]):
            yield from rendered(engine, [(mira, shot) for shot in part]) if part else ()


def test_a_text_is_shown_as_it_is_offline(
    mira: Identity, engine: Engine, said: list[tts.Utterance]
) -> None:
    """The real voice, the real engine, bit for bit, the head included."""
    session = LiveSession(mira)
    session.say("Hi.")
    shots = speaking(session)
    (utterance,) = said
    track = viseme_track(utterance.phones, utterance.sound, FPS)
    speech = Speech(utterance.sound, utterance.phones, track, "tts")
    _, expected = Avatar(mira, engine).stream(speech)
    for picture, other in zip(pictures_of(mira, engine, shots), expected, strict=True):
        np.testing.assert_array_equal(picture, other)
    np.testing.assert_array_equal(sound_of(shots)[: len(utterance.sound)], utterance.sound)


def test_the_mouth_does_not_spring_open(session: LiveSession) -> None:
    """Neither where she begins with an open sound, nor where her next sentence does."""
    session.take()
    session.say("Ah, ah. Ah, ah.")
    jaw = np.array([shot.window[2:4, NAMES.index("jaw_open")] for shot in speaking(session)])
    assert jaw.max() > 0.9 and np.diff(jaw).max() < 0.6


def test_pushed_sound_is_shown_as_it_is_offline(mira: Identity, engine: Engine) -> None:
    """The real recogniser and engine, bit for bit, behind frames in which she only listened."""
    sound = load_sound("examples/hello.wav")[2_000:8_000]
    session = LiveSession(mira)
    shots = [session.take() for _ in range(7)]
    for piece in pieces(sound, seed=1):
        session.push(piece)
        shots += speaking(session)
    session.end()
    shots += speaking(session)
    heard = shots[7:]
    assert [shot.index for shot in shots] == [*range(len(shots))]
    assert [shot.speaking for shot in shots] == [False] * 7 + [True] * len(heard)
    track, motion = causal_track(sound, FPS), motion_of(heard, FPS)
    expected = render_frames(engine, motion, mira.config, track.values)
    for picture, other in zip(pictures_of(mira, engine, heard), expected, strict=True):
        np.testing.assert_array_equal(picture, other)


@pytest.mark.parametrize("seed", [2, 3])
def test_any_pieces_give_the_same_windows(mira: Identity, seed: int) -> None:
    sound = load_sound("examples/hello.wav")[:48_000]
    session = LiveSession(mira)
    shots = []
    for piece in pieces(sound, seed, longest=[3000, 30_000][seed - 2]):
        session.push(piece)
        shots += speaking(session)
    session.end()
    shots += speaking(session)
    track = causal_track(sound, FPS)
    np.testing.assert_array_equal([shot.window for shot in shots], windows(track.values))
    np.testing.assert_array_equal(sound_of(shots), sound)


@pytest.mark.parametrize("fps", [FPS, Fraction(30_000, 1001)])
def test_minutes_in_pieces_take_no_more_memory_than_one(mira: Identity, fps: Fraction) -> None:
    session = LiveSession(
        replace(mira, config=replace(mira.config, fps=fps)), recogniser=LoudnessRecogniser
    )
    jaw, heard, shown = np.zeros(20_000, np.float32), np.zeros(20_000 * 640, np.float32), 0
    samples, memory = 0, []
    tracemalloc.start()
    for minute in range(4):
        for piece in pieces(noise(60, minute), minute, longest=9000):
            session.push(piece)
            for shot in speaking(session):
                jaw[shown], shown = shot.window[3, JAW], shown + 1
                heard[samples : samples + len(shot.sound)] = shot.sound
                samples += len(shot.sound)
        memory.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(memory[1:]) - memory[0] < 300_000
    whole = np.concatenate([noise(60, minute) for minute in range(4)])
    np.testing.assert_array_equal(heard[:samples], whole[:samples])
    np.testing.assert_array_equal(jaw[:shown], LoudnessRecogniser(fps).push(whole)[:shown, JAW])


def test_sound_is_shown_within_five_frames_and_text_at_once(session: LiveSession) -> None:
    for frames in range(1, 40):
        session.push(noise(0.04))
        assert session._shown + len(speaking(session)) == max(frames - 5, 0)
    session.end()
    assert len(speaking(session)) == 5
    session.say(SENTENCE)
    assert len(speaking(session)) > 30


def test_sentences_follow_each_other_without_a_gap(
    session: LiveSession, said: list[tts.Utterance]
) -> None:
    session.say("Hello. Good morning.")
    shots = speaking(session)
    tracks = [viseme_track(u.phones, u.sound, FPS).values for u in said]
    assert len(tracks) == 2
    np.testing.assert_array_equal([s.window for s in shots], windows(np.concatenate(tracks)))
    start = 640 * len(tracks[0])
    second = sound_of(shots)[start : start + len(said[1].sound)]
    np.testing.assert_array_equal(second, said[1].sound)


def test_an_interruption_closes_the_mouth_and_the_head_goes_on(session: LiveSession) -> None:
    session.push(np.ones(32_000, np.float32))
    shots = [session.take() for _ in range(20)]
    session.interrupt()
    assert session.waiting_s == pytest.approx(CLOSING / 25)
    shots += [session.take() for _ in range(30)]
    jaw = np.array([shot.window[3, JAW] for shot in shots])
    steps = np.abs(np.diff(jaw))
    assert jaw[19] == 1 and steps[19:].max() <= 1 / (CLOSING + 1) + 1e-6
    assert not jaw[20 + CLOSING :].any()
    loud = np.abs(sound_of(shots)).reshape(len(shots), -1).max(axis=1)
    assert loud[20] == 1 and (np.diff(loud[20:25]) < 0).all() and not loud[24:].any()
    assert [shot.speaking for shot in shots] == [True] * (20 + CLOSING) + [False] * 26
    assert steps_of(motion_of(shots, FPS)).max() < 4


def test_after_an_interruption_the_next_utterance_starts_afresh(session: LiveSession) -> None:
    session.push(np.ones(9_000, np.float32))
    session.interrupt()
    assert not speaking(session) and session.waiting_s == 0
    sound = noise(1)
    session.push(sound)
    session.end()
    np.testing.assert_array_equal(sound_of(speaking(session)), sound)
    session.interrupt()
    session.end()
    assert not speaking(session)


def test_an_interrupted_voice_stops_making_sentences(
    session: LiveSession, said: list[tts.Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupting(*args: object) -> np.ndarray:
        session.interrupt()
        return viseme_track(*args)

    monkeypatch.setattr(session_module, "viseme_track", interrupting)
    session.say("One. Two. Three.")
    assert len(said) == 1 and not speaking(session)


def test_what_is_interrupted_before_it_begins_is_forgotten(
    mira: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the voice is still looked for, or the recogniser loaded."""

    def recogniser(fps: Fraction) -> LoudnessRecogniser:
        session.interrupt()
        return LoudnessRecogniser(fps)

    def speak(*args: object) -> Iterator[tts.Utterance]:
        session.interrupt()
        return real(*args)

    session, real = LiveSession(mira, recogniser=recogniser), tts.speak
    monkeypatch.setattr(tts, "speak", speak)
    session.say(SENTENCE)
    session.push(noise(1))
    assert not speaking(session) and session.waiting_s == 0
    sound = noise(1, seed=1)
    session.push(sound)
    session.end()
    np.testing.assert_array_equal(sound_of(speaking(session)), sound)


def test_sound_that_stays_away_is_waited_for(session: LiveSession) -> None:
    """The mouth closes, she listens, and nothing of the utterance is lost when it goes on."""
    sound = noise(2)
    session.push(sound[:16_000])
    shots = [session.take() for _ in range(20)]
    assert session.take() is None
    session.pause()
    shots += [session.take() for _ in range(30)]
    session.push(sound[16_000:])
    session.end()
    shots += speaking(session)
    assert [s.speaking for s in shots[20:]] == [True] * 2 + [False] * 28 + [True] * 28
    np.testing.assert_array_equal(sound_of([s for s in shots if s.speaking]), sound)
    session.pause()
    assert session.take().speaking is False


@pytest.mark.parametrize("clip", ["gentle", "lively", "still"])
def test_the_head_never_jumps(mira: Identity, clip: str) -> None:
    """Neither where she begins or stops to speak, nor where that happens in the midst of a turn."""
    session = LiveSession(mira, clip=clip, recogniser=LoudnessRecogniser)
    random, shots = np.random.default_rng(5), []
    while len(shots) < 1500:
        shots += [session.take() for _ in range(random.integers(1, 90))]
        session.push(noise(random.uniform(0.1, 4)))
        session.end()
        if random.integers(2):
            shots += [session.take() for _ in range(random.integers(1, 20))]
            session.interrupt()
        shots += speaking(session)
    own = [steps_of(mira.clips[name]).max() for name in (clip, "listening")]
    steps = steps_of(motion_of(shots, FPS))
    assert {shot.clip.name for shot in shots} > {clip, "listening"}
    assert steps.max() <= max(own)


def test_without_a_clip_to_listen_the_head_goes_on(mira: Identity) -> None:
    alone = replace(mira, clips={"gentle": mira.clip("gentle")})
    session = LiveSession(alone)
    shots = [session.take() for _ in range(3)]
    session.say(SENTENCE)
    shots += speaking(session)
    assert [shot.frame for shot in shots] == [*range(len(shots))]


@pytest.mark.parametrize(
    "sound",
    [
        np.array([0.1, np.nan], np.float32), np.array([np.inf], np.float32),
        np.zeros(100, np.float64), np.zeros(100, np.int16), np.zeros((2, 100), np.float32),
        np.zeros(61 * 16_000, np.float32), "sound", None,
    ],
)  # fmt: skip
def test_sound_that_cannot_be_used_is_left_out(session: LiveSession, sound: object) -> None:
    good = noise(0.5)
    session.push(good[:4000])
    with pytest.raises(SoundError) as error:
        session.push(sound)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
    session.push(good[4000:])
    session.end()
    np.testing.assert_array_equal(sound_of(speaking(session))[: len(good)], good)


def test_no_more_may_wait_than_can_be_kept(session: LiveSession) -> None:
    with pytest.raises(SoundError, match="Too much"):
        for _ in range(10):
            session.push(np.zeros(60 * 16_000, np.float32))
    with pytest.raises(TextError, match="Too much"):
        session.say(SENTENCE)
    assert session.waiting_s < 365
    session.interrupt()
    session.say(SENTENCE)


@pytest.mark.parametrize(
    ("text", "how", "kind"),
    [
        ("", {}, TextError), ("!?", {}, TextError), ("a" * (MAX_CHARS + 1), {}, TextError),
        ("Hello.", {"voice": "klingon"}, VoiceError), ("Hello.", {"rate": 9}, VoiceError),
    ],
)  # fmt: skip
def test_what_cannot_be_said_changes_nothing(
    session: LiveSession, text: str, how: dict, kind: type[AvatarError]
) -> None:
    session.push(noise(0.5))
    with pytest.raises(kind):
        session.say(text, **how)
    session.push(noise(0.5))
    session.end()
    assert len(speaking(session)) == frame_count(16_000, FPS)


def test_who_cannot_speak_live_says_so(mira: Identity) -> None:
    with pytest.raises(RenderError, match="wav2vec 2.0"):
        LiveSession(replace(mira, config=replace(mira.config, features=Wav2Vec2())))
    with pytest.raises(ClipError, match="gentle"):
        LiveSession(mira, clip="dancing")


def test_silence_while_nobody_speaks(session: LiveSession) -> None:
    shots = [session.take() for _ in range(50)]
    assert all((shot.window == SILENCE).all() and not shot.sound.any() for shot in shots)
    assert {shot.clip.name for shot in shots} == {"listening"}


def test_a_session_goes_on_from_a_frame_of_its_own_listening(mira):
    idle = mira.clips["still"]
    last = len(idle) - 1
    session = LiveSession(mira, idle=(idle, last - 1))
    shots = [session.take() for _ in range(3)]
    assert [shot.frame for shot in shots] == [last - 1, last, last - 1]
    assert all(shot.clip is idle for shot in shots)
    session.say("Yes.")
    speech = session.take()
    assert speech.clip is not idle
    assert np.abs(speech.clip.keypoints[0] - idle.keypoints[last - 2]).max() < 1
    session.interrupt()
    assert any(session.take().clip is idle for _ in range(200))
