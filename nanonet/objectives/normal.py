"""The normal equations of least squares, AᵀA p = -Aᵀr with A = ∂r/∂θ."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_dense
from nanonet._internal.static import jit
from nanonet.objectives.as_vector import ResidualFunction
from nanonet.objectives.dense import Dense
from nanonet.objectives.derivatives import jacobian, once
from nanonet.objectives.given import given
from nanonet.objectives.modes import ravel_real


class NormalEquations(NamedTuple):
    """½‖r‖² and what its derivatives are made of: sums over the residuals."""

    value: Float[Array, ""]  # ½‖r‖²
    slope: Float[Array, " n"]  # Aᵀr
    matrix: Float[Array, "n n"]  # AᵀA


def normal_equations(residuals: ResidualFunction, params: PyTree) -> NormalEquations:
    """½‖r‖², Aᵀr and AᵀA, in the order of `jax.flatten_util.ravel_pytree`.

    Residuals that know their own ``normal_equations``, as those of an `objective` do,
    are asked for them, and hold no matrix of all their rows.

    Raises:
      ValueError, TypeError: as `nanonet.jacobian`.

    >>> print(normal_equations(lambda p: p**2, jnp.array([1.0, 2.0])).slope)
    [ 2. 16.]
    """
    own = getattr(residuals, "normal_equations", None)
    if own is None:
        A = jacobian(residuals, params).matrix
        return of_matrix(jnp.ravel(residuals(params)), A)
    check_dense("params", ravel_real(params)[0])
    return own(params)


def of_matrix(r: Float[Array, " m"], A: Float[Array, "m n"]) -> NormalEquations:
    """The same, of r and A."""
    value = jnp.sum(r * r) / 2
    return NormalEquations(value.astype(A.dtype), A.T @ r, A.T @ A)


def gauss_newton_matrix(
    residuals: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Dense:
    """JᵀJ, the part of the Hessian of ½‖r‖² that needs no second derivatives.

    Shape [parameters, parameters]; errors: see `nanonet.jacobian`.

    Source: Nocedal & Wright, *Numerical Optimization*, equation 10.5.

    >>> print(gauss_newton_matrix(lambda p: p**2, jnp.array([1.0, 2.0])).matrix)
    [[ 4.  0.]
     [ 0. 16.]]
    """
    residuals = given(residuals, args, has_aux=has_aux)
    matrix = once(_square)(residuals, params)
    return Dense(matrix, ravel_real(params)[1])


@jit
def _square(residuals: ResidualFunction, params: PyTree) -> Float[Array, "n n"]:
    return normal_equations(residuals, params).matrix
