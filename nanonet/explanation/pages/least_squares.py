"""Page 9: Newton's method on sums of squares, with AᵀA for H."""

import jax.numpy as jnp
import numpy as np

from nanonet.explanation.expression import Name
from nanonet.explanation.functions import (
    diagonal,
    dot,
    larger,
    largest,
    least,
    on_diagonal,
    smaller,
    solve,
)
from nanonet.explanation.page import ALPHA, Page
from nanonet.explanation.pages.line_search import DIRECTION, TENTH, search_along
from nanonet.explanation.pages.trial import PREDICTED, go
from nanonet.explanation.symbols import Symbol, words
from nanonet.rules.levenberg_marquardt import LevenbergMarquardtState
from nanonet.rules.newton import scale_by_gauss_newton

SQUARE, SCALE = Symbol("N"), Symbol("M²", "M<sup>2</sup>", "M^{2}")
MU, NU = Symbol("μ", "μ", r"\mu"), Symbol("ν", "ν", r"\nu")
BENT, CURVED = Symbol("r″", "r″", "r''"), Symbol("c")
GEODESIC = Symbol("p′", "p′", "p'")


def gauss_newton(page: Page) -> None:
    """θ(t+1) = θ(t) - A⁺ r, or a search along -A⁺ r."""
    r, A = page.residuals()
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
    if page.options["geodesic"] and m.value > np.sqrt(eps) * page.cost.value:
        bent = page.given(BENT, words("r″ along p"), page.bend(p.value))
        half = page.define(CURVED, -(solve(N + damping, dot(A, bent)) / 2))
        size = np.sqrt(diagonal(N).value)
        if all(
            8 * np.linalg.norm(unit * half.value) <= 3 * np.linalg.norm(unit * p.value)
            for unit in (1, size)
        ):
            p = page.define(GEODESIC, p + half)
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
