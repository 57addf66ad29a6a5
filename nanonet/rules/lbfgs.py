"""L-BFGS: BFGS that keeps the last few differences in place of a matrix."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_count
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.rules._parts.box import box_of, free_in, only
from nanonet.rules._parts.evaluated import chosen
from nanonet.rules._parts.flat import flattened
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.rule import rule


@rule
def lbfgs(memory_size: int = 10) -> optax.GradientTransformation:
    """L-BFGS: `bfgs` for parameters too many for a matrix, in O(memory_size n).

    B ∇J is computed from the last s = Δθ and y = Δ∇J, starting from (s·y / y·y) I of
    the last pair. It is `optax.scale_by_lbfgs`, with the line search of `bfgs`; J never
    rises.

    Args:
      memory_size: pairs of s and y that are kept.

    Raises:
      ValueError: ``memory_size`` is less than 1; TypeError: it is not whole.

    Source: Nocedal & Wright, *Numerical Optimization*, algorithms 7.4 and 7.5.
    """
    check_count("memory_size", memory_size, at_least=1)
    return optax.chain(
        _on_vectors(optax.scale_by_lbfgs(memory_size)),
        optax.scale(-1.0),
        scale_by_wolfe_search(),
    )


class LbfgsState(NamedTuple):
    """State of `lbfgs`."""

    memory: Any  # of `optax.scale_by_lbfgs`, on vectors
    gradient: Float[Array, " n"]  # of the last update, that of held parameters too


def _on_vectors(rule: Any) -> optax.GradientTransformationExtraArgs:
    """The rule over the parameters that no bound holds.

    It begins anew where it has not moved from the last point.
    """

    def init(params: PyTree) -> LbfgsState:
        theta, _ = flattened(params)
        return LbfgsState(rule.init(theta), jnp.zeros_like(theta))

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, LbfgsState]:
        gradient, back = flattened(updates)
        theta, _ = flattened(params)
        stuck = jnp.all(theta == state.memory.params)
        memory = chosen(stuck, rule.init(theta), state.memory)
        free = free_in(box_of(value_fn, params), theta, gradient)
        if free is not None:
            memory = memory._replace(updates=only(free, state.gradient))
        step, memory = rule.update(only(free, gradient), memory, theta)
        return back(only(free, step)), LbfgsState(memory, gradient)

    return optax.GradientTransformationExtraArgs(init, update)
