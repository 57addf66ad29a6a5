"""How sure the parameters of one least-squares problem are, in a lane."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.normal import normal_equations
from nanonet.rules._parts.box import box_of


def covariance_at(fun: Any, params: PyTree) -> Float[Array, "n n"]:
    """s² (AᵀA)⁻¹, as `nanonet.covariance` has it, by Cholesky's factors alone.

    Of what the data do not determine that tells the infinite variances apart, but in
    lanes all of the matrix is infinite then.
    """
    value, slope, gram = normal_equations(fun.residuals, params)
    m, n = jax.eval_shape(fun.residuals, params).size, slope.size
    box = box_of(fun, params)
    theta, _ = ravel_pytree(params)
    free = jnp.ones(n, bool) if box is None else box.free(theta, slope)
    both = free[:, None] & free[None, :]
    gram = jnp.where(both, gram, jnp.eye(n, dtype=gram.dtype))
    # A diagonal of ones, so that units do not count.
    size = jnp.sqrt(jnp.diag(gram))
    size = jnp.where(size > 0, size, 1)
    scale = 1 / (size[:, None] * size[None, :])
    lower = jnp.linalg.cholesky(gram * scale)
    inverse = cho_solve((lower, True), jnp.eye(n, dtype=gram.dtype)) * scale
    freedom = m - jnp.sum(free, dtype=jnp.int32)
    variance = 2 * value / jnp.maximum(freedom, 1).astype(gram.dtype)
    # Of each column more than rounding is to be left that the others do not explain.
    least = jnp.min(jnp.diag(lower), initial=1)
    known = (least * least > 8 * m * jnp.finfo(gram.dtype).eps) & (freedom > 0)
    return jnp.where(both, jnp.where(known, variance * inverse, jnp.inf), 0)
