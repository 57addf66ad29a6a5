"""The exponentially weighted moving average, pages 3 and 4 of the notes.

Momentum is the EWMA of the gradient, RMSprop divides by the root of the EWMA of its
square, and Adam does both: their pages are written with `average` and `corrected`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Inexact, PyTree

from nanonet._internal.checks import check_match, check_numbers
from nanonet.rules._parts.rule import Number, check_decay, rule


class EwmaState(NamedTuple):
    """State of `ewma`."""

    count: Any  # int32: steps, as optax keeps them; nothing follows from it
    ema: PyTree  # v, a tree like the updates, in their dtype or accumulator_dtype
    weight: PyTree  # the EWMA of 1: shape (), default float dtype; None: not debiased


@rule
def ewma(beta: Number, debias: bool = True) -> optax.GradientTransformation:
    """Exponentially weighted moving average of the updates.

    ::

        v(t) = β v(t-1) + (1-β) x(t),      v(0) = 0
        v̂(t) = v(t) / (1-βᵗ)               bias correction

    The average starts at 0, so its weights sum to less than 1, to 1-βᵗ. That sum is
    what the average of x(t) = 1 would be,

    ::

        w(t) = β w(t-1) + (1-β) = 1-βᵗ,    w(0) = 0

    and is carried as such beside v: v̂ = v/w. There is no power to compute, and v and w
    are rounded alike, so that the average of a constant is that constant. (In float32
    the power is wrong by one part in 10⁵ at t = 1, β = 0.999, because 1-β is computed
    from a rounded β.)

    Args:
      beta: β, 0 ≤ β < 1; the average looks back about 1/(1-β) steps.
      debias: give v̂, not v.

    Raises:
      ValueError: β is outside [0, 1).

    Source: pages 3 and 4 of the notes. `ema` is the same with optax's names.

    >>> rule = ewma(0.9)
    >>> state = rule.init(0.0)
    >>> for x in [10.0, 12.0]:
    ...     v_hat, state = rule.update(x, state)
    ...     print(f"v = {state.ema:.3f}, corrected {v_hat:.3f}")
    v = 1.000, corrected 10.000
    v = 2.100, corrected 11.053
    """
    check_decay(beta=beta)
    return ema(beta, debias)


@rule
def ema(
    decay: Number, debias: bool = True, accumulator_dtype: DTypeLike | None = None
) -> optax.GradientTransformation:
    """Drop-in for `optax.ema`: `ewma` with β called ``decay``.

    Args:
      decay: β.
      debias: give v̂, not v.
      accumulator_dtype: dtype of v in the state, else that of the parameters.

    >>> ema(1.0)
    Traceback (most recent call last):
    ValueError: decay=1.0 must be ≥ 0 and < 1.
    """
    check_decay(decay=decay)
    one = 1.0 if debias else None

    def init(params: PyTree) -> EwmaState:
        return EwmaState(jnp.int32(0), zeros(params, accumulator_dtype), zeros(one))

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, EwmaState]:
        v = average(decay, updates, state.ema)
        weight = average(decay, one, state.weight)
        count = optax.safe_increment(state.count)
        return corrected(v, weight), EwmaState(count, v, weight)

    return optax.GradientTransformation(init, update)


def average(beta: Number, x: PyTree, v: PyTree) -> PyTree:
    """One step of the average: βv + (1-β)x, leaf by leaf."""
    check_match("updates", x, "the state", v)
    return jax.tree.map(lambda x, v: beta * v + (1 - beta) * x, x, v)


def corrected(v: PyTree, weight: Float[Array, ""] | None) -> PyTree:
    """v̂ = v/w, the average with its bias corrected; v where there is no weight."""
    if weight is None:
        return v
    inverse = 1 / weight  # one division for all, which are slower than products
    return jax.tree.map(lambda v: v * inverse.astype(jnp.finfo(v.dtype).dtype), v)


def zeros(params: PyTree, dtype: DTypeLike | None = None) -> PyTree:
    """v(0): zeros like the parameters; floating point where those are integers."""
    dtype = None if dtype is None else jax.dtypes.canonicalize_dtype(dtype)

    def zero(leaf: Any) -> Array:
        return jnp.zeros_like(leaf, dtype or jnp.result_type(leaf, 0.0))

    return jax.tree.map(zero, params)


def squared(updates: PyTree) -> PyTree:
    """|g|², real for complex g too."""
    return jax.tree.map(lambda g: jnp.real(g * jnp.conj(g)), updates)


def squares_like(params: PyTree, value: Number = 0.0) -> PyTree:
    """A tree of reals for the squares of such parameters, filled with a value.

    It is in float32 at least: the square of 256 overflows in float16, and in bfloat16
    an average with β = 0.999 cannot decay, because 0.999 v rounds to v.
    """

    def fill(leaf: Any) -> Array:
        real = jnp.finfo(jnp.result_type(leaf, 0.0)).dtype
        return jnp.full_like(leaf, value, real if real.itemsize > 2 else jnp.float32)

    return jax.tree.map(fill, params)


def ewma_of(
    x: ArrayLike | Sequence[ArrayLike], beta: Number, debias: bool = True
) -> Inexact[Array, "time ..."]:
    """EWMA of a sequence x(1), x(2), ...: v̂(1), v̂(2), ..., or v; see `ewma`.

    Args:
      x: numbers, or arrays stacked along the first axis; shape [time, ...].
      beta: β, 0 ≤ β < 1.
      debias: give v̂, not v.

    Raises:
      ValueError: β is outside [0, 1), or x is a single number.

    Source: pages 3 and 4 of the notes.

    >>> print(ewma_of([10.0, 12.0], beta=0.9, debias=False))
    [1.  2.1]
    """
    x = jnp.asarray(x, jnp.result_type(float, *jax.tree.leaves(x)))
    if x.ndim == 0:
        raise ValueError(f"x={x} is one number; give a sequence, such as [10.0, 12.0].")
    rule = ewma(beta, debias)

    def step(state: Any, x: Array) -> tuple[Any, Any]:
        v, state = rule.update(x, state)
        return state, v

    return lax.scan(step, rule.init(jnp.zeros(x.shape[1:], x.dtype)), x)[1]


def ewma_weights(
    beta: Number, time: int, debias: bool = False
) -> Float[Array, " time"]:
    """How much each of x(1), ..., x(t) counts in v(t), or in v̂(t).

    ::

        v(4) = β³(1-β) x(1) + β²(1-β) x(2) + β(1-β) x(3) + (1-β) x(4)

    Args:
      beta: β, 0 ≤ β < 1.
      time: t, 1 or more.
      debias: the weights in v̂(t), whose sum is 1; in v(t) it is 1-βᵗ.

    Raises:
      ValueError: β is outside [0, 1), or t < 1.

    Source: page 3 of the notes.

    >>> print(ewma_weights(0.5, 4))
    [0.0625 0.125  0.25   0.5   ]
    """
    check_decay(beta=beta)
    check_numbers("time", time, at_least=1)
    weights = (1 - beta) * beta ** jnp.arange(time - 1.0, -1.0, -1.0)
    return weights / jnp.sum(weights) if debias else weights
