"""What a rule that evaluates J itself tells the loop: nothing is done twice."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from nanonet.rules._parts.evaluated import Evaluated
from nanonet.rules._parts.evaluated import without_memory as without_memory


class Told(NamedTuple):
    """What there is to tell after an update."""

    evaluated: tuple[Evaluated, ...]
    """Points at which J and ∇J are known."""

    evaluations: Int[Array, ""]
    """Evaluations of J in the update."""

    stalled: Bool[Array, ""] | bool
    """Whether J cannot be made smaller in this precision."""

    damping: Float[Array, ""] | float
    """μ of a rule that has one; else NaN."""


def told_by(state: optax.OptState) -> Told:
    """All that a rule's state tells."""
    found = optax.tree.get_all_with_path(state, "damping")
    known = optax.tree.get(state, "evaluated")
    evaluations = optax.tree.get(state, "evaluations", 0)
    return Told(
        evaluated=() if known is None else (known,),
        evaluations=jnp.int32(
            evaluations + optax.tree.get(state, "num_linesearch_steps", 0)
        ),
        stalled=optax.tree.get(state, "stalled", False),
        damping=next((d for _, d in found), jnp.nan),
    )


def with_damping(state: Any, damping: Array | float) -> Any:
    """The state of a rule that goes on with this damping, if it has one."""
    if optax.tree.get(state, "damping") is None:
        return state
    return optax.tree.set(state, damping=damping)
