"""A step tried, and how well it was predicted; Newton and Levenberg–Marquardt adapt."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet.objectives.modes import ScalarFunction
from nanonet.rules._parts.told import Told

Scalar = Float[Array, ""]

UNSEEN_LIMIT = 16


class Step(NamedTuple):
    """A step, and what the model of J that it comes from says of it."""

    change: Float[Array, " n"]  # p
    norm: Scalar  # ‖p‖, in the rule's own scale
    predicted: Scalar  # the fall of J
    own: Bool[Array, ""]  # whether it leads to the model's minimum: it is not shortened


class Course(NamedTuple):
    """What the last steps came to."""

    rejected: Bool[Array, ""]  # whether the last one was
    hidden: Bool[Array, ""]  # whether it was too short for J, or for θ
    norm: Scalar  # ‖p‖ of the last, if it was the model's own and J hid it; else large
    unseen: Int[Array, ""]  # steps that J did not show, since it was last seen to fall
    failed: Bool[Array, ""]  # whether a large fall was predicted since, and not seen
    turned: Bool[Array, ""]  # whether the slope turned round within an unseen step


class Trial(NamedTuple):
    """What became of a step."""

    gain: Scalar  # ρ, the fall of J over the predicted one; not above 0: no fall
    taken: Bool[Array, ""]
    unseen: Bool[Array, ""]  # too short for J, or, not after a rejection, for θ
    memory: Any  # J's expansion where the rule goes on; None: nothing is remembered
    course: Course
    told: Told


def set_out(zero: Scalar) -> Course:
    """Before the first step."""
    no = jnp.bool_(False)
    return Course(no, no, zero + jnp.finfo(zero.dtype).max, jnp.int32(0), no, no)


def attempt(
    J: ScalarFunction,
    expand: Callable[[PyTree], Any],
    here: Any,
    theta: Array,
    unravel: Callable[[Array], PyTree],
    step: Step,
    memory: Any,
    course: Course,
) -> Trial:
    """Go where the step leads, if J falls there, and can be expanded if that is needed.

    ρ is taken to be 1 where both the fall of J and the predicted one are below the
    rounding of J. Near a minimum J is flat: θ is still wrong by the root of ε when J no
    longer shows it, and such a step is believed, not measured.

    The rule has stalled where the model's own step changes no θ, or does not shrink
    although J does not show it; where steps were rejected until they changed no θ; or
    about a kink, where unseen steps and rejected ones take turns for ever. It is for
    want of precision if that was the model's own step, if none failed that was to
    change the first half of J's digits, or if the slope turned round, at a kink. Else J
    does not go where its derivatives say.

    Args:
      J: the objective.
      expand: J's expansion about a point, as `here` is one, which knows J there.
      here: where the step begins.
      theta: that point, as a vector.
      unravel: from such a vector to the parameters.
      step: the step.
      memory: None where expansions are not remembered.
      course: of the last steps.
    """
    value = here.evaluated.value
    new_params = unravel(theta + step.change)
    change = value - J(new_params).astype(value.dtype)
    rounding = 64 * jnp.finfo(value.dtype).eps * jnp.abs(value)
    hidden = (jnp.abs(step.predicted) <= rounding) & (jnp.abs(change) <= rounding)
    gain = jnp.where(hidden, 1, change / step.predicted)
    # Cut short by bounds, a step may be one up which the model rises.
    down = hidden | (step.predicted > 0)
    gain = jnp.where(down & jnp.isfinite(gain), gain, -1)
    taken = gain > 0
    turned = jnp.bool_(False)  # where nothing is remembered, nobody knows
    if memory is not None:
        taken, memory = lax.cond(
            taken, lambda: _if_finite(expand(new_params), here), lambda: (taken, here)
        )
        ahead, _ = ravel_pytree(memory.evaluated.grad)
        turned = taken & (step.change @ ahead > 0)

    nothing = _changes_nothing(step.change, theta)
    unseen = hidden | (nothing & ~course.rejected)
    # A region too narrow for its steps to be seen may still grow.
    counts = unseen & (step.own | course.rejected)
    falls, rejected = taken & ~unseen, ~taken & ~unseen
    count = jnp.where(falls, 0, course.unseen + counts.astype(jnp.int32))
    slope, _ = ravel_pytree(here.evaluated.grad)
    digits = jnp.sqrt(64 * jnp.finfo(value.dtype).eps)
    limit = rounding_of(theta, value, slope) / digits
    shown = (step.predicted > limit) | ~jnp.isfinite(limit)
    failed = ~falls & (course.failed | (rejected & shown))
    turned = ~falls & (course.turned | turned)
    at_end = step.own & (nothing | (hidden & (step.norm >= course.norm)))
    told = Told(
        evaluations=jnp.int32(1),
        stalled=at_end | (nothing & course.rejected) | (count >= UNSEEN_LIMIT),
        precise=at_end | ~failed | turned,
    )
    course = Course(
        rejected=rejected,
        hidden=unseen,
        norm=jnp.where(hidden & step.own, step.norm, jnp.finfo(value.dtype).max),
        unseen=count,
        failed=failed,
        turned=turned,
    )
    return Trial(gain, taken, unseen, memory, course, told)


def _if_finite(there: PyTree, here: PyTree) -> tuple[Bool[Array, ""], PyTree]:
    """Whether an expansion is finite, and it or else the other.

    By a choice of branches, because one of leaves would be a program for each.
    """
    finite = jnp.all(jnp.isfinite(ravel_pytree(there)[0]))
    return finite, lax.cond(finite, lambda: there, lambda: here)


def _changes_nothing(step: Array, theta: Array) -> Bool[Array, ""]:
    """Whether no parameter changes by more than its rounding."""
    eps, sizes = jnp.finfo(theta.dtype).eps, jnp.abs(theta)
    return jnp.all(jnp.abs(step) <= eps * (sizes + eps * jnp.max(sizes, initial=0)))


def rounding_of(theta: Array, value: Scalar, slope: Array) -> Scalar:
    """What J changes by where it or θ is rounded, several times over."""
    eps = 64 * jnp.finfo(theta.dtype).eps
    return eps * (jnp.abs(value) + jnp.abs(theta) @ jnp.abs(slope))
