"""Automatic differentiation in whichever mode a function allows.

The rules stand on these; nothing is checked here but that parameters are real.
"""

import contextlib
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_parameters

Scalar = Float[Array, ""]
ScalarFunction = Callable[[PyTree], Scalar]

T = TypeVar("T")


def in_some_mode(*ways: Callable[[], T]) -> T:
    """Differentiate in the first of these ways that the function allows.

    What has a `jax.custom_vjp` cannot be differentiated forward, and a
    `jax.lax.while_loop` not in reverse.
    """
    *others, last = ways
    for way in others:
        with contextlib.suppress(TypeError, ValueError, NotImplementedError):
            return way()
    return last()


def expand(fun: ScalarFunction, params: PyTree) -> tuple[Scalar, PyTree]:
    """J and ∇J of what was checked before."""

    def forward() -> tuple[Scalar, PyTree]:
        theta, unravel = ravel_real(params)
        return fun(params), unravel(jax.jacfwd(of_vector(fun, unravel))(theta))

    value, slope = in_some_mode(lambda: jax.value_and_grad(fun)(params), forward)
    # JAX's gradient of complex parameters is the conjugate of the direction of ascent.
    return jnp.asarray(value), jax.tree.map(jnp.conj, slope)


def hessian_product(fun: Callable, theta: Array) -> Callable[[Array], Array]:
    """v → H v, of one linearization of ∇J."""

    def slope(theta: Array) -> Array:
        return expand(fun, theta)[1]

    def forward() -> Callable[[Array], Array]:
        product = jax.linearize(slope, theta)[1]
        # Inside jit, what has no forward mode says so here, or only when compiled.
        jax.eval_shape(jax.vmap(product), theta[None])
        return product

    def reverse() -> Callable[[Array], Array]:
        pull = jax.vjp(slope, theta)[1]  # H is its own transpose
        return lambda v: pull(v)[0]

    return in_some_mode(forward, reverse)


def bend(fun: Callable, theta: Array, v: Array) -> Array:
    """The second derivative of ``fun`` along v, f″(v, v)."""
    return in_some_mode(
        lambda: push_forward(lambda theta: push_forward(fun, theta, v), theta, v),
        lambda: jax.jacrev(lambda theta: jax.jacrev(fun)(theta) @ v)(theta) @ v,
    )


def push_forward(fun: Callable, at: PyTree, v: PyTree) -> PyTree:
    """The derivative of ``fun`` along v, in forward mode."""

    def push(v: PyTree) -> PyTree:
        return jax.jvp(fun, (at,), (v,))[1]

    # Inside jit, what has no forward mode says so here, or only when compiled.
    jax.eval_shape(jax.vmap(push), jax.tree.map(lambda x: jnp.asarray(x)[None], v))
    return push(v)


def pull_back(fun: Callable, theta: Array, u: Array) -> Array:
    """The gradient of u·fun."""
    return in_some_mode(
        lambda: jax.vjp(fun, theta)[1](u)[0], lambda: u @ jax.jacfwd(fun)(theta)
    )


def of_vector(fun: Callable, unravel: Callable) -> Callable:
    """``fun`` as a function of the parameters as one vector."""
    return lambda theta: fun(unravel(theta))


def ravel_real(params: PyTree) -> tuple[Array, Callable]:
    """`jax.flatten_util.ravel_pytree`, of real parameters alone."""
    check_parameters("params", params)
    theta, unravel = ravel_pytree(params)
    if jnp.iscomplexobj(theta):
        raise TypeError(
            "params are complex; matrices of derivatives are of real parameters: "
            "hold the real and imaginary parts as leaves of their own."
        )
    return theta, unravel
