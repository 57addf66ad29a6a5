"""What a fit knows of its own errors, from the residuals and the curvature of J."""

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.evidence import curvature
from nanonet.fitting.member import objective_of
from nanonet.model.committee import members_of
from nanonet.model.intervals import Noise
from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import SQUARED
from nanonet.objectives.objective import Objective

if TYPE_CHECKING:
    from nanonet.fitting.fitted import Fit

#: N - γ; what is less is 0 but for rounding, and the ridge in AᵀA.
LEAST_FREEDOM = 1e-3

#: A model keeps n (n + 1) / 2 numbers for each of its networks of n parameters, for n
#: up to this.
LARGEST_KEPT = 1_000


def noise_of(fit: "Fit") -> Noise:
    """What the residuals and the curvature of J say of the noise, member by member.

    And how it depends on the inputs, where that was asked for.

    Raises:
      ValueError: the loss is not of squared errors, or is a robust one; or N ≤ γ.
    """
    if fit.robust is not None:
        raise ValueError(
            f"loss={fit.robust.loss!r} takes the noise to be other than normal, "
            "and intervals from the curvature of J would leave outliers out: fit "
            "with folds=10, for those of CV+."
        )
    network, params = members_of(*fit.committee)
    l2 = np.array([fit.l2])
    if fit.members and fit.starts.l2 is not None:
        l2 = fit.starts.l2[list(fit.members)]
    with jax.enable_x64(True):
        J = objective_of(network, fit.loss, fit.examples, 0.0, fit.split.train)
        noise = _of_members(J, params, l2, fit.bounds)
    if fit.heteroscedastic is None:
        return noise
    trend = np.tile(fit.heteroscedastic.trend, (len(noise.freedom), 1))
    return noise._replace(trend=trend)


def _of_members(
    J: Objective,
    params: PyTree,
    l2: Float[np.ndarray, "members ..."],
    box: Box | None = None,
) -> Noise:
    """The same of J with each l2, where the noise is everywhere alike.

    ``params`` have a leading axis of members, as what is returned has.
    """
    if J.loss not in SQUARED:
        raise ValueError("intervals are for numbers: the loss must be squared errors.")
    with jax.enable_x64(True):
        noise: Noise = jax.device_get(_noise(J, params, jnp.asarray(l2), box))
    if not np.all(noise.freedom > LEAST_FREEDOM):
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
