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

With bounds: Hock & Schittkowski's problems 1-5, 25, 38, 45 and 110, and the 25
minimisations of MGH once more, in a box about the start that shuts out the minimum of
most: within ½ + ½|θ| of it. Solved: J within 1e-4 of the published minimum, of the
least that any solver found. There the median is given a second time, over the problems
that nanonet and scipy all solve: who gives up early has few evaluations.

Times are of one call with its own function: the first, compilation included, and the
same again; medians over the problems.

The tests keep these counts for nanonet (tests/solve/test_least_squares.py,
tests/solve/test_bounds.py); here the peers stand beside it.
"""

import functools
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxopt  # pyright: ignore[reportMissingImports]
import numpy as np
import optimistix  # pyright: ignore[reportMissingImports]
import scipy.optimize
from rich.console import Console
from rich.table import Table

import nanonet
from nanonet.solve.least_squares import HalfSquare

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from problems.hs import HS
from problems.mgh import MGH
from problems.nist import NIST

UNCONSTRAINED = (3, 4, 5, 7, 9, 11, 12, 14, 16, 18, 20, 21, 22, 23, 24, 25, 26, 35)

#: (residuals, start, tolerance) → the parameters found, and evaluations.
Solver = Callable[[Callable, np.ndarray, float], tuple[Any, Any]]


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
    values, jacobian = _compiled_residuals(residuals)
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
    value_and_gradient = _compiled(HalfSquare(residuals))
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


def jaxopt_lm(residuals, start, tolerance):
    solver = jaxopt.LevenbergMarquardt(residuals, maxiter=2000, tol=tolerance)
    found = solver.run(jnp.asarray(start, float))
    return found.params, int(found.state.iter_num) + 1


def jaxopt_bfgs(residuals, start, tolerance):
    solver = jaxopt.BFGS(HalfSquare(residuals), maxiter=1500, tol=tolerance)
    found = solver.run(jnp.asarray(start, float))
    return found.params, int(found.state.num_fun_eval)


def nanonet_bounded(rule):
    def solve(J, start, lower, upper):
        found = nanonet.minimize(
            J, start, rule, bounds=(lower, upper), gtol=1e-8, max_steps=1500
        )
        return found.params, found.evaluations

    return solve


def scipy_bounded(J, start, lower, upper):
    value_and_gradient = _compiled(J)
    found = scipy.optimize.minimize(
        lambda x: tuple(map(np.asarray, value_and_gradient(x))),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)),
        options={"gtol": 1e-8, "ftol": 1e-15, "maxiter": 1500},
    )
    return found.x, found.nfev


@functools.lru_cache(1)
def _compiled_residuals(residuals):
    return jax.jit(residuals), jax.jit(jax.jacfwd(residuals))


@functools.lru_cache(1)
def _compiled(J):
    return jax.jit(jax.value_and_grad(J))


def jaxopt_bounded(J, start, lower, upper):
    solver = jaxopt.LBFGSB(J, maxiter=1500, tol=1e-8)
    found = solver.run(jnp.asarray(start), bounds=(lower, upper))
    return found.params, int(found.state.num_fun_eval)


def jaxopt_projected(J, start, lower, upper):
    solver = jaxopt.ProjectedGradient(
        J, jaxopt.projection.projection_box, maxiter=1500, tol=1e-8
    )
    bounds = jnp.asarray(lower), jnp.asarray(upper)
    found = solver.run(jnp.asarray(start), hyperparams_proj=bounds)
    # It counts its steps alone, each of which evaluates J once at the least.
    return found.params, int(found.state.iter_num)


BOUNDED: dict[str, Callable] = {
    "nanonet, BFGS": nanonet_bounded(nanonet.bfgs()),
    "nanonet, L-BFGS": nanonet_bounded(nanonet.lbfgs()),
    "nanonet, Newton": nanonet_bounded(nanonet.newton()),
    "scipy, L-BFGS-B": scipy_bounded,
    "jaxopt, LBFGSB": jaxopt_bounded,
    "jaxopt, ProjectedGradient (steps)": jaxopt_projected,
}
LEAST_SQUARES: dict[str, Solver] = {
    "nanonet, Levenberg-Marquardt": nanonet_lm,
    "scipy, lm": scipy_lm,
    "optimistix, LevenbergMarquardt": optimistix_lm,
    "jaxopt, LevenbergMarquardt": jaxopt_lm,
}
MINIMIZERS: dict[str, Solver] = {
    "nanonet, BFGS": nanonet_minimize(nanonet.bfgs()),
    "nanonet, Newton": nanonet_minimize(nanonet.newton()),
    "scipy, BFGS": scipy_bfgs,
    "optimistix, BFGS": optimistix_bfgs,
    "jaxopt, BFGS": jaxopt_bfgs,
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
    table = _table(f"{title}: {len(problems)} instances", *COLUMNS)
    for name, solve in solvers.items():
        runs = [
            timed(solve, problem.residuals, problem.start, 1e-8) for problem in problems
        ]
        solved = [solves(p, run[0]) for p, run in zip(problems, runs, strict=True)]
        table.add_row(name, f"{sum(solved)}", *medians(runs))
        # Else the process runs out of maps of memory: a program takes some ten.
        jax.clear_caches()
    return table


def bounded(title: str, problems) -> Table:
    """Problems are (J, start, lower, upper, published minima or none)."""
    columns = *COLUMNS[:2], "where nanonet and scipy solve", *COLUMNS[2:]
    table = _table(f"{title}: {len(problems)} instances", *columns)
    runs = {}
    for name, solve in BOUNDED.items():
        runs[name] = [timed(solve, *problem[:4]) for problem in problems]
        jax.clear_caches()
    values = {
        name: [
            float(p[0](jnp.asarray(r[0]))) for p, r in zip(problems, of, strict=True)
        ]
        for name, of in runs.items()
    }
    least = np.nanmin(list(values.values()), axis=0)
    solved = {
        name: [
            any(
                np.isclose(value, minimum, rtol=1e-4, atol=1e-8)
                for minimum in (problem[4] or (least[i],))
            )
            for i, (problem, value) in enumerate(zip(problems, of, strict=True))
        ]
        for name, of in values.items()
    }
    compared = [s for name, s in solved.items() if not name.startswith("jaxopt")]
    common = np.all(compared, axis=0)
    for name, of in runs.items():
        counts = np.array([run[1] for run in of])
        few = np.asarray(solved[name]) & common
        where_solved = f"{np.median(counts[few]):g}" if few.any() else "-"
        median, *times = medians(of)
        table.add_row(name, f"{sum(solved[name])}", median, where_solved, *times)
    return table


COLUMNS = ("solved", "median evaluations", "first call, s", "again, ms")


def timed(solve, *arguments):
    """What was found, evaluations, and the seconds of a first and of a second call."""

    def once():
        began = time.perf_counter()
        found, count = solve(*arguments)
        jax.block_until_ready(found)
        return found, count, time.perf_counter() - began

    found, count, first = once()
    return found, count, first, once()[2]


def medians(runs) -> list[str]:
    _, counts, first, again = zip(*runs, strict=True)
    return [
        f"{np.median(counts):g}",
        f"{np.median(first):.2f}",
        f"{1e3 * np.median(again):.2f}",
    ]


def in_a_box(problem):
    reach = 0.5 + np.abs(problem.start) / 2
    start = np.asarray(problem.start, float)
    J = HalfSquare(problem.residuals)
    return J, start, start - reach, start + reach, None


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
        hs = [(p.J, p.start, p.lower, p.upper, p.minima) for p in HS]
        console.print(bounded("Hock & Schittkowski, bounds", hs))
        console.print(bounded("MGH in boxes", list(map(in_a_box, unconstrained))))


if __name__ == "__main__":
    main()
