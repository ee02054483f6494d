"""The lite renderer learns to draw what the renderer draws; no footage is needed.

python -m avatar distill mira --run runs/lite --minutes 75

It is shown the heads of the identity's clips, and those that its renderer was trained on, saying
what voices say in ``SPEECH``: heads and words that never went together, as in mashed pairs (paper,
section 3.3).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import AvatarError
from ..face.drawing import SIZE, draw
from ..hub import Progress
from ..identity import Identity, digest
from ..identity_saving import check_own, save_lite
from ..nets.lite import Lite
from ..nets.pixels import signed, unit
from ..render.engine import make_engine
from ..speech.features import Visemes
from ..speech.speech import Speech
from ..speech.visemes import windows
from .dataset import grid
from .losses import gradient_loss, smooth_l1
from .schedule import Schedule
from .trainer import Trainer

LITE = "lite"
MOUTH = 4.0
"""How much more than others the pixels of the mouth box count."""
LATENT = 0.1
"""How much it counts that the short way into the network gives what the long one does."""
SCHEDULE = Schedule(30_000, batch=2, learning_rate=1e-3)
"""Of Mira, 500 steps gave 36.6 dB to the renderer, 1,500 40.5, and 23,500, in 75 minutes of one
core, 44.9."""
STRENGTHS = (0.5, 1.0, 1.5)
"""How far the mouth moves, of how far it moves."""
VOICES = ("en-us+f3", "en-us+m3")
SPEECH = (
    "Five brave foxes jump over the big blue boat. My mother bought a warm brown coat. "
    "The weather was rather cold this morning, though you would hardly have thought so. "
    "She said that the judge had shown a vision of measure and pleasure. Who chose the new "
    "shoes? We all know how a young boy enjoys his toys. Zebras use their ears. Thank you. "
    "He put good food in the wood. Bring the long ring, and sing a song. Oh, no! Yes, please."
)
"""Every sound of English, beside every other kind."""


def distill(
    identity: Identity, run: Path, minutes: float | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Teach a lite renderer and put it into the identity's bundle.

    Args:
        identity: whose renderer teaches.
        run: folder of the training's state; an earlier one goes on.
        minutes: how long, earlier sessions included; None for the steps of ``SCHEDULE``.
        progress: told "distill", how many hundredths are done, and 100.

    Returns:
        The file, how many steps it took, and how many hours, as plain values.

    Raises:
        AvatarError: if the folder holds another training, the bundle cannot be written to, or the
            renderer has no mouth decoder.
    """
    if not identity.config.network.mouth_decoder:
        raise AvatarError("A lite renderer can be taught by one with a mouth decoder alone.")
    check_own(identity)
    trainer = Distiller(identity, run, SCHEDULE)

    def tell(share: float) -> None:
        if progress:
            progress("distill", round(100 * share), 100)

    trainer.train(tell, None if minutes is None else 60 * minutes)
    path = save_lite(identity, trainer.average.module.cpu())
    return {"path": str(path), "steps": trainer.step, "hours": trainer.seconds / 3600}


class Distiller(Trainer):
    """One training of a lite renderer, in a folder.

    Args:
        identity: whose renderer teaches.
        run: folder of the run.
        schedule: how long and how fast.
    """

    def __init__(self, identity: Identity, run: Path, schedule: Schedule):
        torch.manual_seed(schedule.seed)
        lite = Lite(identity.config.network)
        lite.start_from(identity.renderer)
        whole = "torch" if torch.cuda.is_available() else "openvino"
        self.identity, self.teacher = identity, make_engine(identity, whole)
        self.heads = heads(identity)
        self.said = said(identity)
        x, y, w, h = identity.config.network.mouth_box
        weight = torch.ones(1, 1, SIZE, SIZE)
        weight[..., y : y + h, x : x + w] += MOUTH
        taught_by = {"teacher": identity.name, "weights": digest(identity.renderer)}
        super().__init__(run, schedule, {LITE: lite}, taught_by)
        self.weight = weight.to(self.device)

    def batch(self, step: int) -> dict[str, Tensor]:
        """Heads and words at random, and what the teacher makes of them."""
        random = np.random.default_rng((self.schedule.seed, step))
        drawings, windows = [], []
        for _ in range(self.schedule.batch):
            head = self.heads[int(random.integers(len(self.heads)))]
            drawings.append(draw(*head, self.identity.config.style))
            windows.append(self.said[int(random.integers(len(self.said)))])
        return self._lesson(np.stack(drawings), np.stack(windows))

    def _lesson(self, drawings: np.ndarray, windows: np.ndarray) -> dict[str, Tensor]:
        latents = self.teacher.encode(drawings)
        arrays = {
            "drawing": drawings[:, None], "window": windows, "latent": latents,
            "picture": self.teacher.decode(latents, windows).transpose(0, 3, 1, 2),
        }  # fmt: skip
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Come nearer to the teacher's pictures."""
        truth = signed(batch["picture"])
        with self.autocast():
            picture, latent = self.networks[LITE](unit(batch["drawing"]), batch["window"])
        picture = picture.float()
        losses = {
            "picture": smooth_l1(picture, truth, self.weight),
            "edges": gradient_loss(picture, truth, self.weight),
            "latent": LATENT * F.smooth_l1_loss(latent.float(), batch["latent"]),
        }
        self.optimise(LITE, sum(losses.values()))
        return {name: loss.detach() for name, loss in losses.items()}

    def samples(self) -> np.ndarray:
        """The teacher's pictures over the learner's."""
        batch = self.batch(-1 % 2**32)
        pictures = self.average.module(unit(batch["drawing"]).to(self.device),
                                       batch["window"].to(self.device))[0]  # fmt: skip
        return grid(list(zip(signed(batch["picture"]), pictures.float().cpu(), strict=True)))


def heads(identity: Identity) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Keypoints, irises and contours, as ``draw`` takes them, of all clips and seen drawings."""
    sources = [*identity.clips.values(), *filter(None, [identity.seen()])]
    return [head for s in sources for head in zip(s.keypoints, s.irises, s.contour, strict=True)]


def said(identity: Identity) -> np.ndarray:
    """(N, window, k) float32: windows of what two voices say and of what is said in the clips."""
    network, kind, fps = identity.config.network, identity.config.features, identity.config.fps
    rows = [clip.features for clip in identity.clips.values()
            if clip.features is not None and clip.features.shape[1] == network.k]  # fmt: skip
    for voice in VOICES:
        speech = Speech.from_text(SPEECH, fps, voice)
        if isinstance(kind, Visemes):
            rows += [speech.track.scaled(strength).values for strength in STRENGTHS]
        else:
            rows.append(kind.of(speech.sound, fps))
    return np.concatenate([windows(values, network.window, kind.silence) for values in rows])
