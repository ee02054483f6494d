"""How fast the product is on this machine, how much memory it takes, and what speed costs.

    python -m avatar benchmark --identity mira --json benchmark.json
    python -m avatar benchmark --parts long --seconds 1800

Everything is measured after a warm-up, in one process and one run, and what is compared takes
turns: ratios are more to be trusted than figures of two runs on a busy machine.
"""

from .machine import machine
from .run import PARTS, USUAL, benchmark
from .text import as_markdown

__all__ = ["PARTS", "USUAL", "as_markdown", "benchmark", "machine"]
