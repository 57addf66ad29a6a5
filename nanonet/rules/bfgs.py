"""BFGS and L-BFGS: Newton's step with H⁻¹ learnt from gradients (page 10 of the notes).

Broyden, Fletcher, Goldfarb and Shanno's is the secant method's heir: over each step Δθ
the gradient changes by Δ∇J, and B is changed as little as makes B Δ∇J = Δθ, which H⁻¹
does where J is quadratic.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree

from nanonet._internal.checks import check_count, check_dense
from nanonet.objectives.modes import ScalarFunction, ravel_real
from nanonet.rules._parts.box import box_of, free_in, only, reduced
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.objective import flattened
from nanonet.rules._parts.rule import rule


class BfgsState(NamedTuple):
    """State of `scale_by_bfgs`."""

    params: Float[Array, " n"]  # θ of the last update
    gradient: Float[Array, " n"]  # ∇J there
    inverse: Float[Array, "n n"]  # B, for H⁻¹
    pairs: Int[Array, ""]  # differences learnt since B was I; -1 before the first step


@rule
def bfgs() -> optax.GradientTransformation:
    """BFGS, with a line search by Wolfe's strong conditions.

    ::

        θ ← θ - α B ∇J
        B ← (I - ρ s yᵀ) B (I - ρ y sᵀ) + ρ s sᵀ
        s = Δθ,  y = Δ∇J,  ρ = 1 / s·y

    B starts as the identity, scaled to a step of length 1 at the most, and once the
    first s and y are known, as (s·y / y·y) I. A pair with s·y ≤ √ε ‖s‖‖y‖ is left out,
    so that B stays positive definite and J falls along the step. After a line search
    that finds no lower J, B starts anew.

    ``update`` needs the parameters, ``value``, ``grad`` and ``value_fn``, as `minimize`
    and optax's line searches pass them.

    Raises:
      ValueError: B would take more than 4 GiB; use `lbfgs` then.

    Source: page 10 of the notes; Nocedal & Wright, *Numerical Optimization*, algorithm
    6.1; Shanno & Phua, "Matrix conditioning and nonlinear optimization", 1978.

    >>> from nanonet.solve.minimize import minimize
    >>> rosenbrock = lambda t: 100 * (t[1] - t[0] ** 2) ** 2 + (1 - t[0]) ** 2
    >>> result = minimize(rosenbrock, jnp.array([-1.2, 1.0]), bfgs(), gtol=1e-2)
    >>> print(bool(result.value < 1e-4))
    True
    """
    return optax.chain(scale_by_bfgs(), optax.scale(-1.0), scale_by_wolfe_search())


@rule
def scale_by_bfgs() -> optax.GradientTransformation:
    """B ∇J, B being BFGS's approximation of H⁻¹; see `bfgs`."""

    def init(params: PyTree) -> BfgsState:
        theta, _ = ravel_real(params)
        check_dense("params", theta)
        return BfgsState(
            params=jnp.zeros_like(theta),
            gradient=jnp.zeros_like(theta),
            inverse=jnp.eye(theta.size, dtype=theta.dtype),
            pairs=jnp.int32(-1),
        )

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, BfgsState]:
        gradient, unravel = ravel_pytree(updates)
        theta, _ = ravel_pytree(params)
        s, y = theta - state.params, gradient - state.gradient
        stuck = jnp.all(s == 0)
        B = jnp.where(stuck, jnp.eye(theta.size, dtype=theta.dtype), state.inverse)
        pairs = jnp.where(stuck, 0, jnp.maximum(state.pairs, 0))
        root_eps = jnp.sqrt(jnp.finfo(theta.dtype).eps)
        curved = s @ y > root_eps * jnp.linalg.norm(s) * jnp.linalg.norm(y)
        curved &= state.pairs >= 0
        B = jnp.where(curved, _learnt(B, s, y, pairs), B)
        pairs = pairs + curved.astype(jnp.int32)
        free = free_in(box_of(value_fn, params), theta, gradient)
        step = B @ gradient if free is None else reduced(B, free, gradient)
        # The identity knows nothing of J's scale.
        slope = only(free, gradient)
        length = jnp.linalg.norm(slope)
        step = jnp.where(pairs == 0, slope / jnp.maximum(length, 1), step)
        return unravel(step), BfgsState(theta, gradient, B, pairs)

    return optax.GradientTransformationExtraArgs(init, update)


@rule
def lbfgs(memory_size: int = 10) -> optax.GradientTransformation:
    """L-BFGS: `bfgs` for parameters too many for a matrix, in O(memory_size n).

    ::

        q ← ∇J                                        # two loops in place of B ∇J
        a_i ← ρ_i s_i·q,   q ← q - a_i y_i            # from the newest pair back
        q ← γ q,           γ = s·y / y·y              # of the newest pair
        q ← q + (a_i - ρ_i y_i·q) s_i                 # from the oldest pair on
        θ ← θ - α q                                   # α of the line search

    with the last pairs s = Δθ, y = Δ∇J and ρ = 1/(s·y): `optax.scale_by_lbfgs`, which
    begins anew after a line search that finds no lower J. Parameters may be complex.

    Args:
      memory_size: pairs of s and y that are kept.

    Raises:
      ValueError: ``memory_size`` is less than 1; TypeError: it is not whole.

    Source: Nocedal & Wright, *Numerical Optimization*, algorithms 7.4 and 7.5.

    >>> import nanonet
    >>> def J(theta):  # a bowl of 1,000 parameters, 100 times as steep one way
    ...     return jnp.sum(jnp.linspace(1, 100, 1000) * (theta - 1) ** 2)
    >>> result = nanonet.minimize(J, jnp.zeros(1000), lbfgs(), max_steps=100)
    >>> print(bool(jnp.allclose(result.params, 1, atol=1e-3)))
    True
    """
    memory_size = check_count("memory_size", memory_size, at_least=1)
    return optax.chain(
        scale_by_lbfgs(memory_size), optax.scale(-1.0), scale_by_wolfe_search()
    )


class LbfgsState(NamedTuple):
    """State of `lbfgs`."""

    pairs: Any  # state of `optax.scale_by_lbfgs`, on vectors
    gradient: Float[Array, " n"]  # of the last update, that of held parameters too


@rule
def scale_by_lbfgs(memory_size: int = 10) -> optax.GradientTransformation:
    """B ∇J over the parameters that no bound holds, on vectors; see `lbfgs`.

    It begins anew where it has not moved from the last point.
    """
    inner: Any = optax.scale_by_lbfgs(memory_size)

    def init(params: PyTree) -> LbfgsState:
        theta, _ = flattened(params)
        return LbfgsState(inner.init(theta), jnp.zeros_like(theta))

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, LbfgsState]:
        gradient, back = flattened(updates)
        theta, _ = flattened(params)
        stuck = jnp.all(theta == state.pairs.params)
        pairs = optax.tree.where(stuck, inner.init(theta), state.pairs)
        free = free_in(box_of(value_fn, params), theta, gradient)
        if free is not None:
            pairs = pairs._replace(updates=only(free, state.gradient))
        with jax.numpy_dtype_promotion("standard"):  # optax's, of its counts
            step, pairs = inner.update(only(free, gradient), pairs, theta)
        return back(only(free, jnp.asarray(step))), LbfgsState(pairs, gradient)

    return optax.GradientTransformationExtraArgs(init, update)


def _learnt(B: Array, s: Array, y: Array, pairs: Array) -> Float[Array, "n n"]:
    B = jnp.where(pairs == 0, (s @ y) / (y @ y), 1) * B
    By = B @ y
    rho = 1 / (s @ y)
    crossed = jnp.outer(s, By)
    return (
        B - rho * (crossed + crossed.T) + rho * (1 + rho * (y @ By)) * jnp.outer(s, s)
    )
