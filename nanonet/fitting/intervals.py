"""Bounds of a new value: from the curvature of J, and from the spread of the starts."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.evidence import curvature
from nanonet.model.rows import outputs, over_rows
from nanonet.network.network import Network
from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import SQUARED
from nanonet.objectives.objective import Objective


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Interval:
    """A prediction, and its bounds, in the unit and the shape of y."""

    prediction: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def __repr__(self) -> str:
        half = np.median(self.upper - self.lower) / 2
        return f"Interval: {self.prediction.size:,} predictions, ± {half:.3g} (median)"


class Noise(NamedTuple):
    """What the training rows say of the error of one row, and of the parameters."""

    deviation: Float[Array, " outputs"]  # σ
    freedom: Float[Array, ""]  # N - γ, for each output
    factor: Float[Array, "n n"]  # L with LLᵀ = AᵀA + λ I_w, at σ = 1
    is_free: Float[Array, " n"]  # 0 where a bound holds the parameter


def linearized(
    network: Network,
    params: PyTree,
    noise: Noise,
    z: Float[np.ndarray, "n inputs"],
    level: float,
) -> Interval:
    """Interval from the curvature of J: the delta method.

    ::

        ŷ ± t σ √(1 + gᵀ (AᵀA + λ I_w)⁻¹ g),     g = ∂ŷ/∂θ,   A = ∂r/∂θ
        σ² = Σ s r² / (N - γ),   γ = tr (AᵀA + λ I_w)⁻¹ AᵀA

    with t the quantile of Student's distribution for N - γ degrees of freedom. For a
    linear network without penalty it is the textbook's interval, and exact. It does not
    know that there are other minima. A parameter that a bound holds counts as known.

    Source: Bates & Watts, *Nonlinear Regression Analysis*, section 2.3; MacKay,
    "A practical Bayesian framework for backpropagation networks", 1992, for γ.
    """
    own = over_rows(functools.partial(_variances, network, params, noise), z)
    deviation = np.sqrt(1 + own) * noise.deviation
    return _around(outputs(network, params, z), deviation, noise, level)


def spread(
    network: Network,
    starts: PyTree,
    noise: Noise,
    z: Float[np.ndarray, "n inputs"],
    level: float,
) -> Interval:
    """Interval from how far the starts lie apart: mean ± t √(σ² + their variance).

    It knows of other minima, but not of how well each is determined.

    Raises:
      ValueError: there is one start.

    Source: Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive
    uncertainty estimation using deep ensembles", 2017.
    """
    count = len(jax.tree.leaves(starts)[0])
    if count < 2:
        raise ValueError("method='starts' needs 2 starts at the least; fit with more.")
    of_each = np.stack(
        [
            outputs(network, jax.tree.map(lambda leaf, i=i: leaf[i], starts), z)
            for i in range(count)
        ]
    )
    of_each = of_each[np.isfinite(of_each).all((1, 2))]
    deviation = np.sqrt(noise.deviation**2 + of_each.var(0, ddof=1))
    return _around(of_each.mean(0), deviation, noise, level)


def _around(
    centre: np.ndarray, deviation: np.ndarray, noise: Noise, level: float
) -> Interval:
    from scipy.special import stdtrit  # comes with JAX; only needed here

    t = stdtrit(float(noise.freedom), (1 + level) / 2)
    return Interval(centre, centre - t * deviation, centre + t * deviation)


def noise_of(J: Objective, params: PyTree, box: Box | None = None) -> Noise:
    """What the residuals and the curvature of J at ``params`` say of the noise.

    Raises:
      ValueError: the loss is not of squared errors, or N ≤ γ.
    """
    if J.loss not in SQUARED:
        raise ValueError("intervals are for numbers: the loss must be squared errors.")
    with jax.enable_x64(True):
        noise: Noise = jax.device_get(_noise(J, params, box))
    if not noise.freedom > 0:
        raise ValueError(
            "there are as many effective parameters as rows: no degree of freedom is "
            "left to estimate the noise. Use fewer units, or l2='evidence'."
        )
    return noise


@jit
def _noise(J: Objective, params: PyTree, box: Box | None) -> Noise:
    at = curvature(J, params, box)
    lower = jnp.linalg.cholesky(at.hessian)
    gamma = jnp.trace(cho_solve((lower, True), at.gram))
    y = jax.vmap(J.network.apply, in_axes=(None, 0))(params, J.x)
    r = jnp.reshape(y, J.y.shape) - J.y
    freedom = (at.amount - gamma) / J.y.shape[1]
    weights = jnp.asarray(J.sample_weight)
    variance = jnp.sum(weights[:, None] * r * r, axis=0) / freedom
    factor = lower / jnp.sqrt(at.unit)
    return Noise(jnp.sqrt(variance), freedom, factor, at.is_free)


@jit
def _variances(network: Network, params: PyTree, noise: Noise, z: Array) -> Array:
    """gᵀ (LLᵀ)⁻¹ g for each row and output."""
    theta, unravel = ravel_pytree(params)

    def one(z: Array) -> Array:
        g = jax.jacrev(lambda theta: jnp.ravel(network.apply(unravel(theta), z)))(theta)
        of_free = g.T * noise.is_free[:, None]
        half = solve_triangular(noise.factor, of_free, lower=True)
        return jnp.sum(half**2, axis=0)

    return jax.vmap(one)(z)
