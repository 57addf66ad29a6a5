"""The line search of the quasi-Newton rules."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet.objectives.modes import ScalarFunction
from nanonet.rules._parts.box import box_of, free_in, only, shortened
from nanonet.rules._parts.memory import nowhere
from nanonet.rules._parts.objective import AtPoint, flattened, masked_like, on_vector
from nanonet.rules._parts.rule import rule
from nanonet.rules._parts.told import Evaluated, Told
from nanonet.rules._parts.trial import rounding_of
from nanonet.rules._parts.wolfe import Line, search

Scalar = Float[Array, ""]

# Steps running that bring neither J nor ∇J down to speak of.
MAX_IDLE = 20


class WolfeSearchState(NamedTuple):
    """State of `scale_by_wolfe_search`."""

    learning_rate: Scalar  # α, found by the last search; 0: none
    value: Scalar  # J where it or ∇J last came down
    slope: Scalar  # the largest entry of ∇J there
    idle: Int[Array, ""]  # steps since then
    told: Told  # of where the step leads


@rule
def scale_by_wolfe_search() -> optax.GradientTransformation:
    """Scale a step by an α that satisfies Wolfe's strong conditions.

    ::

        J(θ + αp) ≤ J(θ) + 10⁻⁴ α p·∇J(θ)
        |p·∇J(θ + αp)| ≤ 0.9 |p·∇J(θ)|

    The search starts at α = 1; where no trial satisfies both, it takes the one of least
    J. If none has a lower J, or p leads up, the step is 0, which makes `bfgs` and
    `lbfgs` forget what they learnt. The next search goes down -∇J, from where J would
    fall to 0 if it were straight, through all lengths that can be told from none. If
    that finds nothing either, or if J and ∇J have not come down for some steps, the
    state says ``stalled``. J never rises by more than its rounding.

    Source: Nocedal & Wright, *Numerical Optimization*, algorithms 3.5 and 3.6; Hager &
    Zhang, 2006, for the decrease that rounding hides.
    """

    def init(params: PyTree) -> WolfeSearchState:
        start = nowhere(params)
        zero = jnp.zeros_like(start.value)
        most = zero + jnp.finfo(zero.dtype).max
        told = Told(jnp.int32(0), jnp.bool_(False), jnp.bool_(False), None, (start,))
        return WolfeSearchState(zero + 1, most, most, jnp.int32(0), told)

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value: Any = None,
        grad: PyTree | None = None,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, WolfeSearchState]:
        if value_fn is None or params is None or value is None or grad is None:
            raise ValueError(
                "A line search needs params, value=J, grad=∇J and value_fn: "
                "update(gradient, state, params, value=..., grad=..., value_fn=...), "
                "as minimize calls it."
            )
        line, last_resort = line_of(updates, state, params, value, grad, value_fn)
        theta, back = flattened(params)
        found, rounding = search(line), line.rounding
        best = found.best

        size = jnp.max(jnp.abs(best.gradient), initial=0)
        advanced = (best.value < state.value - rounding) | (2 * size < state.slope)
        idle = jnp.where(advanced, 0, state.idle + 1)
        change = shortened(line.box, theta, best.alpha * line.p)
        # XLA flushes a change below the least number to 0: then θ cannot go there.
        fell = (best.alpha > 0) & jnp.any(change != 0)
        step = back(jnp.where(fell, change, 0))
        there = Evaluated(
            optax.apply_updates(params, step), best.value, back(best.gradient)
        )
        here = Evaluated(params, line.value, back(line.gradient))
        told = Told(
            evaluations=found.trials,
            stalled=(last_resort & ~fell) | (idle >= MAX_IDLE),
            precise=jnp.isfinite(rounding)
            & ~found.astray
            & jnp.where(fell, -best.alpha * line.slope <= rounding, found.spent),
            evaluated=(optax.tree.where(fell, there, here),),
        )
        return step, WolfeSearchState(
            jnp.where(fell, best.alpha, 0),
            jnp.where(advanced, best.value, state.value),
            jnp.where(advanced, size, state.slope),
            idle,
            told,
        )

    return optax.GradientTransformationExtraArgs(init, update)


def line_of(
    updates: PyTree,
    state: WolfeSearchState,
    params: PyTree,
    value: Any,
    grad: PyTree,
    value_fn: ScalarFunction,
) -> tuple[Line, Bool[Array, ""]]:
    """The line to search along, and whether it is that of the last resort, -∇J."""
    theta, back = flattened(params)
    value = jnp.asarray(value, theta.dtype)
    slope = flattened(masked_like(params, grad))[0].astype(theta.dtype)
    p = flattened(updates)[0].astype(theta.dtype)
    last_resort = (state.learning_rate == 0) | ~(slope @ p < 0)
    last_resort |= state.idle >= MAX_IDLE - 2
    box = box_of(value_fn, params)
    free = free_in(box, theta, slope)
    down = _steepest(theta, value, only(free, slope))
    p = jnp.where(last_resort, down, only(free, p))
    if isinstance(value_fn, AtPoint):
        value_fn = value_fn.seen_with(params)
    J = on_vector(value_fn, back)
    rounding = rounding_of(theta, value, slope)
    return Line(J, theta, p, value, slope, slope @ p, rounding, box), last_resort


def _steepest(theta: Array, value: Scalar, slope: Array) -> Array:
    """Down -∇J, to where J would be 0 if it were straight."""
    size = jnp.max(jnp.abs(slope), initial=jnp.finfo(slope.dtype).tiny)
    u = slope / size
    length = jnp.abs(value) / size / (u @ u)
    largest = jnp.sqrt(jnp.finfo(slope.dtype).max)
    unknown = jnp.maximum(jnp.max(jnp.abs(theta), initial=0), 1)
    length = jnp.where(length > 0, jnp.minimum(length, largest), unknown)
    return -length * u
