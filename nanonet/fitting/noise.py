"""What a fit knows of its own errors, from the residuals and the curvature of J."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.evidence import curvature
from nanonet.model.intervals import Noise
from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import SQUARED
from nanonet.objectives.objective import Objective

#: N - γ; what is less is 0 but for rounding, and the ridge in AᵀA.
LEAST_FREEDOM = 1e-3

#: A model keeps n (n + 1) / 2 numbers for each of its networks of n parameters, for n
#: up to this.
LARGEST_KEPT = 1_000


def noise_of(
    J: Objective,
    params: PyTree,
    l2: Float[np.ndarray, "members ..."],
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
