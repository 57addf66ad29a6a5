"""The ends of the explorer's axes, which hold what is drawn and only ever widen."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from nanonet.explorer.session import Session
from nanonet.network.names import parameter_names
from nanonet.plot.plane import Limits
from nanonet.solve.result import History, Result

# J has run away where it is so many times what it was, or 1.
AWAY = 1e6
# Half of the plane's width about the start, and the farthest that is followed.
NEAR, FAR = 5.0, 60.0


class Frame(NamedTuple):
    """The ends of the axes, which only ever widen while a run goes on."""

    steps: int
    decades: tuple[int, int]
    plane: Limits


def framed(
    session: Session,
    kept: Mapping[str, Result],
    plane: tuple[str, str],
    before: Frame | None = None,
) -> Frame:
    """Axes that hold the run and those kept, and what they held before."""
    histories = [sane(run) for run in (session.result, *kept.values())]
    J = np.concatenate([np.asarray(history.value) for history in histories])
    J = J[J > 0]
    decades = np.log10([J.min(), J.max()]) if J.size else np.zeros(2)
    low, high = math.floor(decades[0]), math.ceil(decades[1])
    steps = max(session.last, *(run.steps for run in (session.result, *kept.values())))
    if before is not None:
        low, high = min(low, before.decades[0]), max(high, before.decades[1])
        steps = max(steps, before.steps)
    names: list[str] = [*parameter_names(session.result.params)]
    axes = [
        _widened(
            np.concatenate(
                [_theta(history)[:, names.index(name)] for history in histories]
            ),
            before and before.plane[axis],
        )
        for axis, name in enumerate(plane)
    ]
    wide = 50 * 2 ** math.ceil(math.log2(max(steps, 50) / 50))
    return Frame(wide, (min(low, high - 1), high), (axes[0], axes[1]))


def _widened(
    points: np.ndarray, before: tuple[float, float] | None
) -> tuple[float, float]:
    low, high = before or (points[0] - NEAR, points[0] + NEAR)
    near = points[np.abs(points - points[0]) < FAR]
    while near.min() < low:
        low -= (high - low) / 4
    while near.max() > high:
        high += (high - low) / 4
    return float(low), float(high)


def sane(run: Result) -> History:
    """The history, as far as J has not run away."""
    history = run.history
    assert history is not None
    J = np.asarray(history.value)
    sane = np.isfinite(J) & (AWAY * max(J[0], 1.0) >= J)
    count = len(J) if sane.all() else max(1, int(np.argmin(sane)))
    return jax.tree.map(lambda leaf: leaf[:count], history)


def _theta(history: History) -> np.ndarray:
    """All parameters of each point, as a row."""
    leaves = jax.tree.leaves(history.params)
    rows = [np.reshape(leaf, (len(history.value), -1)) for leaf in leaves]
    return np.concatenate(rows, axis=1)
