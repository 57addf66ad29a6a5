"""What a rule that expands J about each point remembers, so that it does so once.

The step is tried, J is expanded where it leads, and the next step begins from there.
Such a rule's state holds the expansion under the name ``memory``: a tree whose
``evaluated`` says of which point it is.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import PyTree

from nanonet.objectives.bounded import bounds_of
from nanonet.rules._parts.objective import AtPoint, flattened
from nanonet.rules._parts.rule import recipe_of
from nanonet.rules._parts.told import Evaluated


class Expanding(optax.GradientTransformationExtraArgs):
    """A rule that can fill its memory before the first step."""

    expand: Callable[[Any, PyTree], Any]
    """``expand(value_fn, params)``: J's expansion there."""


def expanding(
    init: Callable, update: Callable, expand: Callable[[Any, PyTree], Any]
) -> Expanding:
    """Make such a rule."""
    made = Expanding(init, update)
    made.expand = expand
    return made


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


def remembers(rule: Any, state: Any, fun: Any) -> bool:
    """Whether a state that began as `primed` made it holds J's expansion at each point.

    It does where the rule is alone: in a chain, or where it is wrapped, others may
    change where its step leads, and so may bounds. Of parameters in several precisions
    it holds the joined vector.
    """
    memory = getattr(state, "memory", None)
    if memory is None or bounds_of(fun) is not None or _expansion(rule) is None:
        return False
    leaves = jax.tree.leaves(memory.evaluated.params)
    return len({leaf.dtype for leaf in leaves}) == 1


def primed(rule: Any, state: Any, fun: Any, params: PyTree) -> Any:
    """The state with J's expansion there; None if it does not keep it for sure."""
    expand = _expansion(rule)
    if expand is None or not remembers(rule, state, fun):
        return None
    memory = jax.tree.map(
        lambda new, old: new.astype(old.dtype), expand(fun, params), state.memory
    )
    return state._replace(memory=memory)


def _expansion(rule: Any) -> Callable[[Any, PyTree], Any] | None:
    """How the rule expands J, if it is one of those that do."""
    if isinstance(rule, Expanding):
        return rule.expand
    recipe = recipe_of(rule)
    return None if recipe is None else _expansion(recipe.make())


def expanded(
    value_fn: Any,
    fun: Callable,
    expand: Callable[[PyTree], Any],
    params: PyTree,
    memory: Any,
) -> Any:
    """``expand(params)``, or ``memory`` if it is of this point; it may be None.

    It is of no use to a function that depends on masked parameters too.
    """
    if memory is None or isinstance(fun, AtPoint):
        return expand(params)
    if isinstance(value_fn, AtPoint) and value_fn.remembered:
        return memory
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
