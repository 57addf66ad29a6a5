"""What a page says of bounds: which parameters are free, and which are held."""

from typing import Any

import numpy as np

from nanonet.explanation.expression import Expression
from nanonet.explanation.functions import confined, dot
from nanonet.explanation.page import GRADIENT, Page
from nanonet.explanation.passes import Solution
from nanonet.explanation.symbols import below, words
from nanonet.network.symbol import Symbol
from nanonet.rules._parts.box import box_of
from nanonet.rules._parts.objective import flattened

FREE = Symbol("F")
PREDICTED, DIRECTION = Symbol("m"), Symbol("p")
WHOLE = Symbol("q")


def free_of(page: Page) -> Expression | None:
    """F, 1 for what is free and 0 for what is held; None where nothing is.

    From here on ``page.downhill`` is the gradient over the free ones.
    """
    before = page.taken.before
    box = box_of(page.taken.fun, before.params)
    if box is None:
        return None
    slope, _ = flattened(before.gradient)
    free = box.free(flattened(before.params)[0], slope)
    if bool(np.all(free)):
        return None
    mask = page.given(FREE, words("1: free, 0: held at its bound"), _shown(page, free))
    page.downhill = page.define(among_free(GRADIENT), mask * page.gradient)
    return mask


def among_free(symbol: Symbol) -> Symbol:
    """What is of the free parameters alone."""
    return Symbol(f"{symbol}_F", f"{symbol.html}<sub>F</sub>", f"{symbol.latex}_{{F}}")


def step_within(
    page: Page, solutions: list[Solution], H: Expression, how: str
) -> tuple[Expression, Expression]:
    """The lines of each solution, of which the best is p; and p with its predicted m.

    The inner equations of a solution are said in words.
    """
    assert page.bounds is not None
    g, tried = page.gradient, []
    low, high = (bound - page.theta.value for bound in page.bounds)
    for k, solution in enumerate(solutions, 1):
        meaning = words("1: free, 0: held at its bound")
        page.given(below(FREE, k), meaning, _shown(page, solution.free))
        q = page.given(below(WHOLE, k), words(how), page.value_of(solution.whole))
        step = page.define(
            below(DIRECTION, k), confined(q, low, high), page.value_of(solution.step)
        )
        fall = -(dot(g, step) + dot(step, H @ step) / 2)
        tried.append((step, page.define(below(PREDICTED, k), fall, solution.fall)))
    p, m = max(tried, key=lambda pair: pair[1].value)
    return page.define(DIRECTION, p), page.define(PREDICTED, m)


def _shown(page: Page, free: Any) -> Any:
    return page.value_of(np.asarray(free, float))
