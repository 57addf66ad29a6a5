"""What solving many problems returns."""

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


#: Where time was up, or after Ctrl-C, problems that nobody came to are marked so.
UNFINISHED = (Status.TIME_LIMIT, Status.INTERRUPTED)


class Statistics(NamedTuple):
    """How many problems fared."""

    fractions: dict[Status, float]
    """What part of the problems ended with each status, the most frequent first."""

    quantiles: dict[float, float]
    """Quantiles of J among the problems where it is finite; none if it nowhere is."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Fits:
    """Where each of many problems ended; arrays have the problems' axes first."""

    params: PyTree[Any]
    """The last parameters, those of problems that diverged included."""

    value: Float[Array | np.ndarray, "*problems"]
    """J at ``params``; NaN where the time did not suffice for a problem."""

    gradient_norm: Float[Array | np.ndarray, "*problems"]
    """‖∇J‖₂ at ``params``; within bounds, that of the projected gradient."""

    steps: Int[Array | np.ndarray, "*problems"]
    """Steps taken."""

    status: Int[Array | np.ndarray, "*problems"]
    """Why each ended: ``Status(int(code))`` gives the sentence."""

    history: Float[Array | np.ndarray, "*problems records"] | None = None
    """J at the start and after every so many steps, where it was asked for."""

    covariance: Float[Array | np.ndarray, "*problems n n"] | None = None
    """Of the parameters, in the order of `jax.flatten_util.ravel_pytree`; of
    `least_squares_many`."""

    @property
    def converged(self) -> Bool[np.ndarray, "*problems"]:
        """Which problems met a stop test, rather than a limit or a failure."""
        met = [code for code in Status if code.converged]
        return np.isin(self.status, met)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the distribution of J over the problems, on a logarithmic axis."""
        from nanonet.plot.style import axes_or_new

        ax = axes_or_new(ax)
        values = np.asarray(self.value, float)
        values = values[np.isfinite(values) & (values > 0)]
        if len(values):
            low, high = np.log10([values.min(), values.max()])
            ax.hist(values, np.logspace(np.floor(low), np.floor(high) + 1, 50))
        ax.set_xscale("log")
        ax.set(xlabel="J, logarithmic", ylabel="problems")
        return ax

    def __repr__(self) -> str:
        fractions, quantiles = self.statistics((0.0, 0.5, 1.0))
        J = ", ".join(f"{value:.4g}" for value in quantiles.values()) or "not finite"
        ends = (f"{part:.1%}: {status}" for status, part in fractions.items())
        return "\n".join(
            [
                f"Fits: {np.size(self.value):,} problems; J least, median, most: {J}.",
                *ends,
            ]
        )

    def best(self, count: int = 1) -> "Fits":
        """Return the ``count`` problems of least J along one axis, NaN last."""
        count = check_count("count", count, at_least=1)
        axes = np.ndim(self.value)
        order = np.argsort(np.ravel(self.value), stable=True)[:count]  # NaN last

        def chosen(leaf: np.ndarray) -> np.ndarray:
            return np.reshape(leaf, (-1, *leaf.shape[axes:]))[order]

        return jax.tree.map(chosen, self)

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
