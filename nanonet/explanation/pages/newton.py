"""Pages 8 and 9: Newton's method, within a trust region and by conjugate gradients."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nanonet.explanation.expression import Expression, Name
from nanonet.explanation.functions import (
    among,
    dot,
    least,
    length,
    on_diagonal,
    root,
    smaller,
    solve,
)
from nanonet.explanation.page import ALPHA, HESSIAN, Page
from nanonet.explanation.pages.bounds import (
    DIRECTION,
    PREDICTED,
    among_free,
    free_of,
    step_within,
)
from nanonet.explanation.pages.line_search import search_along
from nanonet.explanation.pages.trial import LENGTH, go
from nanonet.explanation.passes import within_region
from nanonet.explanation.symbols import below, words
from nanonet.network.symbol import Symbol
from nanonet.rules._parts.trust_region import TrustRegionState
from nanonet.rules.newton_cg import scale_by_newton_cg

SIGMA, RADIUS = Symbol("σ", "σ", r"\sigma"), Symbol("Δ", "Δ", r"\Delta")
EIGENVALUES, TAU = Symbol("λ", "λ", r"\lambda"), Symbol("τ", "τ", r"\tau")
KAPPA = Symbol("κ", "κ", r"\kappa")
LIMIT = Symbol("η", "η", r"\eta")
FLATTEST, SHORT = Symbol("e"), Symbol("p₀", "p<sub>0</sub>", "p_{0}")


def newton(page: Page) -> None:
    """θ(t+1) = θ(t) - H⁻¹ ∇J, or that within a trust region."""
    if page.options["safeguard"]:
        return _trust_region(page)
    step = solve(page.hessian(), page.gradient)
    if page.options["learning_rate"] is not None:
        step = page.constant(ALPHA, "learning_rate") * step
    return page.move(page.theta - step)


def _trust_region(page: Page) -> None:
    """The step p within the radius Δ, whether J falls there, and the next radius."""
    old, _ = page.state(TrustRegionState)
    H, g, radius = page.hessian(), page.gradient, page.before(RADIUS, old.radius)
    if page.bounds is not None:
        return _within_bounds(page, H, radius)
    shift = _shift(np.atleast_2d(H.value), np.atleast_1d(g.value), float(radius.value))
    if isinstance(H.value, np.ndarray):
        page.given(EIGENVALUES, words("eigenvalues of H"), np.linalg.eigvalsh(H.value))
    p = page.define(DIRECTION, -solve(H, g)) if shift.own else None
    p = _step_at_the_edge(page, H, shift, radius) if p is None else p
    m = page.define(PREDICTED, -(dot(g, p) + dot(p, H @ p) / 2))
    return _try(page, p, m, radius, at_edge=not shift.own)


def _within_bounds(page: Page, H: Expression, radius: Expression) -> None:
    """The same over the parameters that no bound holds."""
    old, _ = page.state(TrustRegionState)
    solutions = within_region(page.taken, old.radius)
    how = "least of the model over the free ones, ‖q‖ ≤ Δ"
    p, m = step_within(page, solutions, H, how)
    long = np.linalg.norm(p.value) > 0.5 * float(radius.value)
    _try(page, p, m, radius, at_edge=bool(long))


def _try(
    page: Page, p: Expression, m: Expression, radius: Expression, *, at_edge: bool
) -> None:
    """Whether J falls along p, and the next radius."""
    _, new = page.state(TrustRegionState)
    unseen = bool(new.course.hidden)
    gain = float(go(page, p, m, unseen=unseen).value)
    eps = float(jnp.finfo(new.radius.dtype).eps)
    hidden = unseen and abs(m.value) <= 64 * eps * abs(page.cost.value)
    taken = page.moved or hidden  # where p is 0, say
    if not unseen and (not page.moved or gain < 0.25):
        size = page.define(LENGTH, length(p))
        page.define(RADIUS, size / 4, new.radius)
    elif (gain > 0.75 and at_edge) if taken else unseen:
        page.define(RADIUS, 2 * radius, new.radius)
    else:
        page.define(RADIUS, radius, new.radius)


class _Shift(NamedTuple):
    """What H needs on its diagonal."""

    sigma: float
    size: float  # ‖(H + σI)⁻¹ g‖, without the direction that H + σI leaves open
    own: bool  # whether it needs nothing, and Newton's step is short enough


def _shift(H: np.ndarray, g: np.ndarray, radius: float) -> _Shift:
    """The least σ ≥ 0 with H + σI ≥ 0 and ‖(H + σI)⁻¹g‖ ≤ Δ, by bisection."""
    values, vectors = np.linalg.eigh(H)
    a = vectors.T @ g

    def size(sigma: float) -> float:
        with np.errstate(all="ignore"):
            return float(np.linalg.norm(np.where(a == 0, 0, a / (values + sigma))))

    if values[0] > 0 and size(0) <= radius:
        return _Shift(0.0, size(0), own=True)
    low = max(0.0, -float(values[0]))
    high = low + float(np.linalg.norm(a)) / radius
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) > radius else (low, middle)
    return _Shift(high, size(high), own=False)


def _step_at_the_edge(
    page: Page, H: Expression, shift: _Shift, radius: Expression
) -> Expression:
    """-(H + σI)⁻¹ g of length Δ; or, where that is short, with a way beside it."""
    sigma = page.given(SIGMA, words("the least with H + σI ≥ 0, ‖p‖ ≤ Δ"), shift.sigma)
    matrix = H + on_diagonal(sigma, H)
    if shift.size > 0.999 * float(radius.value):
        return page.define(DIRECTION, -solve(matrix, page.gradient))
    direction = np.linalg.eigh(np.atleast_2d(H.value))[1][:, 0]
    went = np.atleast_1d(page.own(page.taken.after.params)) - page.theta.value
    direction = direction if direction @ went >= 0 else -direction
    if not isinstance(H.value, np.ndarray):
        direction = direction[0]
    e = page.given(FLATTEST, words("the direction of the least λ"), direction)
    if shift.size == 0:
        return page.define(DIRECTION, radius * e)
    short = page.define(SHORT, -least(matrix, page.gradient))
    tau = page.define(TAU, root(radius**2 - dot(short, short)))
    return page.define(DIRECTION, short + tau * e)


def newton_cg(page: Page) -> None:
    """Conjugate gradients for H x = ∇J, then a search along -x."""
    H, free = page.hessian(), free_of(page)
    if free is not None:
        H = page.define(among_free(HESSIAN), among(free, H))
    g = page.downhill
    square = page.define(below(Symbol("q"), 0), dot(g, g))
    limit = page.define(
        LIMIT, smaller(Name("¼", 0.25, literal=True), length(g)) * square
    )
    residual, direction, x = g, g, None
    for i in range(1, page.options["max_products"] + 1):
        curvature = page.define(below(KAPPA, i), dot(direction, H @ direction))
        if not curvature.value > 0:
            if x is None and curvature.value < 0:
                x = page.define(below(Symbol("x"), i), square / -curvature * direction)
            break
        a = page.define(below(Symbol("a"), i), square / curvature)
        x = page.define(
            below(Symbol("x"), i), a * direction if x is None else x + a * direction
        )
        residual = page.define(below(Symbol("r"), i), residual - a * (H @ direction))
        before, square = (
            square,
            page.define(below(Symbol("q"), i), dot(residual, residual)),
        )
        if square.value <= limit.value:
            break
        direction = page.define(
            below(Symbol("d"), i + 1), residual + square / before * direction
        )
    toward = scale_by_newton_cg(page.options["max_products"])
    search_along(page, -(g if x is None else x), toward)
