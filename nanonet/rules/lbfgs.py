"""L-BFGS: BFGS that keeps the last few differences in place of a matrix."""

import jax.numpy as jnp
import optax

from nanonet._internal.checks import check_count
from nanonet.rules._parts.evaluated import chosen
from nanonet.rules._parts.flat import on_vectors
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
        on_vectors(_forgetful(optax.scale_by_lbfgs(memory_size))),
        optax.scale(-1.0),
        scale_by_wolfe_search(),
    )


def _forgetful(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    """The rule, which begins anew where it has not moved from the last point."""

    def update(updates, state, params=None):
        fresh = rule.init(params)
        stuck = jnp.all(params == state.params)
        return rule.update(updates, chosen(stuck, fresh, state), params)

    return optax.GradientTransformation(rule.init, update)
