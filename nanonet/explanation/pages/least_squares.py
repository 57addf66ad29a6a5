"""Page 9: Newton's method on sums of squares, with AᵀA for H."""

import jax.numpy as jnp
import numpy as np

from nanonet.explanation.expression import Expression, Name
from nanonet.explanation.functions import (
    columns,
    confined,
    diagonal,
    dot,
    larger,
    largest,
    least,
    on_diagonal,
    smaller,
    solve,
)
from nanonet.explanation.page import ALPHA, JACOBIAN, Page
from nanonet.explanation.pages.bounds import (
    DIRECTION,
    PREDICTED,
    among_free,
    free_of,
    step_within,
)
from nanonet.explanation.pages.line_search import TENTH, search_along
from nanonet.explanation.pages.trial import go
from nanonet.explanation.passes import within_damping
from nanonet.explanation.symbols import words
from nanonet.network.symbol import Symbol
from nanonet.rules.levenberg_marquardt import LevenbergMarquardtState
from nanonet.rules.newton import scale_by_gauss_newton

SQUARE, SCALE = Symbol("N"), Symbol("M²", "M<sup>2</sup>", "M^{2}")
MU, NU = Symbol("μ", "μ", r"\mu"), Symbol("ν", "ν", r"\nu")
BENT, CURVED = Symbol("r″", "r″", "r''"), Symbol("c")
GEODESIC = Symbol("p′", "p′", "p'")


def gauss_newton(page: Page) -> None:
    """θ(t+1) = θ(t) - A⁺ r, or a search along -A⁺ r."""
    r, A = page.residuals()
    free = free_of(page)
    if free is not None:
        A = page.define(among_free(JACOBIAN), columns(A, free))
    if page.options["safeguard"]:
        return search_along(page, -least(A, r), scale_by_gauss_newton())
    step = least(A, r)
    if page.options["learning_rate"] is not None:
        step = page.constant(ALPHA, "learning_rate") * step
    return page.move(page.theta - step)


def levenberg_marquardt(page: Page) -> None:
    """(AᵀA + μ M² I) p = -Aᵀr, the gain of p, and the next damping."""
    old, new = page.state(LevenbergMarquardtState)
    _, A = page.residuals()
    g = page.gradient
    N = page.define(SQUARE, dot(A, A))
    scale = larger(page.before(SCALE, old.scale), largest(diagonal(N)))
    scale = page.define(SCALE, scale, new.scale)
    mu, nu = page.before(MU, old.told.damping), page.before(NU, old.growth)
    eps = float(jnp.finfo(new.scale.dtype).eps)
    smallest = eps * largest(diagonal(N)) / scale
    own = bool(old.course.hidden) and mu.value <= smallest.value
    damping = mu * diagonal(N) if own else on_diagonal(mu * scale, N)
    p = page.define(DIRECTION, -solve(N + damping, g))
    damped = mu * (diagonal(N) @ p) if own else mu * scale * p
    m = page.define(PREDICTED, dot(damped - g, p) / 2)
    bounded = _is_bounded(page, p)
    if bounded:
        damp = np.diagonal(np.atleast_2d(damping.value))
        solutions = within_damping(page.taken, damp, page.options["solver"])
        p, m = step_within(page, solutions, N, "over the free ones, damped as above")
    if (
        page.options["geodesic"]
        and not bounded
        and m.value > np.sqrt(eps) * page.cost.value
    ):
        bent = page.given(BENT, words("r″ along p"), page.bend(p.value))
        half = page.define(CURVED, -(solve(N + damping, dot(A, bent)) / 2))
        size = np.sqrt(diagonal(N).value)
        if all(
            8 * np.linalg.norm(unit * half.value) <= 3 * np.linalg.norm(unit * p.value)
            for unit in (1, size)
        ):
            p = page.define(GEODESIC, p + half)
            if page.leads_out(page.theta + p):
                assert page.bounds is not None
                low, high = (bound - page.theta.value for bound in page.bounds)
                p = page.define(GEODESIC, confined(p, low, high))
    unseen = bool(new.course.hidden)
    gain = go(page, p, m, unseen=unseen)
    if unseen:
        page.define(MU, smaller(mu, smallest), new.told.damping)
    elif page.moved:
        page.define(MU, mu * larger(TENTH, 1 - (2 * gain - 1) ** 3), new.told.damping)
    else:
        page.define(MU, mu * nu, new.told.damping)
    if bool(new.course.rejected):
        page.define(NU, 2 * nu, new.growth)
    else:
        page.define(NU, Name("2", 2, literal=True), new.growth)


def _is_bounded(page: Page, p: Expression) -> bool:
    """Whether a bound holds a parameter, or is in the way of p."""
    if page.bounds is None:
        return False
    low, high = page.bounds
    theta, g = page.theta.value, page.gradient.value
    held = ((theta <= low) & (g > 0)) | ((theta >= high) & (g < 0)) | (low >= high)
    return bool(np.any(held)) or page.leads_out(page.theta + p)
