"""The line search of the quasi-Newton rules."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet.objectives.bounded import Box
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.rules._parts.box import box_of, free_in, only, shortened
from nanonet.rules._parts.memory import nowhere
from nanonet.rules._parts.objective import AtPoint, flattened, masked_like, on_vector
from nanonet.rules._parts.rule import rule
from nanonet.rules._parts.told import Evaluated, Told, chosen
from nanonet.rules._parts.trial import rounding_of

Scalar = Float[Array, ""]

MAX_TRIALS = 30

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
        theta, back = flattened(params)
        value = jnp.asarray(value, theta.dtype)
        grad = masked_like(params, grad)
        slope = flattened(grad)[0].astype(theta.dtype)
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
        found = _search(J, theta, p, value, slope, box)
        best, rounding = found.best, rounding_of(theta, value, slope)

        size = jnp.max(jnp.abs(best.gradient), initial=0)
        advanced = (best.value < state.value - rounding) | (2 * size < state.slope)
        idle = jnp.where(advanced, 0, state.idle + 1)
        change = shortened(box, theta, best.alpha * p)
        # XLA flushes a change below the least number to 0: then θ cannot go there.
        fell = (best.alpha > 0) & jnp.any(change != 0)
        step = back(jnp.where(fell, change, 0))
        there = Evaluated(
            optax.apply_updates(params, step), best.value, back(best.gradient)
        )
        told = Told(
            evaluations=found.trials,
            stalled=(last_resort & ~fell) | (idle >= MAX_IDLE),
            precise=jnp.isfinite(rounding)
            & ~found.astray
            & jnp.where(fell, -best.alpha * (slope @ p) <= rounding, found.spent),
            evaluated=(chosen(fell, there, Evaluated(params, value, grad)),),
        )
        return step, WolfeSearchState(
            jnp.where(fell, best.alpha, 0),
            jnp.where(advanced, best.value, state.value),
            jnp.where(advanced, size, state.slope),
            idle,
            told,
        )

    return optax.GradientTransformationExtraArgs(init, update)


def _steepest(theta: Array, value: Scalar, slope: Array) -> Array:
    """Down -∇J, to where J would be 0 if it were straight."""
    size = jnp.max(jnp.abs(slope), initial=jnp.finfo(slope.dtype).tiny)
    u = slope / size
    length = jnp.abs(value) / size / (u @ u)
    largest = jnp.sqrt(jnp.finfo(slope.dtype).max)
    unknown = jnp.maximum(jnp.max(jnp.abs(theta), initial=0), 1)
    length = jnp.where(length > 0, jnp.minimum(length, largest), unknown)
    return -length * u


class _Mark(NamedTuple):
    """J along the line."""

    alpha: Scalar
    value: Scalar
    slope: Scalar


class _Best(NamedTuple):
    alpha: Scalar  # 0: none yet
    value: Scalar
    gradient: Float[Array, " n"]


class _Search(NamedTuple):
    trials: Int[Array, ""]
    low: _Mark  # the end of the bracket that satisfies the first condition
    high: _Mark  # the other end
    third: _Mark  # one that was an end, for the cubic
    bracketed: Bool[Array, ""]
    done: Bool[Array, ""]
    spent: Bool[Array, ""]  # what is left of it is below the rounding
    astray: Bool[Array, ""]  # J rises, or is not finite, where ∇J says that it falls
    best: _Best


def _search(
    J: Any,
    theta: Array,
    p: Array,
    value: Scalar,
    gradient: Array,
    box: Box | None,
) -> _Search:
    """Search along p, and along the bounds that it meets.

    J(θ) is the value, and the gradient is there.
    """
    eps = jnp.finfo(theta.dtype).eps
    slope = gradient @ p
    rounding = rounding_of(theta, value, gradient)

    def going(now: _Search) -> Array:
        return ~now.done & (now.trials < MAX_TRIALS)

    def advance(now: _Search) -> _Search:
        low, high, best = now.low, now.high, now.best
        first = now.trials == 0
        longer = jnp.where(first, 1, 2 * low.alpha)
        alpha = jnp.where(now.bracketed, _between(low, high, now.third), longer)
        new_theta = theta + alpha * p
        new_value, new_gradient = J(new_theta)
        finite = jnp.isfinite(new_value) & jnp.all(jnp.isfinite(new_gradient))
        new_value = jnp.where(finite, new_value, jnp.inf)
        if box is None:
            along, fall = p, alpha * slope
        else:
            nearest = box.inside(new_theta)
            along = jnp.where(box.holds(new_theta), p, 0)
            fall = jnp.minimum(gradient @ (nearest - theta), 0)
        new = _Mark(alpha, new_value, new_gradient @ along)
        seen = new_value <= value + 1e-4 * fall
        unseen = (new_value <= value + 64 * eps * jnp.abs(value)) & (
            new.slope <= (2e-4 - 1) * slope
        )
        enough = finite & (seen | unseen)
        wolfe = enough & (jnp.abs(new.slope) <= 0.9 * jnp.abs(slope))

        too_far = ~enough | (new_value >= low.value) & ~first
        onward = jnp.where(now.bracketed, high.alpha - low.alpha, 1)
        turned = ~too_far & (new.slope * onward >= 0)
        new_high = chosen(too_far, new, chosen(turned, low, high))
        new_low = chosen(too_far, low, new)
        third = chosen(now.bracketed & (too_far | turned), high, low)
        bracketed = now.bracketed | too_far | turned

        moved = jnp.any(new_theta != theta)
        better = (enough | (new_value < value)) & (new_value < best.value)
        here = _Best(alpha, new_value, new_gradient)
        best = chosen((wolfe | better) & moved, here, best)
        narrow = jnp.abs(new_high.alpha - new_low.alpha) <= 1e-5 * alpha
        rise = new_value - value
        # Were it steeper than that, it would be rounding.
        astray = ~finite | (new.slope < 0) & (rise <= -10 * alpha * slope)
        spent = bracketed & (~moved | (-alpha * slope <= eps * jnp.abs(value)))
        return _Search(
            now.trials + 1,
            new_low,
            new_high,
            third,
            bracketed,
            done=wolfe | jnp.where(best.alpha > 0, narrow, spent),
            astray=jnp.where(rise > rounding, astray, now.astray),
            spent=spent,
            best=best,
        )

    start = _Mark(jnp.zeros_like(value), value, slope)
    no = jnp.bool_(False)
    nothing = _Best(jnp.zeros_like(value), value + jnp.inf, gradient)
    return lax.while_loop(
        going,
        advance,
        _Search(jnp.int32(0), start, start, start, no, no, no, no, nothing),
    )


def _between(low: _Mark, high: _Mark, third: _Mark) -> Scalar:
    """Where the cubic through three marks, or else the parabola through two, is least.

    A tenth of the way at the least; half of it where they are unknown, or too far.
    """
    b, c = high.alpha - low.alpha, third.alpha - low.alpha
    rest_b = high.value - low.value - low.slope * b
    rest_c = third.value - low.value - low.slope * c
    scale = 3 / (b**2 * c**2 * (b - c))
    # J ≈ low.value + low.slope x + square x² + cube x³/3
    cube = scale * (c**2 * rest_b - b**2 * rest_c)
    square = scale / 3 * (b**3 * rest_c - c**3 * rest_b)
    cubic = (jnp.sqrt(square**2 - cube * low.slope) - square) / cube / b
    parabola = -low.slope * b / (2 * rest_b)
    share = jnp.where(
        (parabola > 0) & (parabola < 0.9), jnp.maximum(parabola, 0.1), 0.5
    )
    share = jnp.where(jnp.abs(cubic - 0.5) < 0.3, cubic, share)
    outside = ~jnp.isfinite(high.value) & (low.alpha == 0)
    return low.alpha + b * jnp.where(outside, 0.1, share)
