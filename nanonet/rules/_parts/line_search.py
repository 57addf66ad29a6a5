"""The line search of the quasi-Newton rules: optax's, made to keep two promises."""

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.derivatives import ScalarFunction, by_forward, in_some_mode
from nanonet.rules._parts.evaluated import Evaluated, chosen, nowhere
from nanonet.rules._parts.rule import rule
from nanonet.rules._parts.told import Told

MAX_TRIALS = 30


class WolfeSearchState(NamedTuple):
    """State of `scale_by_wolfe_search`."""

    learning_rate: Float[Array, ""]  # α, found by the last search; 0: none
    told: (
        Told  # of where the step leads; stalled: two searches running found no lower J
    )


@rule
def scale_by_wolfe_search() -> optax.GradientTransformation:
    """Scale a step by an α that satisfies Wolfe's strong conditions.

    ::

        J(θ + αp) ≤ J(θ) + 10⁻⁴ α p·∇J(θ)
        |p·∇J(θ + αp)| ≤ 0.9 |p·∇J(θ)|

    The search is `optax.scale_by_zoom_linesearch`, which starts at α = 1. Two things
    are added. It may take a step along which J rises, by 10⁻⁶ |J| or, where it runs out
    of trials, by any amount. Here such a step is not taken, and J never rises by more
    than its rounding. And two searches running that find nothing say ``stalled``, at
    which `minimize` stops.

    Source: Nocedal & Wright, *Numerical Optimization*, algorithms 3.5 and 3.6; Hager &
    Zhang, 2006, for the decrease that rounding hides.
    """

    def search_for(dtype: Any) -> optax.GradientTransformationExtraArgs:
        return optax.scale_by_zoom_linesearch(
            MAX_TRIALS,
            initial_guess_strategy="one",
            approx_dec_rtol=float(64 * jnp.finfo(dtype).eps),
        )

    def init(params: PyTree) -> WolfeSearchState:
        start = nowhere(params)
        return WolfeSearchState(
            learning_rate=jnp.ones_like(start.value),
            told=Told(jnp.int32(0), jnp.bool_(False), evaluated=(start,)),
        )

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value: Any = None,
        grad: PyTree | None = None,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, WolfeSearchState]:
        if value_fn is None or params is None or value is None or grad is None:
            raise ValueError(
                "A line search needs params, value=J, grad=∇J and value_fn: "
                "update(gradient, state, params, value=..., grad=..., value_fn=...), "
                "as minimize calls it."
            )
        dtype = ravel_pytree(params)[0].dtype
        value = jnp.asarray(value, dtype)
        search = search_for(dtype)
        found: Any

        def J(params: PyTree) -> Array:
            return jnp.asarray(value_fn(params), dtype)

        update = functools.partial(
            search.update, updates, search.init(params), params, value=value, grad=grad
        )
        step, found = in_some_mode(
            lambda: update(value_fn=J), lambda: update(value_fn=by_forward(J))
        )
        rounding = 64 * jnp.finfo(dtype).eps * jnp.abs(value)
        new = optax.apply_updates(params, step)
        finite = jnp.all(jnp.isfinite(ravel_pytree(found.grad)[0]))
        moved = ravel_pytree(new)[0] != ravel_pytree(params)[0]
        lower = (found.value <= value + rounding) & finite & jnp.any(moved)
        there = Evaluated(new, found.value, found.grad)
        told = Told(
            evaluations=found.info.num_linesearch_steps,
            stalled=~lower & (state.learning_rate == 0),
            evaluated=(chosen(lower, there, Evaluated(params, value, grad)),),
        )
        learning_rate = jnp.where(lower, found.learning_rate, 0)
        return (
            optax.tree.where(lower, step, optax.tree.zeros_like(step)),
            WolfeSearchState(learning_rate, told),
        )

    return optax.GradientTransformationExtraArgs(init, update)
