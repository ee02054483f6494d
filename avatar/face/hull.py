"""The convex hull of seen points, and a smooth way into it.

A new point becomes a mean of seen ones (a locally linear one, as GeneFace++ makes for landmarks):
weights that are not negative and sum to 1, large for near points, so that the result lies in the
hull. They are not those of the K nearest, which would jump when the nearest change, but minimise

    |x - sum w e|^2 / 2s  +  sum w |x - e|^2 / 2h^2  +  sum w log w,

the distance that is left, the distance of the points used, and an entropy that spreads the weights
(local maximum-entropy weights, Arroyo and Ortiz 2006, with the constraint made soft by s). The
minimum is unique and smooth in x wherever x is: inside the hull the result is x but for a trace,
outside it is the nearest point of the hull. Two results are never further apart than 1 + s / h^2
times their two points, so what moves smoothly into the hull moves smoothly in it.
"""

import numpy as np

WIDTH = 0.2
"""h: how far seen points are taken from, as a share of their spread."""
SLACK = 0.004
"""s / h^2: how much motion can grow."""
THIN = 0.02
"""Directions in which the points spread less than this, in their unit, are left out of weights."""
STAGES, SHRINKING = 6, 5.0
STEPS, HALVINGS = 60, 30
TOLERANCE = 1e-3


class Hull:
    """All weighted means of some points."""

    def __init__(self, points: np.ndarray, thin: float = THIN):
        """Take (S, D) points, S > 0; ``thin`` as ``THIN``."""
        self.points = np.float64(points)
        self._middle = self.points.mean(axis=0)
        away = self.points - self._middle
        _, lengths, axes = np.linalg.svd(away, full_matrices=False)
        wide = lengths > thin * np.sqrt(len(away))
        self._axes = axes[wide].T  # (D, d)
        self._seen = away @ self._axes  # (S, d)
        spread = np.sqrt((self._seen**2).sum(axis=1).mean())
        self._width = max(WIDTH * float(spread), thin)

    def weights(self, x: np.ndarray) -> np.ndarray:
        """Weights of the points for new points (T, D): (T, S), not negative, each row of sum 1."""
        x = (np.float64(x) - self._middle) @ self._axes / self._width
        seen = self._seen / self._width
        return _entropic_weights(seen, x)

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Exact distance of new points (T, D) from the hull, (T,): 0 inside."""
        from scipy.optimize import nnls

        heavy = 1e3 * max(float(np.abs(self.points - self._middle).max()), 1e-6)
        sides = np.vstack([(self.points - self._middle).T, np.full(len(self.points), heavy)])
        return np.array([nnls(sides, np.append(row, heavy))[1] for row in x - self._middle])


def _entropic_weights(seen: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The minimum, lengths in units of h.

    With little slack the way there is crooked for far points, so it is approached in stages, from
    much slack, where each stage begins with the mean that the last one found.
    """
    mean = np.zeros_like(x)
    for slack in SLACK * SHRINKING ** np.arange(STAGES - 1, -1, -1):
        weights = _minimum(seen, (1 + slack) * x, ((1 + slack) * x - mean) / slack, slack)
        mean = weights @ seen
    return weights


def _minimum(seen: np.ndarray, target: np.ndarray, theta: np.ndarray, slack: float) -> np.ndarray:
    """Weights (T, S) by Newton's method in the dual, with as many unknowns as dimensions.

    They are exp(theta e - e^2 / 2), normalised, where theta minimises
    log sum exp(theta e - e^2 / 2) + slack theta^2 / 2 - target theta.
    """
    value, weights = _dual(theta, target, seen, slack)
    live = np.arange(len(target))
    for _ in range(STEPS):
        mean = weights[live] @ seen
        gradient = mean + slack * theta[live] - target[live]
        moving = np.abs(gradient).max(axis=1, initial=0) > TOLERANCE
        live, mean, gradient = live[moving], mean[moving], gradient[moving]
        if not len(live):
            break
        second = np.einsum("ts,si,sj->tij", weights[live], seen, seen, optimize=True)
        curve = second - mean[:, :, None] * mean[:, None] + slack * np.eye(target.shape[1])
        step = -np.linalg.solve(curve, gradient[..., None])[..., 0]
        slope = (gradient * step).sum(axis=1)
        share = np.ones(len(live))
        for _ in range(HALVINGS):
            moved = theta[live] + share[:, None] * step
            lower, tried = _dual(moved, target[live], seen, slack)
            worse = lower > value[live] + 1e-4 * share * slope + 1e-9 * np.abs(value[live])
            if not worse.any():
                break
            share[worse] /= 2
        theta[live], value[live], weights[live] = moved, lower, tried
    return weights


def _dual(
    theta: np.ndarray, target: np.ndarray, seen: np.ndarray, slack: float
) -> tuple[np.ndarray, np.ndarray]:
    """Value (T,) and weights (T, S) at ``theta`` (T, d)."""
    powers = theta @ seen.T - (seen**2).sum(axis=1) / 2
    top = powers.max(axis=1, keepdims=True)
    weights = np.exp(powers - top)
    total = weights.sum(axis=1, keepdims=True)
    value = (top + np.log(total))[:, 0] + slack / 2 * (theta**2).sum(axis=1)
    return value - (theta * target).sum(axis=1), weights / total
