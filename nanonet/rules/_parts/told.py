"""What a rule that evaluates J itself tells the loop: nothing is done twice.

Such a rule's state holds a `Told`, which is found by its type wherever it is: rules may
be chained, wrapped and masked as optax likes, and each is heard.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int

from nanonet.rules._parts.evaluated import Evaluated
from nanonet.rules._parts.evaluated import without_memory as without_memory


class Told(NamedTuple):
    """What a rule has to tell after an update."""

    evaluations: Int[Array, ""] | int = 0
    """Evaluations of J in the update."""

    stalled: Bool[Array, ""] | bool = False
    """Whether the rule finds no lower J."""

    precise: Bool[Array, ""] | bool = False
    """Whether that is because the change that it predicts is below J's rounding."""

    damping: Any = None
    """μ, a scalar, of a rule that has one."""

    evaluated: tuple[Evaluated, ...] = ()
    """Points at which J and ∇J are known; those that a memory holds need no mention."""


# Optax's line searches say in their own way what they evaluated.
_SEARCHES = (
    optax.ScaleByZoomLinesearchState,
    optax.ScaleByBacktrackingLinesearchState,
)
_TELLING = (Told, Evaluated, *_SEARCHES)


def told_by(state: optax.OptState) -> Told:
    """All that the rules in a state tell.

    They have stalled if each has; the damping is the first, or NaN.
    """
    evaluations, dampings, evaluated = jnp.int32(0), [], ()
    ends: list[Told] = []
    for found in _leaves(state, _TELLING):
        match found:
            case Told():
                evaluations = evaluations + found.evaluations
                ends.append(found)
                dampings += [found.damping] * (found.damping is not None)
                evaluated += found.evaluated
            case Evaluated():
                evaluated += (found,)
            case _ if isinstance(found, _SEARCHES):
                tried = jnp.asarray(found.info.num_linesearch_steps)
                evaluations = evaluations + tried.astype(jnp.int32)
    stalled, precise = jnp.bool_(bool(ends)), jnp.bool_(True)
    for told in ends:
        stalled, precise = stalled & told.stalled, precise & told.precise
    return Told(evaluations, stalled, precise, next(iter(dampings), jnp.nan), evaluated)


def with_damping(state: Any, damping: Array | float) -> Any:
    """The state of a rule that goes on with this damping, if it has one."""

    def damped(found: Any) -> Any:
        has_one = isinstance(found, Told) and found.damping is not None
        return found._replace(damping=damping) if has_one else found

    return jax.tree.map(damped, state, is_leaf=lambda node: isinstance(node, Told))


def _leaves(state: optax.OptState, types: tuple[type, ...]) -> list[Any]:
    return jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, types))
