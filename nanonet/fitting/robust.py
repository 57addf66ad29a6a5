"""Outliers: rows that lie far off count for little, by weights found while fitting."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from nanonet._internal.checks import check_choice
from nanonet.objectives.losses import DELTA, NU, ROBUST, Loss, mean_squared_error

#: The weights have settled once none changes by more; or after so many fits.
SETTLED, MOST_FITS = 2e-3, 15

#: The first fits are by Student's distribution, whatever the loss: what squares made
#: of gross outliers, Huber's weights alone may not get away from.
FIRST_FITS = 4

#: σ of a normal distribution, beside its median absolute deviation.
MAD = 1.4826

Rows = Float[np.ndarray, " n"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Robust:
    """How a robust loss took the rows."""

    loss: str = dataclasses.field(metadata={"static": True})
    """Its name."""

    sigma: float
    """σ, the unit of the errors: in that of the target, or of its transform."""

    weight: Rows
    """By which each row counted: near 1, or near 0 of an outlier."""

    def __repr__(self) -> str:
        few = int(np.sum(self.weight < 0.5))
        return (
            f"Robust: {self.loss}, σ = {self.sigma:.3g}; {few:,} of "
            f"{len(self.weight):,} rows count less than half"
        )


def robust_name(loss: Loss | str | None) -> str | None:
    """The name of a robust loss, given by it or as a function; None of others.

    Raises:
      ValueError: it is another name.
    """
    if isinstance(loss, str):
        check_choice("loss", loss, ROBUST)
        return loss
    return next((name for name, of in ROBUST.items() if of is loss), None)


def least_squares_of(loss: Loss | str | None) -> Loss | None:
    """What is minimized with the weights: squared errors, if the loss is robust."""
    if robust_name(loss):
        return mean_squared_error
    assert not isinstance(loss, str)
    return loss


def reweighted(name: str, r: Rows, s: Rows) -> tuple[Rows, float]:
    """By which weight each residual r counts, and σ; ``s``: of the rows themselves.

    ::

        huber      w = min(1, δσ / |r|)          σ = 1.4826 · median |r|
        student_t  w = (ν + 1) / (ν + r²/σ²)     σ² = Σ s w r² / Σ s

    Where least squares with these weights leads to the same weights again, Σ s ρ(r/σ)
    is least: w = ρ′(u) / u, u = r/σ, and Gauss and Newton's steps have the metric
    Σ s w ggᵀ. Of Student's distribution σ is then the one of maximum likelihood, too.

    Source: Huber, "Robust estimation of a location parameter", 1964; Holland & Welsch,
    "Robust regression using iteratively reweighted least-squares", 1977; Lange, Little
    & Taylor, "Robust statistical modeling using the t distribution", 1989.

    >>> w, sigma = reweighted("huber", np.array([1.0, -1, 1, -1, 20]), np.ones(5))
    >>> print(w.round(2), round(sigma, 2))
    [1.  1.  1.  1.  0.1] 1.48
    """
    size = np.abs(r)
    order = np.argsort(size)
    below = np.cumsum(s[order])
    median = size[order][np.searchsorted(below, below[-1] / 2)]
    smallest = np.finfo(float).eps * size.max() + np.finfo(float).tiny
    sigma = float(max(MAD * median, smallest))
    for _ in range(1_000 * (name == "student_t")):
        w = weights_at(name, r / sigma)
        old, sigma = sigma, max(float(np.sqrt(s @ (w * r**2) / s.sum())), smallest)
        if abs(np.log(sigma / old)) < 1e-12:
            break
    return weights_at(name, r / sigma), sigma


def weights_at(name: str, u: Rows) -> Rows:
    """ρ′(u) / u of errors in units of σ.

    >>> print(weights_at("huber", np.array([0.0, -2.69])))
    [1.  0.5]
    """
    if name == "huber":
        return DELTA / np.maximum(np.abs(u), DELTA)
    return (NU + 1) / (NU + u**2)


def losses_at(name: str, u: Rows) -> Rows:
    """ρ(u) of errors in units of σ.

    >>> print(losses_at("huber", np.array([0.0, 1.0, -10.0])).round(4))
    [ 0.      0.5    12.5455]
    """
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(ROBUST[name])(jnp.asarray(u), jnp.zeros(len(u))))


def settled(name: str, y: Rows, s: Rows, fitted: Callable[[Rows], Rows]) -> Rows:
    """Weights of the rows that lead to themselves, of a model that is fitted at once.

    ``fitted`` is its least squares: it answers y from weights. As networks are fitted
    in `nanonet.fitting.reweighting`.

    >>> y = np.array([1.0, 2, 3, 4, 5, 6, 1e6])
    >>> def mean(w): return np.full(7, w @ y / w.sum())
    >>> w = settled("student_t", y, np.ones(7), mean)
    >>> print(mean(w).round(1))
    [3.5 3.5 3.5 3.5 3.5 3.5 3.5]
    """
    w = np.ones(len(y))
    for k in range(10 * MOST_FITS):
        by = "student_t" if k < FIRST_FITS else name
        before, (w, _) = w, reweighted(by, fitted(s * w) - y, s)
        if by == name and np.max(np.abs(w - before)) < SETTLED:
            break
    return w
