"""What the training of many networks returns."""

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.checks import check_count
from nanonet.solve.result import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Statistics(NamedTuple):
    """How an ensemble fared."""

    fractions: dict[Status, float]
    """What part of the networks ended with each status, the most frequent first."""

    quantiles: dict[float, float]
    """Quantiles of J among the networks where it is finite; none if it nowhere is."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Fits:
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

    @property
    def converged(self) -> Bool[np.ndarray, " N"]:
        """Which networks met a stop test, rather than a limit or a failure."""
        met = [code for code in Status if code.converged]
        return np.isin(self.status, met)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the distribution of J over the networks, on a logarithmic axis."""
        from nanonet.plot.style import axes_or_new

        ax = axes_or_new(ax)
        values = np.asarray(self.value, float)
        values = values[np.isfinite(values) & (values > 0)]
        if len(values):
            low, high = np.log10([values.min(), values.max()])
            ax.hist(values, np.logspace(np.floor(low), np.floor(high) + 1, 50))
        ax.set_xscale("log")
        ax.set(xlabel="J, logarithmic", ylabel="networks")
        return ax

    def __repr__(self) -> str:
        fractions, quantiles = self.statistics((0.0, 0.5, 1.0))
        J = ", ".join(f"{value:.4g}" for value in quantiles.values()) or "not finite"
        ends = (f"{part:.1%}: {status}" for status, part in fractions.items())
        return "\n".join(
            [f"Fits: {len(self.value):,} networks; J least, median, most: {J}.", *ends]
        )

    def best(self, count: int = 1) -> "Fits":
        """Return the ``count`` networks of least J, the best first, NaN last."""
        count = check_count("count", count, at_least=1)
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
