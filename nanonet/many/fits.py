"""What the training of many networks returns."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from nanonet._internal.checks import check_number
from nanonet.solve.result import Status

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Statistics(NamedTuple):
    """How an ensemble fared."""

    fractions: dict[Status, float]
    """What part of the networks ended with each status, the most frequent first."""

    quantiles: dict[float, float]
    """Quantiles of J among the networks where it is finite; none if it nowhere is."""


class Fits(NamedTuple):
    """Where each of N networks ended; every array has a leading axis of N."""

    params: PyTree[Any]
    """The last parameters, those of networks that diverged included."""

    value: Float[Array | np.ndarray, " N"]
    """J at ``params``."""

    gradient_norm: Float[Array | np.ndarray, " N"]
    """‖∇J‖₂ at ``params``."""

    steps: Int[Array | np.ndarray, " N"]
    """Steps taken."""

    status: Int[Array | np.ndarray, " N"]
    """Why each ended: ``Status(int(code))`` gives the sentence."""

    history: Float[Array | np.ndarray, "N records"] | None = None
    """J at the start and after every so many steps, where it was asked for."""

    def best(self, count: int = 1) -> "Fits":
        """Return the ``count`` networks of least J, the best first, NaN last."""
        check_number("count", count, at_least=1)
        order = np.argsort(self.value, stable=True)[:count]  # NumPy sorts NaN last
        return jax.tree.map(lambda leaf: leaf[order], self)

    def statistics(self, quantiles: tuple[float, ...] = QUANTILES) -> Statistics:
        """Count the statuses, and take quantiles of J."""
        codes, counts = np.unique(self.status, return_counts=True)
        order = np.argsort(-counts, stable=True)
        finite = np.asarray(self.value)[np.isfinite(self.value)]
        values = np.quantile(finite, quantiles) if len(finite) else []
        return Statistics(
            {Status(int(codes[i])): float(counts[i] / counts.sum()) for i in order},
            dict(zip(quantiles, map(float, values), strict=False)),
        )
