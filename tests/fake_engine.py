"""An engine that costs nothing, for tests of what stands around the pictures."""

import numpy as np


class QuickEngine:
    """Pictures at once, grey by how open the jaw is."""

    name, batch = "quick", 8

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        level = (255 * np.clip(windows[:, 3, 21], 0, 1)).astype(np.uint8)
        return np.broadcast_to(level[:, None, None, None], (*drawings.shape, 3))
