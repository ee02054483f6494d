"""Blind votes: whose renders are shown in pairs, who has voted on what, and who is ahead.

A folder has one subfolder for each method and the same file names in each; votes are appended to
``votes.csv`` in it, a line a vote.
"""

import csv
import io
import math
import random
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path

from ..errors import AvatarError

FILE = "votes.csv"
COLUMNS = ("time", "clip", "left", "right", "choice", "session")
CHOICES = ("left", "right", "none")
SESSION = re.compile("[0-9a-f]{32}")
TYPES = (".mp4", ".webm", ".mov", ".m4v")
Z_95 = 1.959964
"""Standard deviations on both sides of the mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Pair:
    """Two renders of one clip, by method, as they lie beside each other."""

    clip: str
    left: str
    right: str

    @property
    def sides(self) -> tuple[str, frozenset[str]]:
        """The same pair whichever is left."""
        return self.clip, frozenset((self.left, self.right))


@dataclass(frozen=True)
class Vote:
    """A line of the file; everything that is kept."""

    time: str
    clip: str
    left: str
    right: str
    choice: str
    """"left", "right", or "none" for no difference."""
    session: str
    """A random number of a browser."""

    @property
    def pair(self) -> Pair:
        """What the vote is about."""
        return Pair(self.clip, self.left, self.right)


@dataclass(frozen=True)
class Score:
    """How two methods compare."""

    method: str
    against: str
    wins: int
    losses: int
    no_difference: int
    share: float | None
    """Of the votes that were decided, those that the method won; None where there are none."""
    low: float
    high: float
    """95 % interval of the share (Wilson), as if every vote were another person's."""

    def __str__(self) -> str:
        votes = f"{self.method} {self.wins}, {self.against} {self.losses}"
        votes += f", no difference {self.no_difference}"
        if self.share is None:
            return f"{votes}: nothing is decided yet"
        return (
            f"{votes}: {self.method} wins {self.share:.0%} of the decided votes, "
            f"95 % interval {self.low:.0%} to {self.high:.0%}"
        )


class Poll:
    """The pairs of a folder and the votes on them.

    Args:
        folder: one subfolder for each method, the same file names in each.

    Raises:
        AvatarError: if there are no two methods with a file of the same name.
    """

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise AvatarError(f"The folder {folder} does not exist.")
        self.folder, self.file = folder, folder / FILE
        self.clips = {
            method.name: {f.name for f in method.iterdir() if f.suffix.lower() in TYPES}
            for method in sorted(folder.iterdir())
            if method.is_dir() and not method.name.startswith(".")
        }
        """The files of each method."""
        self.pairs = [
            Pair(clip, *methods)
            for methods in combinations(self.clips, 2)
            for clip in sorted(self.clips[methods[0]] & self.clips[methods[1]])
        ]
        if not self.pairs:
            raise AvatarError(
                f"{folder} needs two or more subfolders, one a method, with videos (MP4) of the "
                "same names in each."
            )

    def next(self, session: str) -> Pair | None:
        """A pair that a session has not voted on, in random order; None if there is no more."""
        done = self._done(session)
        left = [pair for pair in self.pairs if pair.sides not in done]
        if not left:
            return None
        pair = random.choice(left)
        return Pair(pair.clip, *random.sample((pair.left, pair.right), 2))

    def progress(self, session: str) -> tuple[int, int]:
        """How many pairs a session has voted on, and how many there are."""
        done = self._done(session)
        return sum(pair.sides in done for pair in self.pairs), len(self.pairs)

    def vote(self, pair: Pair, choice: str, session: str) -> None:
        """Append a vote.

        Raises:
            AvatarError: if it is none, or this session has voted on the pair before.
        """
        import fcntl  # which Windows has not; the rest of the page goes without

        if choice not in CHOICES or not SESSION.fullmatch(session or ""):
            raise AvatarError("This is no vote: please open the page again.")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        vote = Vote(now, pair.clip, pair.left, pair.right, choice, session)
        with self.file.open("a+", newline="", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed: other servers may have it too
            file.seek(0)
            text = file.read()
            if pair.sides in {v.pair.sides for v in _parse(text) if v.session == session}:
                raise AvatarError("You have voted on these two already.")
            line = io.StringIO()
            writer = csv.writer(line, lineterminator="\n")
            if not text:
                writer.writerow(COLUMNS)
            elif not text.endswith("\n"):
                line.write("\n")  # somebody's editor, or a full disk
            writer.writerow(astuple(vote))
            file.write(line.getvalue())

    def votes(self) -> list[Vote]:
        """All votes so far."""
        try:
            return _parse(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []

    def _done(self, session: str) -> set[tuple[str, frozenset[str]]]:
        return {vote.pair.sides for vote in self.votes() if vote.session == session}


def tally(votes: Iterable[Vote]) -> list[Score]:
    """Count who wins against whom, each two methods once, the one that is ahead first."""
    counts: dict[frozenset[str], dict[str, int]] = {}
    for vote in votes:
        count = counts.setdefault(
            frozenset((vote.left, vote.right)), {vote.left: 0, vote.right: 0, "": 0}
        )
        count[{"left": vote.left, "right": vote.right}.get(vote.choice, "")] += 1
    scores = []
    for count in counts.values():
        ties = count.pop("")
        (winner, wins), (other, losses) = sorted(count.items(), key=lambda m: (-m[1], m[0]))
        decided = wins + losses
        share = wins / decided if decided else None
        scores.append(Score(winner, other, wins, losses, ties, share, *wilson(wins, decided)))
    return sorted(scores, key=lambda score: (score.method, score.against))


def wilson(wins: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); 0 to 1 where nothing is known."""
    if not of:
        return 0.0, 1.0
    share, z2 = wins / of, Z_95**2
    middle = share + z2 / (2 * of)
    half = Z_95 * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return max((middle - half) / (1 + z2 / of), 0.0), min((middle + half) / (1 + z2 / of), 1.0)


def _parse(text: str) -> list[Vote]:
    """Votes of a file; lines that are none are left out."""
    return [
        Vote(*(line[name] for name in COLUMNS))
        for line in csv.DictReader(io.StringIO(text))
        if line.get("choice") in CHOICES and all(line.get(name) for name in COLUMNS)
    ]
