"""What makes a function of hyperparameters an update rule."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ParamSpec

import jax
import optax
from jax.tree_util import Partial

from nanonet.checks import check_inexact, check_number

Schedule = Callable[[Any], Any]
LearningRate = float | jax.Array | Schedule

P = ParamSpec("P")


def check_learning_rate(learning_rate: LearningRate) -> None:
    """Raise unless the learning rate is a schedule, traced, or a number ≥ 0."""
    if not callable(learning_rate):
        check_number("learning_rate", learning_rate, at_least=0, below=math.inf)


def rule(
    make: Callable[P, optax.GradientTransformation],
) -> Callable[P, optax.GradientTransformationExtraArgs]:
    """Turn a constructor of an optax transformation into one whose numbers are leaves.

    An optax transformation is a pair of closures: a new learning rate makes new
    closures, and every jitted function that is given them compiles anew. Here ``init``
    and ``update`` are `jax.tree_util.Partial` objects that hold the hyperparameters as
    pytree leaves and call ``make`` again where they are used. So a rule is data: equal
    but for its numbers, two rules share one compilation, and a rule whose learning rate
    is an array can be mapped over it.
    """
    signature = inspect.signature(make)

    def init(hyperparameters: dict[str, Any], params: optax.Params) -> optax.OptState:
        check_inexact("params", params)
        return make(**hyperparameters).init(params)  # type: ignore[call-arg]

    def update(
        hyperparameters: dict[str, Any],
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        made = optax.with_extra_args_support(make(**hyperparameters))  # type: ignore[call-arg]
        return made.update(updates, state, params, **extra_args)

    @functools.wraps(make)
    def constructor(
        *args: P.args, **kwargs: P.kwargs
    ) -> optax.GradientTransformationExtraArgs:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        make(*args, **kwargs)  # its errors belong here, not where it is first used
        return optax.GradientTransformationExtraArgs(
            Partial(init, bound.arguments), Partial(update, bound.arguments)
        )

    return constructor
