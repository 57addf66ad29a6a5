"""The search along a line for a step length that satisfies Wolfe's conditions."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from nanonet.objectives.bounded import Box

Scalar = Float[Array, ""]
Vector = Float[Array, " n"]
Flag = Bool[Array, ""]

MAX_TRIALS = 30

#: The share of its first slope by which J is to fall, and to which the slope is to.
ARMIJO, CURVATURE = 1e-4, 0.9

#: What J may rise by where its rounding hides whether it falls, in ε |J|.
ROUNDINGS = 64

#: How much of a parameter is left where a step has nearly canceled it.
CANCELED = 1e-3


class Mark(NamedTuple):
    """J along the line."""

    alpha: Scalar
    value: Scalar
    slope: Scalar


class Trial(NamedTuple):
    """What was found at one α."""

    mark: Mark
    gradient: Vector
    moved: Flag  # whether θ + αp is not θ
    finite: Flag  # and told from what its rounding makes of it
    fall: Scalar  # of which J is to fall by a share: α p·∇J(θ), where nothing is held
    seen: Flag  # Armijo's condition
    enough: Flag  # that; or its slope says so, where J's rounding hides it
    wolfe: Flag  # both conditions


class Best(NamedTuple):
    """The α of least J so far."""

    alpha: Scalar  # 0: none yet
    value: Scalar
    gradient: Vector


class Search(NamedTuple):
    """How far a search has come."""

    trials: Int[Array, ""]
    low: Mark  # the end of the bracket that satisfies the first condition
    high: Mark  # the other end
    third: Mark  # one that was an end, for the cubic
    bracketed: Flag
    done: Flag
    spent: Flag  # what is left of it is below the rounding
    astray: Flag  # J rises, or is not finite, where ∇J says that it falls
    best: Best


@dataclasses.dataclass(frozen=True)
class Line:
    """A search along p from θ, and along the bounds that it meets; see `search`."""

    J: Callable[[Vector], tuple[Scalar, Vector]]
    theta: Vector
    p: Vector
    value: Scalar
    """J(θ)."""

    gradient: Vector
    """∇J(θ)."""

    slope: Scalar
    """Of J along p, at θ."""

    rounding: Scalar
    """What J changes by where it or θ is rounded."""

    box: Box | None

    def start(self) -> Search:
        """Before the first trial."""
        mark = Mark(jnp.zeros_like(self.value), self.value, self.slope)
        no = jnp.bool_(False)
        nothing = Best(mark.alpha, self.value + jnp.inf, self.gradient)
        return Search(jnp.int32(0), mark, mark, mark, no, no, no, no, nothing)

    def going(self, now: Search) -> Flag:
        """Whether there is another trial."""
        return ~now.done & (now.trials < MAX_TRIALS)

    def advance(self, now: Search) -> Search:
        """One trial more."""
        return self.after(now, self.tried(now))

    def tried(self, now: Search) -> Trial:
        """J and its slope at the next α, and which conditions they satisfy."""
        longer = jnp.where(now.trials == 0, 1, 2 * now.low.alpha)
        inner = between(now.low, now.high, now.third)
        alpha = jnp.where(now.bracketed, inner, longer)
        theta, slope = self.theta + alpha * self.p, self.slope
        value, gradient = self.J(theta)
        finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
        finite &= self.tells(theta, gradient)
        value = jnp.where(finite, value, jnp.inf)
        if self.box is None:
            along, fall = self.p, alpha * slope
        else:
            along = jnp.where(self.box.holds(theta), self.p, 0)
            nearest = self.box.inside(theta)
            fall = jnp.minimum(self.gradient @ (nearest - self.theta), 0)
        new = Mark(alpha, value, gradient @ along)
        seen = value <= self.value + ARMIJO * fall
        rounding = ROUNDINGS * jnp.finfo(theta.dtype).eps * jnp.abs(self.value)
        unseen = value <= self.value + rounding
        unseen &= new.slope <= (2 * ARMIJO - 1) * slope
        enough = finite & (seen | unseen)
        wolfe = enough & (jnp.abs(new.slope) <= CURVATURE * jnp.abs(slope))
        moved = jnp.any(theta != self.theta)
        return Trial(new, gradient, moved, finite, fall, seen, enough, wolfe)

    def tells(self, theta: Vector, gradient: Vector) -> Flag:
        """Whether J at θ + αp can be told from J where its rounding leads.

        XLA may round αp before it is added to θ, or not, and the search and the step
        need not agree. Where the two nearly cancel, J = log θ, say, is another there.
        """
        canceled = jnp.abs(theta) <= CANCELED * jnp.abs(self.theta)
        moves = jnp.where(canceled, jnp.abs(self.theta * gradient), 0)
        return jnp.finfo(theta.dtype).eps * jnp.sum(moves) <= self.rounding

    def after(self, now: Search, trial: Trial) -> Search:
        """What the trial leaves of the line, and whether that is the end."""
        low, high, best, new = now.low, now.high, now.best, trial.mark
        eps = jnp.finfo(self.theta.dtype).eps
        too_far = ~trial.enough | (new.value >= low.value) & (now.trials != 0)
        onward = jnp.where(now.bracketed, high.alpha - low.alpha, 1)
        turned = ~too_far & (new.slope * onward >= 0)
        new_high = optax.tree.where(too_far, new, optax.tree.where(turned, low, high))
        new_low = optax.tree.where(too_far, low, new)
        third = optax.tree.where(now.bracketed & (too_far | turned), high, low)
        bracketed = now.bracketed | too_far | turned

        better = (trial.enough | (new.value < self.value)) & (new.value < best.value)
        here = Best(new.alpha, new.value, trial.gradient)
        best = optax.tree.where((trial.wolfe | better) & trial.moved, here, best)
        narrow = jnp.abs(new_high.alpha - new_low.alpha) <= 1e-5 * new.alpha
        rise = new.value - self.value
        # Were it steeper than that, it would be rounding.
        steep = rise <= -10 * new.alpha * self.slope
        astray = ~trial.finite | (new.slope < 0) & steep
        unseen = -new.alpha * self.slope <= eps * jnp.abs(self.value)
        spent = bracketed & (~trial.moved | unseen)
        return Search(
            now.trials + 1,
            new_low,
            new_high,
            third,
            bracketed,
            done=trial.wolfe | jnp.where(best.alpha > 0, narrow, spent),
            astray=jnp.where(rise > self.rounding, astray, now.astray),
            spent=spent,
            best=best,
        )


def search(line: Line) -> Search:
    """Try one α after another, until one satisfies both conditions, or none will."""
    return lax.while_loop(line.going, line.advance, line.start())


def searched(line: Line) -> tuple[Search, Any]:
    """The same, and all that it went through.

    Returns:
      The end; and before each of `MAX_TRIALS` trials whether there was one, how far the
      search had come, and what was found, each with a leading axis.
    """

    def look(now: Search, _: None) -> tuple[Search, Any]:
        going, trial = line.going(now), line.tried(now)
        return optax.tree.where(going, line.after(now, trial), now), (going, now, trial)

    return lax.scan(look, line.start(), length=MAX_TRIALS)


def between(low: Mark, high: Mark, third: Mark) -> Scalar:
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
