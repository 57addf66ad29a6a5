"""Derivatives of J by automatic differentiation (pages 3, 8 and 9 of the notes).

Each takes a pure function and the parameters at which to differentiate it; ``args`` is
what the function is given after them, as in `minimize`, and with ``has_aux`` it returns
a pair, of which the first is differentiated. Matrices have one row or column per
parameter, in the order of `jax.flatten_util.ravel_pytree`, and come with the way back
from a vector to the tree.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import (
    check_dense,
    check_match,
    check_parameters,
    check_real_scalar,
    whole_as_floats,
)
from nanonet.network.names import parameter_names
from nanonet.objectives.data import in_dtype_of
from nanonet.objectives.given import given

Scalar = Float[Array, ""]
ScalarFunction = Callable[[PyTree], Scalar]
ResidualFunction = Callable[[PyTree], Float[Array, "..."]]

T = TypeVar("T")

_ARRAY = jax.tree.structure(0.0)
_SHOWN = 12  # rows and columns that are printed


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dense:
    """A matrix of derivatives; ``matrix, unravel = dense`` takes it apart.

    It prints with the parameters' names, by `nanonet.network.names.parameter_names`.
    """

    matrix: Float[Array, "rows n"]
    unravel: Callable[[Float[Array, " n"]], PyTree] = dataclasses.field(
        metadata={"static": True}
    )
    """``unravel(vector)`` → tree like the parameters."""

    of_residuals: bool = dataclasses.field(default=False, metadata={"static": True})
    """Whether the rows are residuals, not parameters."""

    def __iter__(self) -> Iterator[Any]:
        yield self.matrix
        yield self.unravel

    def __repr__(self) -> str:
        if isinstance(self.matrix, Tracer):
            return f"Dense({self.matrix})"
        rows, n = self.matrix.shape
        with jax.ensure_compile_time_eval():
            names = parameter_names(self.unravel(jnp.zeros(n, self.matrix.dtype)))
        heads = [f"r{i + 1}" for i in range(rows)] if self.of_residuals else names
        table = [["", *names[:_SHOWN]]]
        for head, row in zip(heads, np.asarray(self.matrix)[:_SHOWN], strict=False):
            table.append([head, *(f"{number:.4g}" for number in row[:_SHOWN])])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        more = " …" if n > _SHOWN else ""
        lines = [
            " ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) + more
            for line in table
        ]
        return "\n".join(lines + ["⋮"] * (rows > _SHOWN))


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
    return expand(fun, params)


def expand(fun: ScalarFunction, params: PyTree) -> tuple[Scalar, PyTree]:
    """`value_and_gradient` of what was checked before."""

    def forward() -> tuple[Scalar, PyTree]:
        theta, unravel = ravel_real(params)
        return fun(params), unravel(jax.jacfwd(_flat(fun, unravel))(theta))

    value, slope = in_some_mode(lambda: jax.value_and_grad(fun)(params), forward)
    # JAX's gradient of complex parameters is the conjugate of the direction of ascent.
    return jnp.asarray(value), jax.tree.map(jnp.conj, slope)


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

    >>> print(jacobian(lambda p: p**2, jnp.array([1.0, 2.0])).matrix)
    [[2. 0.]
     [0. 4.]]
    """
    residuals = given(residuals, args, has_aux=has_aux)
    params = whole_as_floats(params)
    theta, unravel = ravel_real(params)
    flat = _flat(AsVector(residuals), unravel)
    rows = jax.eval_shape(flat, theta).size
    check_dense("params", theta, rows)
    own = getattr(residuals, "jacobian", None)
    if own is not None:
        return Dense(own(params), unravel, of_residuals=True)
    forward, reverse = lambda: jax.jacfwd(flat)(theta), lambda: jax.jacrev(flat)(theta)
    ways = (reverse, forward) if rows < theta.size else (forward, reverse)
    return Dense(in_some_mode(*ways), unravel, of_residuals=True)


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
    flat = _flat(fun, unravel)
    matrix = in_some_mode(
        lambda: jax.hessian(flat)(theta),
        lambda: jax.jacrev(jax.jacrev(flat))(theta),
        lambda: jax.jacfwd(jax.jacfwd(flat))(theta),
    )
    return Dense(matrix, unravel)


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
    product = hessian_product(_flat(fun, unravel), theta)
    return unravel(product(ravel_pytree(vector)[0].astype(theta.dtype)))


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


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AsVector:
    """Residuals as one vector in the parameters' precision; a pytree, as they may be.

    Calling it raises TypeError if the residuals are not one array, and ValueError if
    there are none.
    """

    residuals: Callable[..., Float[Array, "..."]]

    def __call__(self, params: PyTree, *args: Any) -> Float[Array, " m"]:
        r = self.residuals(params, *args)
        if jax.tree.structure(r) != _ARRAY:
            raise TypeError(
                f"residuals must return one array, not {type(r).__name__}: join their "
                "parts, e.g. jnp.concatenate([jnp.ravel(a), jnp.ravel(b)])."
            )
        if not jnp.size(r):
            raise ValueError("residuals returns no numbers: there is nothing to fit.")
        (r,) = in_dtype_of(params, jnp.ravel(r))
        return r

    @property
    def jacobian(self) -> Callable[[PyTree], Float[Array, "m n"]]:
        """That of the residuals, where they know it; else `AttributeError`."""
        return self.residuals.jacobian  # pyright: ignore

    @property
    def normal_equations(self) -> Any:
        """Those that the residuals know; else `AttributeError`."""
        return self.residuals.normal_equations  # pyright: ignore


def _flat(fun: Callable, unravel: Callable) -> Callable:
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
