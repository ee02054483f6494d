"""Engines side by side: how fast each is, and how far its pictures are from the exact network's."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from ..baselines.speed import call_times, turns
from ..errors import RenderError
from ..identity import Identity
from ..metrics.image import Box, crop, decibels
from ..nets.renderer import SIZE
from ..render.engine import ENGINES, Engine, make_engine
from ..render.gpu import GpuEngine
from .stand import Stand

JUDGED = 16
"""Frames whose pictures are compared, spread over all clips and the whole speech."""
LARGER = 4
"""A call of so many batches may be faster still."""


def engines_of(identity: Identity) -> Iterator[Engine]:
    """The exact network first, then each engine that runs here."""
    yield (exact := GpuEngine(identity.renderer, "cpu", torch.float32))
    for kind in ENGINES:
        if kind == "auto":
            continue
        with suppress(RenderError):  # not installed
            engine = make_engine(identity, kind)
            if engine.name != exact.name:
                yield engine
    if torch.cuda.is_available():
        yield GpuEngine(identity.renderer, compiled=True)


def time_engines(stand: Stand) -> list[dict[str, Any]]:
    """The network alone, from bytes to bytes, in turns; a row of plain values for each engine.

    ``ratio`` is to the first, the exact network in PyTorch on the CPU.
    """
    engines = {engine.name: engine for engine in engines_of(stand.identity)}
    drawings, windows = stand.inputs(LARGER * max(engine.batch for engine in engines.values()))
    work: dict[tuple[str, int, str], Callable[[], list[float]]] = {}
    for name, engine in engines.items():
        for batch in sorted({1, engine.batch, LARGER * engine.batch}):
            given, heard = drawings[:batch], windows[:batch]
            work[name, batch, "encode"] = partial(call_times, partial(engine.encode, given))
            latents = engine.encode(given)
            work[name, batch, "decode"] = partial(
                call_times, partial(engine.decode, latents, heard)
            )
            work[name, batch, "both"] = partial(call_times, partial(engine, given, heard))
    found = turns(work)
    losses = {name: loss(engine, stand) for name, engine in engines.items()}
    rows = [_row(name, found) | losses[name] for name in engines]
    return [row | {"ratio": row["fps_best"] / rows[0]["fps_best"]} for row in rows]


def _row(name: str, found: dict[tuple[str, int, str], list[list[float]]]) -> dict[str, Any]:
    """What one engine's turns come to."""
    rates: dict[str, dict[int, float]] = {"encode": {}, "decode": {}, "both": {}}
    for (engine, batch, part), times in found.items():
        if engine == name:
            rates[part][batch] = median(batch * len(each) / sum(each) for each in times)
    single = 1000 * np.concatenate(found[name, 1, "both"])
    best = max(rates["both"], key=lambda batch: rates["both"][batch])
    return {
        "engine": name,
        "fps_batch_1": rates["both"][1],
        "fps_best": rates["both"][best],
        "best_batch": best,
        "encode_fps": rates["encode"][best],
        "decode_fps": rates["decode"][best],
        "p50_ms": float(np.percentile(single, 50)),
        "p95_ms": float(np.percentile(single, 95)),
        "fps_by_batch": {
            part: {str(batch): rate for batch, rate in by_batch.items()}
            for part, by_batch in rates.items()
        },
    }


def loss(engine: Engine, stand: Stand) -> dict[str, float]:
    """PSNR against the exact network's pictures before they are rounded: mean and least, in dB.

    Rounding to bytes alone gives 58.9 dB.
    """
    drawings, windows = judged_frames(stand)
    pictures = engine(drawings, windows)
    exact = exact_pictures(stand.identity, drawings, windows)
    boxes = (0, 0, SIZE, SIZE), stand.identity.config.network.mouth_box
    whole, mouth = (_psnrs(pictures, exact, box) for box in boxes)
    return {
        "psnr": float(whole.mean()), "psnr_least": float(whole.min()),
        "mouth_psnr": float(mouth.mean()), "mouth_psnr_least": float(mouth.min()),
    }  # fmt: skip


def judged_frames(stand: Stand) -> tuple[np.ndarray, np.ndarray]:
    """Drawings of all clips and windows of the whole speech, ``JUDGED`` of them."""
    clips, style = list(stand.identity.clips.values()), stand.identity.config.style
    drawings = []
    for number in range(JUDGED):
        clip = clips[number % len(clips)]
        drawings.append(clip.drawing(number * (len(clip) - 1) // JUDGED, style))
    at = np.linspace(0, len(stand.seen) - 1, JUDGED).round().astype(int)
    return np.stack(drawings), stand.seen[at]


@torch.inference_mode()
def exact_pictures(identity: Identity, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """What the network itself draws in float32: (B, 512, 512, 3), 0 to 255, not rounded."""
    made = []
    for drawing, window in zip(drawings, windows, strict=True):
        lines = torch.from_numpy(drawing)[None, None].expand(-1, 3, -1, -1) / 255
        picture = identity.renderer.head(lines, torch.from_numpy(window[None]))
        made.append((127.5 * (picture + 1)).movedim(1, -1).numpy())
    return np.concatenate(made)


def _psnrs(pictures: np.ndarray, exact: np.ndarray, box: Box) -> np.ndarray:
    pairs = zip(pictures, exact, strict=True)
    return np.array([decibels(np.square(crop(a, box) - crop(b, box)).mean()) for a, b in pairs])
