"""What a rule that evaluates J itself tells the loop, so that nothing is done twice.

Such a rule's state holds a `Told`, which is found by its type wherever it is: rules may
be chained, wrapped and masked as optax likes, and each is heard. The point is kept
beside the values: in a chain, what comes after the rule may change where its step
leads, and then the values are of no use.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree


class Evaluated(NamedTuple):
    """J and ∇J at a point."""

    params: PyTree  # the point
    value: Float[Array, ""]  # J
    grad: PyTree  # ∇J, like the parameters

    def is_at(self, params: PyTree) -> Bool[Array, ""]:
        """Whether this is the point."""
        return jnp.all(ravel_pytree(self.params)[0] == ravel_pytree(params)[0])


class Told(NamedTuple):
    """What a rule has to tell after an update."""

    evaluations: Int[Array, ""] | int = 0  # of J, in the update
    stalled: Bool[Array, ""] | bool = False  # whether the rule finds no lower J
    # Whether that is because the change that it predicts is below J's rounding.
    precise: Bool[Array, ""] | bool = False
    damping: Any = None  # μ, a scalar, of a rule that has one
    # Where J and ∇J are known; what a memory holds needs no mention.
    evaluated: tuple[Evaluated, ...] = ()


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
    evaluations, evaluated = jnp.int32(0), ()
    ends: list[Told] = []
    for found in jax.tree.leaves(state, is_leaf=lambda n: isinstance(n, _TELLING)):
        match found:
            case Told():
                evaluations = evaluations + found.evaluations
                ends.append(found)
                evaluated += found.evaluated
            case Evaluated():
                evaluated += (found,)
            case _ if isinstance(found, _SEARCHES):
                tried = jnp.asarray(found.info.num_linesearch_steps)
                evaluations = evaluations + tried.astype(jnp.int32)
    stalled, precise = jnp.bool_(bool(ends)), jnp.bool_(True)
    for told in ends:
        stalled, precise = stalled & told.stalled, precise & told.precise
    damping = next(dampings_of(state), jnp.nan)
    return Told(evaluations, stalled, precise, damping, evaluated)


def dampings_of(state: optax.OptState) -> Iterator[Any]:
    """μ of each rule in a state that has one."""
    for found in jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Told)):
        if isinstance(found, Told) and found.damping is not None:
            yield found.damping


def with_damping(state: Any, damping: Array | float) -> Any:
    """The state of a rule that goes on with this damping, if it has one."""

    def damped(found: Any) -> Any:
        has_one = isinstance(found, Told) and found.damping is not None
        return found._replace(damping=damping) if has_one else found

    return jax.tree.map(damped, state, is_leaf=lambda node: isinstance(node, Told))
