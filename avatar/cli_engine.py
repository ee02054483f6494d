"""The verbs about what renders: benchmark, export."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .cli_common import add_identity, add_progress, progress_of, verb

USUAL = "video", "stages", "live", "engines", "peers", "gpu"
PARTS = *USUAL, "long"
"""Of a benchmark; named here, too, since the command line must be there at once."""


def add_verbs(verbs: Any) -> None:
    """Add them to the parser."""
    _add_benchmark(verbs)
    _add_export(verbs)


def _add_benchmark(verbs: Any) -> None:
    parser = verb(
        verbs, "benchmark", _benchmark,
        "Measure this machine: sound to MP4, each stage of it, live sessions, engines side by side "
        "with what they lose, other networks, and how near a GPU comes to its limits. Markdown "
        "comes out; some minutes on two cores.",
    )  # fmt: skip
    add_identity(parser, "--identity", default="mira")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the spoken clip")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=USUAL,
                        help="measure these alone; long: one video of all the seconds (make it "
                        "1800), tenth by tenth")  # fmt: skip
    add_progress(parser)


def _benchmark(options: argparse.Namespace) -> dict[str, Any]:
    from .benchmark import as_markdown, benchmark
    from .identity import load_identity

    identity = load_identity(options.identity, options.revision)
    with progress_of(options) as progress:
        result = benchmark(identity, options.seconds, options.parts, progress)
    print(as_markdown(result))
    return result


def _add_export(verbs: Any) -> None:
    parser = verb(
        verbs, "export", _export,
        "Write an identity's network as ONNX, float32 with a free batch size: drawing (batch, 512, "
        "512) uint8 and window (batch, frames, features) float32 to picture (batch, 512, 512, 3) "
        "uint8 RGB. It is run in ONNX Runtime beside PyTorch, and kept only if it draws the same. "
        "For TensorRT: trtexec --onnx=FILE --fp16 --minShapes=... --saveEngine=...; the whole line "
        "is printed (no TensorRT was at hand to run it).",
        writes=("out",),
    )  # fmt: skip
    add_identity(parser, "identity")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")


def _export(options: argparse.Namespace) -> dict[str, Any]:
    from .export import export
    from .identity import load_identity

    made = export(load_identity(options.identity, options.revision), options.out)
    print(f"{made.path}: in ONNX Runtime, {100 * made.differing:.3f} % of the values differ from "
          f"PyTorch's, by {made.max_difference} of 255 at most")  # fmt: skip
    print(made.trtexec)
    return asdict(made) | {"path": str(made.path)}
