"""A step tried, and how well it was predicted; Newton and Levenberg–Marquardt adapt."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, PyTree

from nanonet.objectives.derivatives import ScalarFunction
from nanonet.rules._parts.evaluated import chosen

Scalar = Float[Array, ""]


class Judgement(NamedTuple):
    """What became of a step."""

    gain: Scalar
    """ρ, the actual fall of J over the predicted one; not above 0: J did not fall."""

    unseen: Bool[Array, ""]
    """Whether both are below the rounding of J; then ρ is taken to be 1."""


def judge(value: Scalar, new_value: Scalar, predicted: Scalar) -> Judgement:
    """Compare J(θ) - J(θ + p) with what the model of J predicted.

    Near a minimum J is flat: θ is still wrong by the root of ε when J no longer shows
    it. A step whose effect is below J's rounding is therefore believed, not measured.
    """
    rounding = 64 * jnp.finfo(value.dtype).eps * jnp.abs(value)
    unseen = (predicted <= rounding) & (jnp.abs(new_value - value) <= rounding)
    gain = jnp.where(unseen, 1, (value - new_value) / predicted)
    return Judgement(jnp.where(jnp.isfinite(gain), gain, -1), unseen)


class Trial(NamedTuple):
    """A step that was tried."""

    judgement: Judgement
    taken: Bool[Array, ""]
    memory: Any  # J's expansion where the rule goes on; None: nothing is remembered


def attempt(
    J: ScalarFunction,
    expand: Callable[[PyTree], Any],
    here: Any,
    new_params: PyTree,
    predicted: Scalar,
    memory: Any,
) -> Trial:
    """Go to the new parameters if J falls there, and can be expanded if that is needed.

    Args:
      J: the objective.
      expand: J's expansion about a point, as `here` is one, which knows J there.
      here: where the step begins.
      new_params: where it leads.
      predicted: the fall of J that the expansion predicts.
      memory: None where expansions are not remembered.
    """
    old_value = here.evaluated.value
    value = J(new_params).astype(old_value.dtype)
    judgement = judge(old_value, value, predicted)
    taken = judgement.gain > 0
    if memory is not None:
        there = lax.cond(taken, lambda: expand(new_params), lambda: here)
        for leaf in jax.tree.leaves(there):
            taken &= jnp.all(jnp.isfinite(leaf))
        memory = chosen(taken, there, here)
    return Trial(judgement, taken, memory)


def stalled(
    judgement: Judgement, step_norm: Scalar, last_step_norm: Scalar, theta_norm: Scalar
) -> Bool[Array, ""]:
    """Whether J cannot be made smaller in this precision.

    Either the step is below the rounding of θ, or there is none, or steps that J does
    not show no longer shrink, as they do until they are rounding themselves. Norms are
    scaled alike.
    """
    below_rounding = step_norm <= jnp.finfo(step_norm.dtype).eps * theta_norm
    not_shrinking = judgement.unseen & (step_norm >= last_step_norm)
    return below_rounding | not_shrinking | ~jnp.isfinite(step_norm)
