"""Which page is which rule's."""

from collections.abc import Callable
from typing import Any, NamedTuple

from nanonet.explanation.page import Page
from nanonet.explanation.pages import (
    first_order,
    least_squares,
    line_search,
    newton,
    quasi_newton,
)
from nanonet.rules import newton as newton_rules
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules.adam import adam, adamw, amsgrad
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.momentum import momentum, sgd
from nanonet.rules.newton_cg import newton_cg
from nanonet.rules.rmsprop import adagrad, rmsprop
from nanonet.rules.secant import barzilai_borwein, secant


class RulePage(NamedTuple):
    """How a rule is written."""

    write: Callable[[Page], None]

    each: bool = False
    """Whether it treats each parameter alone, and is written for each."""

    legend: str = ""
    """What symbols stand for that are not on the notes' page."""


LINE = (
    "p: direction; J′ₚ: slope of J along p; α₁, α₂, …: those that were tried, until "
    "Armijo's and Wolfe's conditions hold; if they never do, α is that of least J; "
    "hidden: J's rounding hides whether it falls, and the slope decides"
)
PAIR = "s, y: last change of θ and ∇J"
TRIAL = "m: fall of J that is predicted; J⁺: J where p leads; ρ: gain"

PAGES: dict[Callable[..., Any], RulePage] = {
    scale_by_wolfe_search: RulePage(line_search.steepest, legend=LINE),
    gradient_descent: RulePage(first_order.gradient_descent, each=True),
    momentum: RulePage(first_order.momentum, each=True, legend="v: velocity"),
    sgd: RulePage(first_order.sgd, each=True, legend="v: velocity"),
    rmsprop: RulePage(first_order.rmsprop, each=True),
    adagrad: RulePage(first_order.adagrad, each=True),
    adam: RulePage(first_order.adam, each=True),
    adamw: RulePage(first_order.adam, each=True),
    amsgrad: RulePage(first_order.adam, each=True),
    newton_rules.newton: RulePage(
        newton.newton, legend=f"H: Hessian; in a trust region Δ: radius; {TRIAL}"
    ),
    newton_cg: RulePage(
        newton.newton_cg,
        legend=f"H: Hessian; x: H⁻¹ ∇J as far as found; r: what is left; {LINE}",
    ),
    newton_rules.gauss_newton: RulePage(
        least_squares.gauss_newton, legend=f"r: residuals; A: their Jacobian; {LINE}"
    ),
    levenberg_marquardt: RulePage(
        least_squares.levenberg_marquardt,
        legend=f"r: residuals; A: their Jacobian; μ: damping; {TRIAL}",
    ),
    secant: RulePage(quasi_newton.barzilai_borwein, legend=PAIR),
    barzilai_borwein: RulePage(quasi_newton.barzilai_borwein, legend=PAIR),
    bfgs: RulePage(quasi_newton.bfgs, legend=f"B: stands for H⁻¹; {PAIR}; {LINE}"),
    lbfgs: RulePage(quasi_newton.lbfgs, legend=f"{PAIR}; {LINE}"),
}
