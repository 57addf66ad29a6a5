"""Page 10: the secant method and its heirs, which learn H from gradients."""

from typing import Any

import numpy as np
import optax

from nanonet.explanation.expression import Expression, Name
from nanonet.explanation.functions import (
    dot,
    identity,
    larger,
    length,
    on_diagonal,
    outer,
    solve_among,
)
from nanonet.explanation.page import ALPHA, GRADIENT, Page
from nanonet.explanation.pages.bounds import free_of
from nanonet.explanation.pages.line_search import ONE, ZERO, search_along
from nanonet.explanation.symbols import below
from nanonet.network.symbol import Symbol
from nanonet.rules.bfgs import BfgsState, LbfgsState, scale_by_bfgs, scale_by_lbfgs
from nanonet.rules.secant import OLD_FORMS, BarzilaiBorweinState

S, Y, B = Symbol("s"), Symbol("y"), Symbol("B")
RHO, GAMMA = Symbol("ρ", "ρ", r"\rho"), Symbol("γ", "γ", r"\gamma")


def barzilai_borwein(page: Page) -> None:
    """θ(t+1) = θ(t) - α ∇J with the α that stands for H⁻¹; of one parameter, secant."""
    old, new = page.state(BarzilaiBorweinState)
    variant = page.options.get("variant")
    if variant is None:  # of one parameter, or in the words of the last version
        variant = OLD_FORMS.get(page.options["form"] or "", 0)
    alpha = page.before(ALPHA, old.step_size)
    if bool(old.begun):
        s, y = _differences(page, page.own(old.params), page.own(old.gradient))
        best = _step_size(s, y, variant, safeguard=page.options["safeguard"])
        known = np.isfinite(best.value) and best.value != 0
        alpha = page.define(ALPHA, best if known else alpha, new.step_size)
    else:
        alpha = page.define(ALPHA, alpha, new.step_size)
    page.move(page.theta - alpha * page.gradient)


def _step_size(
    s: Expression, y: Expression, variant: int, *, safeguard: bool
) -> Expression:
    if safeguard and not dot(s, y).value > 0:
        return length(s) / length(y)
    if not variant:
        return s / y
    return dot(s, s) / dot(s, y) if variant == 1 else dot(s, y) / dot(y, y)


def _differences(
    page: Page, theta: Any, gradient: Any
) -> tuple[Expression, Expression]:
    """S = Δθ and y = Δ∇J over the last step."""
    s = page.define(S, page.theta - page.before(page.parameter, theta))
    return s, page.define(Y, page.gradient - page.before(GRADIENT, gradient))


def bfgs(page: Page) -> None:
    """BFGS: B, for H⁻¹, learns from each s and y; then a search along -B ∇J."""
    old, new = page.state(BfgsState)
    g, begun = page.gradient, int(old.pairs) >= 0
    free, toward = free_of(page), scale_by_bfgs()
    inverse = page.value_of(new.inverse)
    pairs = int(new.pairs)
    if not begun:
        page.define(B, identity(Name(B, inverse)), inverse)
    else:
        s, y = _differences(
            page, page.value_of(old.params), page.value_of(old.gradient)
        )
        learnt = pairs > max(int(old.pairs), 0)
        if not np.any(s.value):
            matrix = page.define(B, identity(Name(B, inverse)), inverse)
        elif not learnt:
            matrix = page.define(B, page.before(B, page.value_of(old.inverse)), inverse)
        else:
            before = page.before(B, page.value_of(old.inverse))
            matrix = _learn(page, before, s, y, inverse, first=int(old.pairs) == 0)
        if pairs:
            step = matrix @ g
            if free is not None:
                step = solve_among(free, matrix, page.downhill)
            return search_along(page, -step, toward)
    return search_along(page, -_of_length_1(page.downhill), toward)


def _learn(
    page: Page,
    before: Expression,
    s: Expression,
    y: Expression,
    rule: Any,
    *,
    first: bool,
) -> Expression:
    """(I - ρ s yᵀ) B (I - ρ y sᵀ) + ρ s sᵀ."""
    rho, one = page.define(RHO, 1 / dot(s, y)), identity(before)
    if first:
        scale = page.define(GAMMA, dot(s, y) / dot(y, y))
        before = page.define(below(B, 0), on_diagonal(scale, before))
    left, right = one - rho * outer(s, y), one - rho * outer(y, s)
    return page.define(B, left @ before @ right + rho * outer(s, s), rule)


def lbfgs(page: Page) -> None:
    """L-BFGS: B ∇J from the last pairs s and y alone, in two loops."""
    memory: Any = optax.ScaleByLBFGSState
    (old, new), g = page.state(memory), page.gradient
    before, _ = page.state(LbfgsState)
    theta, size = page.value_of(old.params), page.options["memory_size"]
    free, toward = free_of(page), scale_by_lbfgs(size)
    count = 0 if np.array_equal(theta, page.theta.value) else int(old.count)
    if count == 0:
        return search_along(page, -_of_length_1(page.downhill), toward)
    s = page.define(S, page.theta - page.before(page.parameter, theta))
    y = g - page.before(GRADIENT, page.value_of(before.gradient))
    y = page.define(Y, y if free is None else free * y)
    weights = np.asarray(new.weights_memory, float)
    newest = (count - 1) % size
    bent = dot(s, y).value != 0  # else the pair says nothing, as where all is held
    rho = page.define(RHO, 1 / dot(s, y) if bent else ZERO, weights[newest])
    known = np.any(y.value)
    gamma = page.define(GAMMA, dot(s, y) / dot(y, y) if known else ONE)
    pairs = [(s, y, rho)]
    for back in range(1, min(count, size)):
        i, time = (newest - back) % size, page.time - back
        kept = new.diff_params_memory[i], new.diff_updates_memory[i], weights[i]
        s, y, rho = (
            page.then(name, time, page.value_of(value))
            for name, value in zip((S, Y, RHO), kept, strict=True)
        )
        pairs.append((s, y, rho))
    q, factors = page.downhill, []
    for i, (s, y, rho) in enumerate(pairs):
        factors.append(page.define(below(Symbol("a"), i), rho * dot(s, q)))
        q = page.define(below(Symbol("q"), i), q - factors[-1] * y)
    r = page.define(below(Symbol("r"), len(pairs)), gamma * q)
    for i, (s, y, rho) in reversed(list(enumerate(pairs))):
        b = page.define(below(Symbol("b"), i), rho * dot(y, r))
        r = page.define(below(Symbol("r"), i), r + (factors[i] - b) * s)
    return search_along(page, -r if free is None else -(free * r), toward)


def _of_length_1(g: Expression) -> Expression:
    return g / larger(length(g), 1)
