"""Bounds of a new value: from the curvature of J, and from the spread of the starts."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.evidence import curvature
from nanonet.model.rows import over_rows
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
    """What the training rows say of the error of one row, and of the parameters.

    Of several networks, with a leading axis.
    """

    deviation: Float[Array, "*members outputs"]  # σ
    freedom: Float[Array, "*members"]  # N - γ, for each output
    factor: Float[Array, "*members n n"]  # L with LLᵀ = AᵀA + λ I_w, at σ = 1
    is_free: Float[Array, "*members n"]  # 0 where a bound holds the parameter


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
    linear network without penalty it is the textbook's interval, and exact. A parameter
    that a bound holds counts as known.

    Of a committee it is that of the mixture: around the mean of ŷ, with the mean of
    the members' variances and the variance of their ŷ in place of σ²(1 + …), so that it
    knows of as many minima as there are members.

    ``params`` and ``noise`` have a leading axis of members.

    Source: Bates & Watts, *Nonlinear Regression Analysis*, section 2.3; MacKay,
    "A practical Bayesian framework for backpropagation networks", 1992, for γ;
    Lakshminarayanan et al. (see `spread`), section 2.4, for the mixture.
    """
    known = functools.partial(_answers, network, params, noise)
    answers, own = over_rows(known, z).swapaxes(0, 1)
    within = np.mean((1 + own) * noise.deviation**2, axis=1)
    deviation = np.sqrt(within + answers.var(1))
    return _around(answers.mean(1), deviation, noise, level)


def spread(
    network: Network,
    params: PyTree,
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
    if len(jax.tree.leaves(params)[0]) < 2:
        raise ValueError("method='starts' needs 2 starts at the least; fit with more.")
    answers = over_rows(functools.partial(_all_outputs, network, params), z)
    within = np.mean(noise.deviation**2, axis=0)
    deviation = np.sqrt(within + answers.var(1, ddof=1))
    return _around(answers.mean(1), deviation, noise, level)


def _around(
    centre: np.ndarray, deviation: np.ndarray, noise: Noise, level: float
) -> Interval:
    from scipy.special import stdtrit  # comes with JAX; only needed here

    t = stdtrit(np.mean(noise.freedom), (1 + level) / 2)
    return Interval(centre, centre - t * deviation, centre + t * deviation)


def noise_of(
    J: Objective,
    params: PyTree,
    l2: Float[np.ndarray, " members"],
    box: Box | None = None,
) -> Noise:
    """What the residuals and the curvature of J, with each l2, say of the noise.

    ``params`` have a leading axis of members, as what is returned has.

    Raises:
      ValueError: the loss is not of squared errors, or N ≤ γ.
    """
    if J.loss not in SQUARED:
        raise ValueError("intervals are for numbers: the loss must be squared errors.")
    with jax.enable_x64(True):
        noise: Noise = jax.device_get(_noise(J, params, jnp.asarray(l2), box))
    if not np.all(noise.freedom > 0):
        raise ValueError(
            "there are as many effective parameters as rows: no degree of freedom is "
            "left to estimate the noise. Use fewer units, or l2='evidence'."
        )
    return noise


@jit
def _noise(J: Objective, params: PyTree, l2: Array, box: Box | None) -> Noise:
    def one(of_member: tuple[PyTree, Array]) -> Noise:
        params, l2 = of_member
        return _of_one(dataclasses.replace(J, l2=l2), params, box)

    return lax.map(one, (params, l2))


def _of_one(J: Objective, params: PyTree, box: Box | None) -> Noise:
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
def _answers(
    network: Network, params: PyTree, noise: Noise, z: Float[Array, "n inputs"]
) -> Float[Array, "n 2 members outputs"]:
    """ŷ and gᵀ (LLᵀ)⁻¹ g for each row, member and output."""

    def of_member(member: tuple[PyTree, Noise]) -> Array:
        params, noise = member
        theta, unravel = ravel_pytree(params)

        def answer(theta: Array, z: Array) -> Array:
            return jnp.ravel(network.apply(unravel(theta), z))

        def one(z: Array) -> Array:
            of_free = jax.jacrev(answer)(theta, z).T * noise.is_free[:, None]
            half = solve_triangular(noise.factor, of_free, lower=True)
            return jnp.stack([answer(theta, z), jnp.sum(half**2, axis=0)])

        return jax.vmap(one)(z)

    # One after the other: the slopes of all rows are many.
    return jnp.moveaxis(lax.map(of_member, (params, noise)), 0, 2)


@jit
def _all_outputs(
    network: Network, params: PyTree, z: Float[Array, "n inputs"]
) -> Float[Array, "n members outputs"]:
    of_member = jax.vmap(
        lambda params, z: jnp.ravel(network.apply(params, z)), (0, None)
    )
    return jax.vmap(of_member, (None, 0))(params, z)
