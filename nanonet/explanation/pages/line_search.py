"""The length of a step, where a rule searches for it."""

import numpy as np

from nanonet.explanation.expression import Expression
from nanonet.explanation.functions import dot, larger, largest, length
from nanonet.explanation.page import ALPHA, Page
from nanonet.explanation.symbols import Symbol, words
from nanonet.rules._parts.line_search import MAX_IDLE, WolfeSearchState

DIRECTION = Symbol("p")
SLOPE = Symbol("J′ₚ", "J′<sub>p</sub>", "J'_{p}")


def search_along(page: Page, direction: Expression) -> None:
    """θ(t+1) = θ(t) + α p, with the α that the search found.

    Where p leads up, or the last search found nothing, it goes down the gradient.
    """
    old, new = page.state(WolfeSearchState)
    p, g = page.define(DIRECTION, direction), page.gradient
    lost = float(old.learning_rate) == 0 or int(old.idle) >= MAX_IDLE - 2
    if lost or not dot(g, p).value < 0:
        if not np.any(g.value):
            down = g
        elif page.cost.value:
            down = length(page.cost) / dot(g, g) * g
        else:
            down = larger(largest(page.theta), 1) / largest(g) * g
        p = page.define(DIRECTION, -down)
    page.define(SLOPE, dot(g, p))
    alpha = page.given(ALPHA, words("by Wolfe's conditions"), new.learning_rate)
    page.move(page.theta + alpha * p)
