"""How well a step was predicted: what Newton and Levenberg–Marquardt adapt to."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

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
