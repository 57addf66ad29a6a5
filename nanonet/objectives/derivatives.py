"""Derivatives of J by automatic differentiation (pages 3, 8 and 9 of the notes).

Each takes a pure function and the parameters at which to differentiate it. Matrices
have one row or column per parameter, in the order of `jax.flatten_util.ravel_pytree`,
and come with the way back from a vector to the tree.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_dense, check_parameters, check_real_scalar

Scalar = Float[Array, ""]
ScalarFunction = Callable[[PyTree], Scalar]
ResidualFunction = Callable[[PyTree], Float[Array, "..."]]


class Dense(NamedTuple):
    """A matrix of derivatives, and ``unravel(vector)`` → tree like the parameters."""

    matrix: Float[Array, "rows n"]
    unravel: Callable[[Float[Array, " n"]], PyTree]


def value_and_gradient(fun: ScalarFunction, params: PyTree) -> tuple[Scalar, PyTree]:
    """J and ∇J, a tree like the parameters.

    Of complex parameters θ = a + ib it is ∂J/∂a + i ∂J/∂b, the direction in which J
    rises fastest, so that θ - α∇J goes down.

    Raises:
      ValueError: ``fun`` does not return one number, or ``params`` is empty.
      TypeError: the value is not real, or a parameter is not floating point.

    Source: the chain rule, page 3 of the notes; reverse mode.

    >>> J, slope = value_and_gradient(lambda p: p["w"] ** 2, {"w": 3.0})
    >>> print(J, slope["w"])
    9.0 6.0
    """
    check_parameters("params", params)
    check_real_scalar("fun", jax.eval_shape(fun, params))
    value, gradient = jax.value_and_grad(fun)(params)
    return value, jax.tree.map(jax.numpy.conj, gradient)


def gradient(fun: ScalarFunction, params: PyTree) -> PyTree:
    """∇J alone; see `value_and_gradient`.

    >>> float(gradient(lambda theta: theta**2, 3.0))
    6.0
    """
    return value_and_gradient(fun, params)[1]


def jacobian(residuals: ResidualFunction, params: PyTree) -> Dense:
    """Jacobian of the residuals: matrix[i, j] = ∂r[i]/∂θ[j].

    Shape [residuals, parameters]. Residuals that know their own ``jacobian``, as those
    of an `objective` do, are asked for it. Of others: forward mode where there are at
    least as many residuals as parameters, reverse mode where there are fewer.

    Raises:
      ValueError: ``params`` is empty, or the matrix would take more than 4 GiB.
      TypeError: a parameter is not real floating point.

    >>> print(jacobian(lambda p: p**2, jax.numpy.array([1.0, 2.0])).matrix)
    [[2. 0.]
     [0. 4.]]
    """
    theta, unravel = ravel_real(params)

    def flat(theta: Array) -> Array:
        return jax.numpy.ravel(residuals(unravel(theta)))

    rows = jax.eval_shape(flat, theta).size
    check_dense("params", theta, rows)
    own = getattr(residuals, "jacobian", None)
    if own is not None:
        return Dense(own(params), unravel)
    wide = rows < theta.size
    derive = jax.jacrev if wide else jax.jacfwd
    return Dense(derive(flat)(theta), unravel)


def hessian(fun: ScalarFunction, params: PyTree) -> Dense:
    """Hessian of J: matrix[i, j] = ∂²J/∂θ[i]∂θ[j].

    Shape [parameters, parameters]. Forward over reverse mode. Errors: see
    `value_and_gradient`; also where the matrix would take more than 4 GiB.

    Source: page 9 of the notes.

    >>> H, unravel = hessian(lambda p: p["a"] ** 2 * p["b"], {"a": 1.0, "b": 2.0})
    >>> print(H)
    [[4. 2.]
     [2. 0.]]
    """
    theta, unravel = ravel_real(params)
    check_dense("params", theta)
    check_real_scalar("fun", jax.eval_shape(fun, params))
    return Dense(jax.hessian(lambda theta: fun(unravel(theta)))(theta), unravel)


def hessian_vector_product(
    fun: ScalarFunction, params: PyTree, vector: PyTree
) -> PyTree:
    """H v without H: the derivative of ∇J along v, at the cost of a few gradients.

    ``vector`` and the result are trees like the parameters.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian", 1994.

    >>> float(hessian_vector_product(lambda theta: theta**3, 2.0, 1.0))
    12.0
    """
    ravel_real(params)
    return jax.jvp(jax.grad(fun), (params,), (vector,))[1]


def gauss_newton_matrix(residuals: ResidualFunction, params: PyTree) -> Dense:
    """JᵀJ, the part of the Hessian of ½‖r‖² that needs no second derivatives.

    Shape [parameters, parameters]; errors: see `jacobian`.

    Source: Nocedal & Wright, *Numerical Optimization*, equation 10.5.

    >>> print(gauss_newton_matrix(lambda p: p**2, jax.numpy.array([1.0, 2.0])).matrix)
    [[ 4.  0.]
     [ 0. 16.]]
    """
    jac, unravel = jacobian(residuals, params)
    return Dense(jac.T @ jac, unravel)


def ravel_real(params: PyTree) -> tuple[Array, Callable]:
    """`jax.flatten_util.ravel_pytree`, of real parameters alone."""
    check_parameters("params", params)
    theta, unravel = ravel_pytree(params)
    if jax.numpy.iscomplexobj(theta):
        raise TypeError(
            "params are complex; matrices of derivatives are of real parameters: "
            "hold the real and imaginary parts as leaves of their own."
        )
    return theta, unravel
