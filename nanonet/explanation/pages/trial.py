"""A step tried: how far J falls, and how far it was predicted to."""

from nanonet.explanation.expression import Expression
from nanonet.explanation.page import COST, Page
from nanonet.explanation.symbols import fill, of, words
from nanonet.network.symbol import Symbol

LENGTH = Symbol("l", "l", r"\ell")
GAIN = Symbol("ρ", "ρ", r"\rho")
AHEAD = Symbol("J⁺", "J<sup>+</sup>", "J_{+}")


def go(page: Page, p: Expression, predicted: Expression, *, unseen: bool) -> Expression:
    """The gain ρ, and θ(t+1): θ(t) + p if J falls, else θ(t)."""
    there = fill("{theta} + {p}", theta=page.theta.symbol, p=p.symbols)
    value = page.taken.after.value if page.moved else page.J((page.theta + p).value)
    ahead = page.given(AHEAD, of(COST, there), value)
    if unseen:
        gain = page.given(GAIN, words("J's rounding hides the fall"), 1)
    elif not predicted.value > 0:
        gain = page.given(GAIN, words("m ≤ 0, so not taken"), -1)
    else:
        gain = page.define(GAIN, (page.cost - ahead) / predicted)
    page.move(page.theta + p if page.moved else page.theta)
    return gain
