"""Blind votes: pairs, the file, the count, and what the page lets a browser know."""

import csv
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest

from avatar.cli import main
from avatar.errors import AvatarError
from avatar.ui.blind import Handlers, Stage
from avatar.ui.votes import COLUMNS, Pair, Poll, Vote, tally, wilson

ME, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def folder(ballots, tmp_path) -> Path:
    ignore = shutil.ignore_patterns("votes.csv")
    return shutil.copytree(ballots, tmp_path / "votes", ignore=ignore)


@pytest.fixture
def stage(folder):
    stage = Stage(Poll(folder))
    yield stage
    stage.close()


def test_pairs_are_the_clips_that_two_methods_have(folder):
    assert Poll(folder).pairs == [
        Pair("bye, all.mp4", "mira", "nvp"), Pair("hello.mp4", "mira", "nvp")
    ]  # fmt: skip


def test_each_session_votes_once_on_each_pair_in_any_order(folder):
    poll, seen = Poll(folder), []
    for session in (ME, OTHER):
        while pair := poll.next(session):
            poll.vote(pair, "left", session)
            seen.append(pair.sides)
    assert Counter(seen) == Counter(pair.sides for pair in poll.pairs * 2)
    assert poll.progress(ME) == (2, 2) and poll.progress("c" * 32) == (0, 2)
    swapped = Pair("hello.mp4", "nvp", "mira")
    with pytest.raises(AvatarError, match="already"):
        poll.vote(swapped, "right", ME)
    assert len(poll.votes()) == 4


def test_order_and_sides_are_random(folder):
    poll = Poll(folder)
    assert len({poll.next(ME) for _ in range(60)}) == 4


def test_a_line_a_vote_and_nothing_else(folder):
    poll = Poll(folder)
    poll.vote(Pair("bye, all.mp4", "nvp", "mira"), "none", ME)
    poll.vote(Pair("hello.mp4", "mira", "nvp"), "right", ME)
    with poll.file.open(newline="") as file:
        first, second, third = csv.reader(file)
    assert tuple(first) == COLUMNS == ("time", "clip", "left", "right", "choice", "session")
    assert second[1:] == ["bye, all.mp4", "nvp", "mira", "none", ME]
    assert third[1:] == ["hello.mp4", "mira", "nvp", "right", ME] and third[0].endswith("+00:00")


def test_a_torn_line_spoils_no_other(folder):
    poll = Poll(folder)
    poll.vote(Pair("hello.mp4", "mira", "nvp"), "left", ME)
    with poll.file.open("a") as file:
        file.write("2026-01-01T00:00:00+00:00,hello")
    poll.vote(Pair("bye, all.mp4", "mira", "nvp"), "left", ME)
    assert [vote.clip for vote in poll.votes()] == ["hello.mp4", "bye, all.mp4"]


def test_many_vote_at_once(folder):
    poll, pair = Poll(folder), Pair("hello.mp4", "mira", "nvp")
    sessions = [f"{n:032x}" for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda session: poll.vote(pair, "right", session), sessions))
    assert sorted(vote.session for vote in poll.votes()) == sessions
    assert len(poll.file.read_text().splitlines()) == 41


@pytest.mark.parametrize(("choice", "session"), [("both", ME), ("left", "me"), ("left", "a,b\n")])
def test_what_is_no_vote_is_refused(folder, choice, session):
    poll = Poll(folder)
    with pytest.raises(AvatarError, match="no vote"):
        poll.vote(poll.pairs[0], choice, session)
    assert not poll.file.exists()


def test_bad_folders_are_one_sentence(folder, tmp_path, capsys):
    with pytest.raises(AvatarError, match="does not exist"):
        Poll(tmp_path / "nowhere")
    shutil.rmtree(folder / "nvp")
    with pytest.raises(AvatarError, match="two or more subfolders"):
        Poll(folder)
    assert main(["votes", str(folder)]) == 1
    assert capsys.readouterr().err.startswith("avatar: ")
    for method in ("mira", "nvp"):
        (folder / method).mkdir(exist_ok=True)
        (folder / method / "bad.mp4").write_text("no video")
    with pytest.raises(AvatarError, match="bad.mp4 is not a video"):
        Stage(Poll(folder))


def test_the_count_has_wins_and_an_interval(folder, capsys):
    def vote(choice: str, n: int, left: str = "mira", right: str = "nvp") -> list[Vote]:
        return [Vote("t", "c", left, right, choice, f"{i}") for i in range(n)]

    votes = vote("left", 8) + vote("right", 4, "nvp", "mira") + vote("right", 3) + vote("none", 2)
    (score,) = tally(votes)
    assert (score.method, score.wins, score.losses, score.no_difference) == ("mira", 12, 3, 2)
    assert (score.low, score.high) == pytest.approx((0.5481, 0.9295), abs=1e-4)
    assert "mira wins 80% of the decided votes, 95 % interval 55% to 93%" in str(score)
    (tied,) = tally(vote("none", 1))
    assert tied.share is None and "nothing is decided" in str(tied)
    poll = Poll(folder)
    poll.vote(poll.pairs[0], "left", ME)
    assert main(["votes", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("mira 1, nvp 0, no difference 0: mira wins 100%")


@pytest.mark.parametrize(
    ("wins", "of", "interval"),
    # statsmodels.stats.proportion.proportion_confint(wins, of, method="wilson")
    [(0, 10, (0.0, 0.27753)), (5, 10, (0.23659, 0.76341)), (81, 100, (0.72224, 0.87485)),
     (0, 0, (0, 1))],
)  # fmt: skip
def test_wilson(wins, of, interval):
    assert wilson(wins, of) == pytest.approx(interval, abs=1e-4)


def test_copies_tell_no_method(stage, folder):
    copies = list(stage.folder.iterdir())
    assert len(copies) == 4  # what one method alone has is not shown
    for path in copies:
        data = path.read_bytes().lower()
        assert b"mira" not in data and b"nvp" not in data and data[4:8] == b"ftyp"
        assert "mira" not in path.name and "hello" not in path.name
    stage.close()
    assert not stage.folder.exists()


def test_the_page_goes_from_pair_to_thanks(stage):
    handlers = Handlers(stage)
    pair, *videos, both, line = handlers.next(ME)
    assert [Path(v) for v in videos] == [
        stage.video(pair.left, pair.clip), stage.video(pair.right, pair.clip)
    ]  # fmt: skip
    assert both["visible"] and "1 of 2" in line
    second = handlers.vote(pair, "left", ME)
    assert "2 of 2" in second[4] and second[0].clip != pair.clip
    with pytest.raises(gr.Error, match="already"):
        handlers.vote(pair, "left", ME)
    last = handlers.vote(second[0], "none", ME)
    assert last[0] is None and not last[3]["visible"] and "Thank you" in last[4]
    with pytest.raises(gr.Error, match="nothing to vote on"):
        handlers.vote(None, "left", ME)
