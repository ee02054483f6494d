"""A turn of speech in a live session: rows of visemes and their sound, until they are shown."""

from collections import deque

import numpy as np

from ..speech.visemes import SILENCE


class Turn:
    """What is known of somebody's speech and not shown yet; either part may run ahead."""

    def __init__(self) -> None:
        self.rows: deque[np.ndarray] = deque()
        self.samples = 0
        """How much sound waits."""
        self.begun = False
        """Whether a frame of it was shown."""
        self.ended = False
        """Whether nothing more comes."""
        self._sound: deque[np.ndarray] = deque()

    def add(self, rows: np.ndarray, sound: np.ndarray) -> None:
        """Go on with rows (n, 34) and sound (m,) float32."""
        self.rows.extend(rows)
        self.samples += len(sound)
        if len(sound):
            self._sound.append(np.array(sound, np.float32))

    def take_sound(self, samples: int) -> np.ndarray:
        """The next samples (n,), silence where there are no more."""
        taken, done = np.zeros(samples, np.float32), 0
        while done < samples and self._sound:
            piece = self._sound.popleft()
            part = piece[: samples - done]
            taken[done : done + len(part)] = part
            done += len(part)
            if len(part) < len(piece):
                self._sound.appendleft(piece[len(part) :])
        self.samples -= done
        return taken

    def split(self, samples: int) -> "Turn":
        """End it with the rows and the samples that are known; what comes goes to a new one."""
        later = Turn()
        kept = self.take_sound(min(samples, self.samples))
        later._sound, later.samples = self._sound, self.samples
        self._sound, self.samples = deque([kept]), len(kept)
        self.ended = True
        return later

    def faded(self, shown: np.ndarray, frames: int, samples: int) -> "Turn":
        """A turn that is over in a few frames: mouth and sound fade from what is said now.

        Args:
            shown: (34,) the mouth of the frame before, which goes on where no row is known.
            frames: how many.
            samples: how much sound belongs to them.
        """
        rows = [*self.rows][:frames] or [shown]
        rows += rows[-1:] * (frames - len(rows))
        share = 1 - (np.arange(frames, dtype=np.float32)[:, None] + 1) / (frames + 1)
        fading = Turn()
        fading.add(
            SILENCE + share * (np.stack(rows) - SILENCE),
            self.take_sound(samples) * np.linspace(1, 0, samples, dtype=np.float32),
        )
        fading.begun = fading.ended = True
        return fading
