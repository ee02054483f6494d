"""Training the network behind ``MouthSync`` on a capture's exact keypoints and sound.

    nice python -m avatar.training.mouth_sync CAPTURE OUT.safetensors [FOLDER OF FILMS ...]

Takes minutes on a CPU. A stretch of a mouth is compared with its sound at 31 shifts, and the true
one is to win. One speaker with one voice is seen, so voices, rooms and faces are varied: speed,
size of the head, noise; how lips couple, how far they close, how they are tracked.
The metadata tell how well it does on takes that it has never seen, and on films.
"""

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn import functional as F

from ..capture.layout import Capture, Take
from ..errors import CaptureError
from ..files import replacing
from ..metrics.mouth_sync import (
    FPS,
    MOST,
    MOUTH_CHANNELS,
    SOUND_CHANNELS,
    MouthSync,
    fit_sound,
    mouth_shape,
    normal_mouth,
    normal_sound,
    sound_bands,
)
from ..metrics.mouth_sync_accuracy import HELD_OUT, measure
from ..nets.mouth_sync import MouthSyncNet, agreements
from ..timing import SAMPLE_RATE

log = logging.getLogger(__name__)

Example = tuple[np.ndarray, np.ndarray]
"""Bands (T, 96) in dB and mouth (T, 7)."""


@dataclass(frozen=True)
class MouthSyncTraining:
    """How the network is trained."""

    steps: int = 1_200
    batch: int = 24
    learning_rate: float = 2e-3
    voices: int = 8
    """Varied readings of each take."""
    frames: int = 110
    """Of a stretch."""
    windows: tuple[int, ...] = (10, 25, 50)
    """Frames over which agreement is averaged before shifts are compared."""
    near: float = 0.1
    """What a shift of one frame either way is right by: the lips' lead differs by sound."""
    slowest: float = 0.75
    fastest: float = 1.3
    """Speed of voice and mouth, pitch with it."""
    head: float = 1.18
    """Largest factor by which all frequencies are moved either way, speed apart."""
    noise_db: tuple[float, float] = (5.0, 40.0)
    """Speech over noise."""
    seed: int = 0


def varied_voice(
    take: Take, training: MouthSyncTraining, random: np.random.Generator
) -> Example:
    """A take as said faster or slower, by a larger or smaller head, in noise."""
    mouth = mouth_shape(take.arrays["landmarks3d_canonical"])
    speed = random.uniform(training.slowest, training.fastest)
    sound = soxr.resample(take.sound, SAMPLE_RATE * speed, SAMPLE_RATE)
    frames = int(len(sound) * FPS / SAMPLE_RATE)
    at = (np.arange(frames) + 0.5) * speed - 0.5
    mouth = np.stack([np.interp(at, np.arange(len(mouth)), column) for column in mouth.T], axis=1)
    noise = gaussian_filter1d(random.normal(size=len(sound)), random.uniform(0.1, 3))
    level = 10 ** (-random.uniform(*training.noise_db) / 20)
    sound = sound + noise / noise.std() * sound.std() * level
    warp = np.exp(random.uniform(-1, 1) * np.log(training.head))
    return sound_bands(fit_sound(sound, frames), warp), mouth


def varied_mouth(mouth: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A stretch of a mouth (T, 7) as another person's, and as a detector sees it."""
    mouth, spread = mouth.copy(), mouth.std(axis=0) + 1e-4
    if random.random() < 0.7:
        # Mira's lip points pass each other when lips press; those of others, and MediaPipe's, meet.
        for opening in (0, 1):
            least = np.quantile(mouth[:, opening], random.uniform(0, 0.45))
            softness = spread[opening] * random.uniform(0.02, 0.3)
            mouth[:, opening] = least + softness * np.logaddexp(
                0, (mouth[:, opening] - least) / softness
            )
    if random.random() < 0.5:
        mouth = gaussian_filter1d(mouth, random.uniform(0.3, 1.3), axis=0)
    frames, channels = mouth.shape
    coupling = random.normal(0, 0.15, (channels, channels)) * spread / spread[:, None]
    mouth = mouth @ (np.eye(channels) + coupling)
    tremble = random.normal(size=mouth.shape) * random.uniform(0, 0.5)
    drift = gaussian_filter1d(random.normal(size=mouth.shape), 6, axis=0) * random.uniform(0, 3)
    return mouth + (tremble + drift) * spread


def batches(
    examples: list[Example], training: MouthSyncTraining, random: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Stretches drawn at random: sounds (B, T, 96) and mouths (B, T, 7), as the network sees."""
    length = training.frames
    while True:
        sounds, mouths = [], []
        for _ in range(training.batch):
            bands, mouth = examples[random.integers(len(examples))]
            start = random.integers(len(mouth) - length + 1)
            sounds.append(normal_sound(bands[start : start + length]))
            mouths.append(normal_mouth(varied_mouth(mouth[start : start + length], random)))
        yield torch.from_numpy(np.stack(sounds)), torch.from_numpy(np.stack(mouths))


def shift_loss(
    network: MouthSyncNet, sound: Tensor, mouth: Tensor, window: int, near: float
) -> Tensor:
    """Cross-entropy of which of 31 shifts is true, over windows of a batch."""
    rows = agreements(*network(sound, mouth), MOST)[:, :, MOST:-MOST]
    logits = F.avg_pool1d(rows, window, stride=5) * network.sharpness.exp()
    target = torch.zeros(2 * MOST + 1)
    target[MOST - 1 : MOST + 2] = torch.tensor((near, 1 - 2 * near, near))
    return -(logits.log_softmax(dim=1) * target[:, None]).sum(dim=1).mean()


def train(capture: Capture, training: MouthSyncTraining) -> MouthSyncNet:
    """Train from the beginning; the same every time.

    Raises:
        CaptureError: if no take is as long as a stretch.
    """
    torch.manual_seed(training.seed)
    random = np.random.default_rng(training.seed)
    silent = capture.listening | set(HELD_OUT)
    takes = [take for take in capture.takes if not take.held_out and take.name not in silent]
    examples = [
        example for take in takes for _ in range(training.voices)
        if len((example := varied_voice(take, training, random))[1]) >= training.frames
    ]  # fmt: skip
    if not examples:
        raise CaptureError(f"The capture {capture.folder} has no take to train on.")
    network = MouthSyncNet(SOUND_CHANNELS, MOUTH_CHANNELS)
    optimiser = torch.optim.AdamW(network.parameters(), training.learning_rate, weight_decay=0.02)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.learning_rate, training.steps)
    for step, (sound, mouth) in zip(
        range(training.steps), batches(examples, training, random), strict=False
    ):
        loss = shift_loss(
            network, sound, mouth, int(random.choice(training.windows)), training.near
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        if step % 50 == 0:
            log.info("step %d of %d: loss %.3f", step, training.steps, loss.item())
    return network.eval()


def save(path: Path, network: MouthSyncNet, metadata: dict[str, str]) -> None:
    """Write weights whole or not at all."""
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary, metadata)


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("out", type=Path, help="safetensors to write")
    parser.add_argument("films", type=Path, nargs="*", help="folders of films to measure on")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    capture, training = Capture.load(arguments.capture), MouthSyncTraining()
    network = train(capture, training)
    metadata = {
        "subject": capture.subject, "held_out": ", ".join(HELD_OUT),
        "config": json.dumps(asdict(training)), "accuracy": "{}",
    }  # fmt: skip
    save(arguments.out, network, metadata)
    accuracy = measure(MouthSync(arguments.out), capture, arguments.films)
    save(arguments.out, network, metadata | {"accuracy": json.dumps(accuracy)})
    print(json.dumps(accuracy, indent=2))


if __name__ == "__main__":
    main()
