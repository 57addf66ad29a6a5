"""The length of a step, where a rule searches for it."""

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

from nanonet.explanation.expression import Expression, Name
from nanonet.explanation.functions import at_most, dot, larger, largest, length
from nanonet.explanation.page import ALPHA, COST, J_PRIME, NABLA_J, Page
from nanonet.explanation.pages.bounds import DIRECTION, free_of
from nanonet.explanation.search import Trial, line_search
from nanonet.explanation.symbols import below, fill, of, words
from nanonet.network.symbol import Symbol
from nanonet.rules._parts.line_search import WolfeSearchState
from nanonet.rules._parts.wolfe import ARMIJO, CURVATURE, ROUNDINGS

SLOPE = Symbol("J′ₚ", "J′<sub>p</sub>", "J'_{p}")
FALL = Symbol("f")
FALLS, FLAT, HIDDEN = map(words, ("Armijo", "Wolfe", "hidden"))
LEAST = Name(Symbol("10⁻⁴", "10<sup>−4</sup>", "10^{-4}"), ARMIJO, literal=True)
TENTH = Name(Symbol("⅒", "⅒", r"\tfrac{1}{10}"), 1 / 10, literal=True)
ZERO, ONE = Name("0", 0, literal=True), Name("1", 1, literal=True)


def steepest(page: Page) -> None:
    """A search down the gradient."""
    free_of(page)
    search_along(page, page.gradient, None)


def search_along(
    page: Page, direction: Expression, toward: optax.GradientTransformation | None
) -> None:
    """θ(t+1) = θ(t) + α p, and each α that was tried.

    Where p leads up, or the last search found nothing, it goes down the gradient.
    ``toward`` is the part of the rule that makes minus the direction.
    """
    old, new = page.state(WolfeSearchState)
    search = line_search(page.taken, toward, old)
    p, rule = None, page.value_of(search.p)
    if toward is not None:
        p = page.define(DIRECTION, direction, None if search.last_resort else rule)
    if search.last_resort:
        p = page.define(DIRECTION, -_down(page), rule)
    assert p is not None  # where nothing leads anywhere else, it is the last resort
    slope = page.define(SLOPE, dot(page.gradient, p))
    start = _Mark(ZERO, page.cost, slope)
    marks = {0.0: start}
    for k, trial in enumerate(search.trials, 1):
        marks[trial.alpha] = _tried(page, p, marks, k, trial)
    found = marks[search.best].alpha
    if search.best == 0:
        found = Name(words("none that makes J fall"), 0, literal=True)
    page.move(page.theta + page.define(ALPHA, found, new.learning_rate) * p)


def _down(page: Page) -> Expression:
    """∇J, as long as leads to where J would be 0 if it were straight."""
    g = page.downhill
    if not np.any(g.value):
        return g
    if page.cost.value:
        return length(page.cost) / dot(g, g) * g
    return larger(largest(page.theta), 1) / largest(g) * g


class _Mark(NamedTuple):
    """J and its slope at one α."""

    alpha: Expression
    value: Expression
    slope: Expression


def _tried(
    page: Page, p: Expression, marks: dict[float, _Mark], k: int, trial: Trial
) -> _Mark:
    """The lines of one trial."""
    alpha = _next(page, marks, k, trial)
    there = (page.theta + alpha * p).symbols
    value = page.given(below(COST, k), of(COST, there), trial.value)
    template, nabla = "{p}·{slope}", J_PRIME
    if isinstance(p.value, np.ndarray):
        template, nabla = "{p}ᵀ{slope}", NABLA_J
    meaning = fill(template, p=p.symbols, slope=of(nabla, there))
    slope = page.given(below(J_PRIME, k), meaning, trial.slope)
    start = marks[0.0]
    fall = alpha * start.slope
    if page.leads_out(page.theta + alpha * p):
        meaning = words("∇J times the step to the nearest point within bounds")
        fall = page.given(below(FALL, k), meaning, trial.fall)
    limit = start.value + LEAST * fall
    page.define(below(FALLS, k), at_most(value, limit), trial.seen)
    if trial.enough and not trial.seen:
        _hidden(page, k, start, value, slope)
    flat = at_most(length(slope), CURVATURE * length(start.slope))
    page.define(below(FLAT, k), flat, trial.wolfe if trial.enough else None)
    return _Mark(alpha, value, slope)


def _hidden(
    page: Page, k: int, start: _Mark, value: Expression, slope: Expression
) -> None:
    """The conditions that stand for Armijo's where J's rounding hides its fall."""
    eps = float(jnp.finfo(page.taken.before.value.dtype).eps)
    rounding = Name(Symbol("ε", "ε", r"\varepsilon"), eps) * length(start.value)
    page.define(below(HIDDEN, k), at_most(value, start.value + ROUNDINGS * rounding))
    page.define(below(HIDDEN, k), at_most(slope, (2 * LEAST - 1) * start.slope))


def _next(page: Page, marks: dict[float, _Mark], k: int, trial: Trial) -> Expression:
    """The line of the α that is tried."""
    name = below(ALPHA, k)
    if trial.bracket is None:
        last = list(marks.values())[-1].alpha
        return page.define(name, ONE if k == 1 else 2 * last, trial.alpha)
    low, high, third = (marks[alpha] for alpha in trial.bracket)
    precision = np.sqrt(float(jnp.finfo(page.taken.before.value.dtype).eps))
    for formula in _inner(low, high):
        if abs(formula.value - trial.alpha) <= precision * abs(trial.alpha):
            return page.define(name, formula, trial.alpha)
    meaning = fill(
        "{words} {low}, {high}, {third}, {slope} {low}",
        words=words("least of the cubic that has J at"),
        slope=words("and J′ at"),
        low=low.alpha.symbols,
        high=high.alpha.symbols,
        third=third.alpha.symbols,
    )
    return page.given(name, meaning, trial.alpha)


def _inner(low: _Mark, high: _Mark) -> Iterator[Expression]:
    """Where between two marks a parabola is least, and what stands for it."""
    alone = low.alpha is ZERO
    b = high.alpha if alone else high.alpha - low.alpha
    straight = low.value + low.slope * b
    parabola = low.slope * b / (2 * (straight - high.value))
    for share in (parabola, TENTH, Name("½", 0.5, literal=True)):
        yield share * b if alone else low.alpha + share * b
