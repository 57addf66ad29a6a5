"""Noise whose level depends on the inputs: told by residuals, it weighs the rows."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from nanonet.fitting.linear import ridge
from nanonet.fitting.robust import Rows
from nanonet.fitting.settings import Settings
from nanonet.model.intervals import doubt
from nanonet.model.noise_level import levels, quadratic
from nanonet.model.rows import outputs
from nanonet.table.columns import scaling
from nanonet.table.splits import Split

if TYPE_CHECKING:
    from nanonet.fitting.fitted import Fit

#: How the noise may be: of one level, or of one that depends on the inputs.
NOISES = ("constant", "heteroscedastic")

#: The weights have settled once none changes by a larger share.
SETTLED = 0.05

#: -E ln χ² of one degree of freedom, which the logarithm of a squared error lacks.
LOG_CHI2 = np.euler_gamma + np.log(2)

#: What a row's own pull on ŷ leaves of its squared error, at the least.
LEAST_LEFT = 0.05

#: Steps of Fisher's scoring at the most.
MAX_STEPS = 50


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Heteroscedastic:
    """How the noise depends on the inputs."""

    sigma: Rows
    """σ at each row of the table: in the unit of the target, or of its transform."""

    weight: Rows
    """By which each row counted, 1/σ² but for a factor."""

    trend: Float[np.ndarray, " numbers"]
    """σ² by the scaled inputs, see `nanonet.model.noise_level.levels`."""

    def __repr__(self) -> str:
        low, high = np.min(self.sigma), np.max(self.sigma)
        return f"Heteroscedastic: σ from {low:.3g} to {high:.3g}"


@dataclasses.dataclass(frozen=True)
class ByNoise:
    """Rows count by 1/σ²(x): feasible generalized least squares.

    ::

        ln σ²(x) = a + Σ bᵢ zᵢ + Σ cᵢ zᵢ²      of r² / (1 - h)

    by the likelihood of normal errors, b and c with the penalty of the largest
    evidence; h is a row's own pull on ŷ, by which r is too small. What is least
    squares, and what is the likelihood, follow each other until they agree.

    Source: Harvey, "Estimating regression models with multiplicative
    heteroscedasticity", 1976; MacKinnon & White, "Some
    heteroskedasticity-consistent covariance matrix estimators", 1985, for 1 - h.
    """

    told = "noise='heteroscedastic'"

    def first(self, settings: Settings, rows: float) -> Settings:
        """With a weak penalty, the default where there is no evidence.

        Evidence that takes the noise to be constant may find nothing but noise, from
        which there is no way back. What a weak penalty learns by heart, 1 - h knows.
        """
        if isinstance(settings.l2, str) or settings.l2 is None:
            return dataclasses.replace(settings, l2=1 / rows)
        return settings

    def weigh(self, k: int, fit: "Fit", split: Split, own: Rows) -> tuple[Rows, Any]:
        """The next weights of the rows, and σ² with its trend."""
        z, y, s = fit.examples.scaled()
        noise = fit.noise_or_error
        r = (outputs(*fit.committee, z) - y)[:, 0]
        pull = s * doubt(*fit.committee, noise, z)
        squares = r**2 / np.maximum(1 - pull, LEAST_LEFT)
        train = split.train
        trend = fitted_trend(z[train], squares[train], own[train])
        # The other part of the product, σ², is known from the weighted residuals.
        variance = np.mean(np.asarray(noise.deviation) ** 2)
        trend[[0, -2, -1]] -= np.log(np.maximum(variance, np.finfo(float).tiny))
        level = levels(trend[None], z)[:, 0, 0]
        weights = np.ones(len(own))
        rows = np.concatenate([train, split.validation])
        weights[rows] = 1 / level[rows]
        weights[rows] *= own[train].sum() / (own[train] @ weights[train])
        unit = float(scaling(fit.targets)[1][0])
        sigma = unit * np.sqrt(level * variance)
        return weights, (sigma, trend)

    def noise(self, k: int, fit: "Fit", own: Rows, seen: Any) -> float:
        """Evidence finds it, from the weighted rows."""
        return np.nan

    def noted(self, fit: "Fit", weights: Rows, seen: Any) -> "Fit":
        """The fit that knows of its weights, and what they are made of."""
        found = Heteroscedastic(seen[0], weights, seen[1])
        return dataclasses.replace(fit, heteroscedastic=found)

    def settled(self, k: int, old: Rows, new: Rows) -> bool:
        """Whether another fit would be the same."""
        return bool(np.max(np.abs(np.log(new / old))) < SETTLED)


def fitted_trend(
    z: Float[np.ndarray, "n inputs"], squares: Rows, s: Rows
) -> Float[np.ndarray, " numbers"]:
    """ln σ²(z) of squared errors, of rows that count s; see `ByNoise`.

    By Fisher's scoring: each step is ridge regression of ln σ² + e²/σ² - 1; the first
    of ln e², whose mean is ln σ² - 1.27 for normal errors.

    >>> z = np.linspace(-2, 2, 9)[:, None]
    >>> a, b, c, low, high = fitted_trend(z, np.exp(1 + z[:, 0]), np.ones(9))
    >>> print(np.round([a, b, c, low, high], 2))
    [ 1.  1.  0. -1.  3.]
    """
    given = quadratic(z)[:, 1:]
    at = np.vstack([np.zeros(given.shape[1]), np.eye(given.shape[1])])
    smallest = 1e-6 * np.average(squares, weights=s) + np.finfo(float).tiny
    squares = np.maximum(squares, smallest)
    target = np.log(squares) + LOG_CHI2
    logs, trend = np.full(len(z), np.inf), np.zeros(1)
    for _ in range(MAX_STEPS):
        found = ridge(given, target[:, None], s, at)[:, 0]
        trend = np.append(found[0], found[1:] - found[0])
        before, logs = logs, quadratic(z) @ trend
        if np.max(np.abs(logs - before)) < 1e-4:
            break
        target = logs + squares * np.exp(-logs) - 1
    # Beyond the training rows it is as at their edge.
    return np.concatenate([trend, [logs.min(), logs.max()]])
