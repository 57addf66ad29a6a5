"""Published problem sets: how many each library solves, in how many evaluations.

Everything in float64, from the standard starts. Run it with

    python benchmarks/problem_sets.py

NIST: the 27 nonlinear regressions of StRD, from both starts; digits are those of the
worst parameter against the certified 11. All run to the end of the precision
(tolerances of 1e-15, 2,000 steps).

MGH: the functions of Moré, Garbow & Hillstrom, all 42 instances as least squares, and
the 25 of the 18 functions that their paper proposes for unconstrained minimisation.
Solved: J within 1e-4 of a published minimum, a local one among them (or below 1e-10
where it is 0), with tolerances of 1e-8. Evaluations are of the residuals, or of J and
its gradient; optimistix reports steps, each of which is one evaluation.

The tests keep these counts for nanonet (tests/test_least_squares.py,
tests/test_quasi_newton.py); here the peers stand beside it.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix  # pyright: ignore[reportMissingImports]
import scipy.optimize
from rich.console import Console
from rich.table import Table

import nanonet
from nanonet.solve.least_squares import HalfSquare

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from problems.mgh import MGH
from problems.nist import NIST

UNCONSTRAINED = (3, 4, 5, 7, 9, 11, 12, 14, 16, 18, 20, 21, 22, 23, 24, 25, 26, 35)

#: (residuals, start, tolerance) → the parameters found, and evaluations.
Solver = Callable[[Callable, np.ndarray, float], tuple[Any, int]]


def nanonet_lm(residuals, start, tolerance):
    tolerances = (
        {}
        if tolerance < 1e-12  # its own: to the end of the precision
        # scipy's gtol is of an angle, which no multiple of ‖∇J‖ stands for.
        else {"xtol": tolerance, "ftol": tolerance, "gtol": 0.0}
    )
    result = nanonet.least_squares(residuals, start, max_steps=2000, **tolerances)
    return result.params, result.evaluations


def scipy_lm(residuals, start, tolerance):
    values, jacobian = jax.jit(residuals), jax.jit(jax.jacfwd(residuals))
    exact: Any = lambda x: np.asarray(jacobian(x))  # noqa: E731
    found = scipy.optimize.least_squares(
        lambda x: np.asarray(values(x)),
        start,
        exact,
        method="lm",
        ftol=tolerance,
        xtol=tolerance,
        gtol=tolerance,
        max_nfev=2000,
    )
    return found.x, found.nfev


def optimistix_lm(residuals, start, tolerance):
    solver = optimistix.LevenbergMarquardt(rtol=tolerance, atol=tolerance)
    found = optimistix.least_squares(
        lambda x, _: residuals(x),
        solver,
        jnp.asarray(start, float),
        max_steps=2000,
        throw=False,
    )
    return found.value, int(found.stats["num_steps"])


def nanonet_minimize(rule) -> Solver:
    def solve(residuals, start, tolerance):
        result = nanonet.minimize(
            HalfSquare(residuals),
            jnp.asarray(start, float),
            rule,
            gtol=tolerance,
            max_steps=1500,
        )
        return result.params, result.evaluations

    return solve


def scipy_bfgs(residuals, start, tolerance):
    value_and_gradient = jax.jit(jax.value_and_grad(HalfSquare(residuals)))
    found = scipy.optimize.minimize(
        lambda x: tuple(map(np.asarray, value_and_gradient(x))),
        start,
        jac=True,
        method="BFGS",
        options={"gtol": tolerance},
    )
    return found.x, found.nfev


def optimistix_bfgs(residuals, start, tolerance):
    J = HalfSquare(residuals)
    found = optimistix.minimise(
        lambda x, _: J(x),
        optimistix.BFGS(rtol=tolerance, atol=tolerance),
        jnp.asarray(start, float),
        max_steps=1500,
        throw=False,
    )
    return found.value, int(found.stats["num_steps"])


LEAST_SQUARES: dict[str, Solver] = {
    "nanonet, Levenberg-Marquardt": nanonet_lm,
    "scipy, lm": scipy_lm,
    "optimistix, LevenbergMarquardt": optimistix_lm,
}
MINIMIZERS: dict[str, Solver] = {
    "nanonet, BFGS": nanonet_minimize(nanonet.bfgs()),
    "nanonet, Newton": nanonet_minimize(nanonet.newton()),
    "scipy, BFGS": scipy_bfgs,
    "optimistix, BFGS": optimistix_bfgs,
}


def digits(found, certified) -> float:
    """Digits of the worst parameter, of the 11 that are certified."""
    error = np.max(np.abs((np.asarray(found) - certified) / certified))
    return min(-np.log10(max(error, 1e-300)), 11.0) if np.isfinite(error) else 0.0


def solves(problem, found) -> bool:
    residuals = np.asarray(problem.residuals(jnp.asarray(found, float)))
    return any(
        np.isclose(residuals @ residuals, minimum, rtol=1e-4, atol=1e-10)
        for minimum in problem.minima
    )


def certified() -> Table:
    table = _table("NIST: of 54 starts", "6 digits", "8 digits", "9 digits")
    for name, solve in LEAST_SQUARES.items():
        reached = np.array(
            [
                digits(solve(problem.residuals, start, 1e-15)[0], problem.certified)
                for problem in NIST
                for start in problem.starts
            ]
        )
        table.add_row(name, *(f"{np.sum(reached >= d)}" for d in (6, 8, 9)))
    return table


def minima(title: str, problems, solvers: dict[str, Solver]) -> Table:
    table = _table(
        f"{title}: {len(problems)} instances", "solved", "median evaluations"
    )
    for name, solve in solvers.items():
        solved, evaluations = [], []
        for problem in problems:
            found, count = solve(problem.residuals, problem.start, 1e-8)
            solved.append(solves(problem, found))
            evaluations.append(count)
        table.add_row(name, f"{sum(solved)}", f"{np.median(evaluations):g}")
    return table


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="right" if table.columns else "left")
    return table


def main() -> None:
    console = Console()
    unconstrained = [p for p in MGH if p.number in UNCONSTRAINED]
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow on the way
        console.print(certified())
        console.print(minima("MGH, least squares", MGH, LEAST_SQUARES))
        console.print(minima("MGH, minimisation", unconstrained, MINIMIZERS))


if __name__ == "__main__":
    main()
