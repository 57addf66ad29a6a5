"""What a rule that evaluates J by itself tells the loop, so that nothing is done twice.

Such a rule's state holds an `Evaluated`, which is found by its type. The point is kept
beside the values: in a chain, what comes after the rule may change where its step
leads, and then the values are of no use.

Where it holds derivatives too, an expansion of J, it does so under the name ``memory``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PyTree

from nanonet.rules._parts.flat import flattened
from nanonet.rules._parts.objective import AtPoint


class Evaluated(NamedTuple):
    """J and ∇J at a point."""

    params: PyTree  # the point
    value: Float[Array, ""]  # J
    grad: PyTree  # ∇J, like the parameters

    def is_at(self, params: PyTree) -> Bool[Array, ""]:
        """Whether this is the point."""
        return jnp.all(ravel_pytree(self.params)[0] == ravel_pytree(params)[0])


def nowhere(params: PyTree) -> Evaluated:
    """What a state holds before the first step: a point where nobody ever is.

    NaN would be nowhere too, but stops those who debug with ``jax_debug_nans``.
    """
    theta, _ = flattened(params)
    return Evaluated(
        params=jax.tree.map(
            lambda leaf: jnp.full_like(leaf, jnp.finfo(jnp.result_type(leaf)).max),
            params,
        ),
        value=jnp.zeros((), theta.dtype),
        grad=optax.tree.zeros_like(params),
    )


def chosen(condition: Bool[Array, ""], new: PyTree, old: PyTree) -> PyTree:
    """Choose ``new``, leaf by leaf, where the condition holds; else ``old``."""
    return jax.tree.map(lambda new, old: jnp.where(condition, new, old), new, old)


def expanded(
    fun: Callable, expand: Callable[[PyTree], Any], params: PyTree, memory: Any
) -> Any:
    """``expand(params)``, or ``memory`` if it is of this point; it may be None.

    It is of no use to a function that depends on masked parameters too.
    """
    if memory is None or isinstance(fun, AtPoint):
        return expand(params)
    return lax.cond(
        memory.evaluated.is_at(params), lambda: memory, lambda: expand(params)
    )


def without_memory(state: PyTree) -> PyTree:
    """The state of a rule that expands J anew in each step.

    Where many networks are trained side by side, both branches of a choice are computed
    for all, so that memory saves nothing and has to be carried.
    """
    has_memory = optax.tree.get_all_with_path(state, "memory")
    return optax.tree.set(state, memory=None) if has_memory else state
