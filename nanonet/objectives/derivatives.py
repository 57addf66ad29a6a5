"""Derivatives of J by automatic differentiation (pages 3, 8 and 9 of the notes).

Each takes a pure function and the parameters at which to differentiate it; ``args`` is
what the function is given after them, as in `minimize`, and with ``has_aux`` it returns
a pair, of which the first is differentiated. Matrices have one row or column per
parameter, in the order of `jax.flatten_util.ravel_pytree`, and come with the way back
from a vector to the tree.

Called from Python, each derivative is one program. What a function reads from elsewhere
is compiled into it: data that change from call to call are best given as ``args``, with
which nothing compiles anew.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from nanonet._internal.checks import (
    check_dense,
    check_match,
    check_parameters,
    check_real_scalar,
    whole_as_floats,
)
from nanonet._internal.static import jit
from nanonet._internal.tracing import is_tracing
from nanonet.objectives.as_vector import AsVector
from nanonet.objectives.dense import Dense
from nanonet.objectives.given import given
from nanonet.objectives.modes import (
    Scalar,
    expand,
    hessian_product,
    in_some_mode,
    of_vector,
    ravel_real,
)

P = ParamSpec("P")
T = TypeVar("T")


def value_and_gradient(
    fun: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> tuple[Scalar, PyTree]:
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
    fun, params = given(fun, args, has_aux=has_aux), whole_as_floats(params)
    check_parameters("params", params)
    check_real_scalar("fun", jax.eval_shape(fun, params))
    return once(_expanded)(fun, params)


def gradient(
    fun: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> PyTree:
    """∇J alone; see `value_and_gradient`.

    >>> float(gradient(lambda theta: theta**2, 3.0))
    6.0
    """
    return value_and_gradient(fun, params, args=args, has_aux=has_aux)[1]


def jacobian(
    residuals: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Dense:
    """Jacobian of the residuals: matrix[i, j] = ∂r[i]/∂θ[j].

    Shape [residuals, parameters]. Residuals that know their own ``jacobian``, as those
    of an `objective` do, are asked for it. Of others: forward mode where there are at
    least as many residuals as parameters, reverse mode where there are fewer; and the
    other one where a function has but one, such as one with a `jax.custom_vjp`.

    Raises:
      ValueError: ``params`` or the residuals are empty, or the matrix would take more
        than 4 GiB.
      TypeError: a parameter is not real floating point, or the residuals are not one
        array.

    >>> print(jacobian(lambda p: p**2, jax.numpy.array([1.0, 2.0])).matrix)
    [[2. 0.]
     [0. 4.]]
    """
    residuals = given(residuals, args, has_aux=has_aux)
    params = whole_as_floats(params)
    theta, unravel = ravel_real(params)
    rows = jax.eval_shape(of_vector(AsVector(residuals), unravel), theta).size
    check_dense("params", theta, rows)
    if getattr(residuals, "jacobian", None) is not None:
        matrix = once(_own_jacobian)(residuals, params)
    else:
        matrix = once(_jacobian)(residuals, theta, unravel, rows)
    return Dense(matrix, unravel, of_residuals=True)


def hessian(
    fun: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Dense:
    """Hessian of J: matrix[i, j] = ∂²J/∂θ[i]∂θ[j].

    Shape [parameters, parameters]. Forward over reverse mode. Errors: see
    `value_and_gradient`; also where the matrix would take more than 4 GiB.

    Source: page 9 of the notes.

    >>> hessian(lambda p: p["a"] ** 2 * p["b"], {"a": 1.0, "b": 2.0})
      a b
    a 4 2
    b 2 0
    """
    fun, params = given(fun, args, has_aux=has_aux), whole_as_floats(params)
    theta, unravel = ravel_real(params)
    check_dense("params", theta)
    check_real_scalar("fun", jax.eval_shape(fun, params))
    return Dense(once(_hessian)(fun, theta, unravel), unravel)


def hessian_vector_product(
    fun: Callable[..., Any],
    params: PyTree,
    vector: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> PyTree:
    """H v without H: the derivative of ∇J along v, at the cost of a few gradients.

    ``vector`` and the result are trees like the parameters.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian", 1994.

    >>> float(hessian_vector_product(lambda theta: theta**3, 2.0, 1.0))
    12.0
    """
    fun, params = given(fun, args, has_aux=has_aux), whole_as_floats(params)
    theta, unravel = ravel_real(params)
    check_match("vector", vector, "params", params)
    vector = ravel_pytree(vector)[0].astype(theta.dtype)
    return once(_hessian_product)(fun, theta, unravel, vector)


def once(function: jit[P, T]) -> Callable[P, T]:
    """One program where Python calls; inside a trace, a part of what is traced."""
    return function.function if is_tracing() else function


_expanded = jit(expand)


@jit
def _own_jacobian(residuals: Any, params: PyTree) -> Array:
    return residuals.jacobian(params)


@jit
def _jacobian(residuals: Callable, theta: Array, unravel: Callable, rows: int) -> Array:
    flat = of_vector(AsVector(residuals), unravel)
    forward, reverse = lambda: jax.jacfwd(flat)(theta), lambda: jax.jacrev(flat)(theta)
    ways = (reverse, forward) if rows < theta.size else (forward, reverse)
    return in_some_mode(*ways)


@jit
def _hessian(fun: Callable, theta: Array, unravel: Callable) -> Array:
    flat = of_vector(fun, unravel)
    return in_some_mode(
        lambda: jax.hessian(flat)(theta),
        lambda: jax.jacrev(jax.jacrev(flat))(theta),
        lambda: jax.jacfwd(jax.jacfwd(flat))(theta),
    )


@jit
def _hessian_product(
    fun: Callable, theta: Array, unravel: Callable, vector: Array
) -> PyTree:
    return unravel(hessian_product(of_vector(fun, unravel), theta)(vector))
