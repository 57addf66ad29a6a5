"""`explain_rule`: every number of every step of an update rule."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from nanonet._internal.checks import (
    check_count,
    check_finite,
    check_parameters,
    check_real_scalar,
    check_untraced,
    whole_as_floats,
)
from nanonet._internal.static import jit
from nanonet.explanation.page import Move, Page
from nanonet.explanation.pages.all import PAGES, RulePage
from nanonet.explanation.rule_steps import RuleSteps, Written
from nanonet.network.names import parameter_names
from nanonet.network.symbol import Symbol
from nanonet.objectives.as_vector import AsVector
from nanonet.objectives.bounded import Bounded, Box, check_bounds
from nanonet.objectives.given import given
from nanonet.objectives.modes import ravel_real
from nanonet.rules._parts.rule import Recipe, recipe_of
from nanonet.solve.least_squares import HalfSquare
from nanonet.solve.step import Point, evaluate, update

#: Steps that are written at the most: more than anybody will read.
MOST_STEPS = 100


def explain_rule(
    rule: optax.GradientTransformation,
    fun: Callable[..., Any],
    params: PyTree,
    steps: int = 3,
    *,
    args: tuple[Any, ...] = (),
    bounds: tuple[Any, Any] | None = None,
) -> RuleSteps:
    """Write the steps of an update rule, symbol by symbol and number by number.

    Each line is one of the rule's equations: the symbol, its formula, the numbers put
    in, and what they come to, which is computed from the formula in float64. What the
    rule itself has in its state, and where it went, is beside it, as the difference::

        v₁(1) = β₁·v₁(0) + (1 − β₁)·g(1) = 0.9·0 + 0.1·10 = 1

    Time is counted as in the notes: θ(1) is the start, v(1) the first average, and
    θ(2) where the first step leads. The numbers in a formula are those of the rule, so
    that each difference is that of its own line.

    Rules that treat each parameter alone are written parameter by parameter, with the
    parameter's own name for θ; the others with vectors and matrices.

    Args:
      rule: any update rule of nanonet.
      fun: J(params, *args), say of `objective`; or the residuals r(params, *args), for
        J = ½‖r‖².
      params: the start, θ(1).
      steps: how many, 100 at the most.
      args: what ``fun`` is given after the parameters.
      bounds: (lower, upper), as in `minimize`. Where a step leads out, the page shows
        both where it would have gone, "free θ", and the nearest point within, where it
        ends; of rules that search among the parameters that no bound holds, it shows
        which these are, and their step.

    Raises:
      ValueError: the rule is none of nanonet's, or made of several; params, J or ∇J are
        not finite, or there are too many steps; also what the rule raises.
      TypeError: params are not real and floating point, or the call is inside
        `jax.jit`.

    Source: pages 2 to 10 of the notes, and those that the rules name.

    >>> import nanonet
    >>> explained = explain_rule(nanonet.adam(0.1), lambda theta: theta**2, 5.0, 1)
    >>> for line in explained["θ", 1][2:4]:
    ...     print(f"{line.symbol} = {line.formula} = {line.numbers}")
    v₁(1) = β₁·v₁(0) + (1 − β₁)·g(1) = 0.9·0 + 0.1·10
    v₂(1) = β₂·v₂(0) + (1 − β₂)·g(1)² = 0.999·0 + 0.001·10²
    """
    recipe = _known(rule)
    steps = check_count("steps", steps, at_least=1)
    if steps > MOST_STEPS:
        raise ValueError(f"steps={steps} is more than explain_rule writes, 100.")
    params = whole_as_floats(params)
    check_parameters("params", params)
    check_untraced("explain_rule", params)
    check_finite("params", params)
    params = jax.tree.map(jnp.asarray, params)
    ravel_real(params)
    J = _objective(given(fun, args), params)
    box = None
    if bounds is not None:
        box = check_bounds(bounds, params)
        J, params = Bounded(J, box), box.inside(params)
    page = PAGES[recipe.constructor]
    names = parameter_names(params)
    written, constants, values = [], {}, []
    for move in _moves(rule, recipe, J, params, steps):
        values = [*(values or [float(move.before.value)]), float(move.after.value)]
        for index in range(len(names)) if page.each else [None]:
            paper = Page(move, names, index)
            page.write(paper)
            name = "θ" if index is None else str(names[index])
            written.append(Written(move.time, name, tuple(paper.lines)))
            constants |= paper.constants
    return RuleSteps(
        rule=recipe.name,
        constants={str(symbol): value for symbol, value in constants.items()},
        values=tuple(values),
        steps=tuple(written),
        alone=page.each,
        legend=_legend(page, names, box),
    )


def _legend(page: RulePage, names: list[Symbol], box: Box | None) -> str:
    """What symbols stand for."""
    tree = "" if page.each or len(names) == 1 else f"θ = ({', '.join(names)})"
    return "; ".join(filter(None, [tree, page.legend, _within(names, box)]))


def _within(names: list[Symbol], box: Box | None) -> str:
    """The bounds, in words."""
    if box is None:
        return ""
    pairs = zip(*(ravel_real(bound)[0].tolist() for bound in box), strict=True)
    said = [
        f"{f'{low:g} ≤ ' if low > -math.inf else ''}{name}"
        f"{f' ≤ {high:g}' if high < math.inf else ''}"
        for name, (low, high) in zip(names, pairs, strict=True)
        if low > -math.inf or high < math.inf
    ]
    return (
        f"bounds: {', '.join(said)}; free: where a step would lead without them; F: 1 "
        "for what they let go downhill, 0 for what they hold, as a diagonal matrix"
    )


def _known(rule: Any) -> Recipe:
    recipe = recipe_of(rule)
    if recipe is None or recipe.constructor not in PAGES:
        names = ", ".join(constructor.__name__ for constructor in PAGES)
        raise ValueError(
            f"rule is {'made of others' if recipe is None else recipe.name}, and "
            f"explain_rule knows the pages of {names}."
        )
    return recipe


def _objective(fun: Callable[[PyTree], Any], params: PyTree) -> Callable[[PyTree], Any]:
    """J, or that of residuals."""
    shape = jax.eval_shape(fun, params)
    if getattr(shape, "ndim", 0):
        return HalfSquare(AsVector(fun))
    check_real_scalar("fun", shape)
    return fun


def _moves(
    rule: Any, recipe: Recipe, J: Any, params: PyTree, steps: int
) -> Iterator[Move]:
    point, state = _begin(J, rule, params)
    for time in range(1, steps + 1):
        check_finite(f"J or ∇J before step {time}", (point.value, point.gradient))
        after, new_state = _advance(J, rule, point, state)
        yield Move(time, recipe.arguments, J, point, after, state, new_state)
        point, state = after, new_state


@jit
def _begin(J: Any, rule: Any, params: PyTree) -> tuple[Point, Any]:
    return evaluate(J, params), rule.init(params)


@jit
def _advance(J: Any, rule: Any, point: Point, state: Any) -> tuple[Point, Any]:
    params, state = update(J, rule, point, state)
    return evaluate(J, params), state
