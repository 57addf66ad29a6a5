"""Many small problems of any form: `least_squares_many` and `minimize_many`, and peers.

float32, each problem with its own data. Run it with

    python benchmarks/many.py [--problems N] [--rounds R] [--only WORK]

scipy solves one after another, in as many processes as there are cores, in float64 as
it always does; optimistix and jaxopt solve them under `jax.vmap`. Peers that are not
installed are left out. Each has its share of the problems, as many as it solves in
some seconds; each ratio is the median over rounds in which all take turns.
"""

import argparse
import multiprocessing
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from rich.console import Console
from rich.table import Table
from timing import interleaved

import nanonet
from nanonet.solve.workers import count_cores

T = np.linspace(0.2, 4, 12)
DOSES = np.geomspace(0.01, 100, 10)
CONCENTRATIONS = np.geomspace(0.1, 10, 8)
PIXEL_Y, PIXEL_X = (np.ravel(axis).astype(float) for axis in np.indices((5, 5)))
FEATURES = np.random.default_rng(0).normal(size=(50, 5))


def spot(p, xp=np):
    """A Gaussian spot on 5 x 5 pixels, its width and what is behind it."""
    height, x, y, width, behind = (p[..., i, None] for i in range(5))
    squares = (PIXEL_X - x) ** 2 + (PIXEL_Y - y) ** 2
    return height * xp.exp(-squares / (2 * width**2)) + behind


def decay(p, xp=np):
    """Exponential decay to a constant."""
    return p[..., 0, None] * xp.exp(-p[..., 1, None] * T) + p[..., 2, None]


def kinetics(p, xp=np):
    """Michaelis and Menten's speed of a reaction."""
    return p[..., 0, None] * CONCENTRATIONS / (p[..., 1, None] + CONCENTRATIONS)


def response(p, xp=np):
    """Dose and response: the logistic of four parameters."""
    low, high, slope, middle = (p[..., i, None] for i in range(4))
    return low + (high - low) / (1 + xp.exp(-slope * (xp.log(DOSES) - middle)))


def likelihood(p, y, xp=np):
    """Minus the mean logarithm of the likelihood of a logistic regression."""
    z = FEATURES @ p
    return xp.mean(xp.logaddexp(0 * z, z) - y * z)


class Work(NamedTuple):
    """What is fitted to what; J is of the residuals, or `likelihood`."""

    model: Any
    low: list[float]  # of the true parameters
    high: list[float]
    noise: Callable  # of what the model gives
    max_steps: int = 100
    bounds: tuple[Any, Any] | None = None
    rule: Any = None  # of nanonet; by default the one that comes


def normal(size: float) -> Callable:
    return lambda rng, y: y + size * rng.normal(size=y.shape)


SPOT = Work(
    spot,
    [400, 1.5, 1.5, 0.9, 8],
    [600, 2.5, 2.5, 1.1, 12],
    lambda rng, y: rng.poisson(y).astype(float),
)

WORKS = {
    "Gaussian spot, 5 parameters, 5 x 5 pixels": SPOT,
    "the same, damping 1e-6, at most 10 steps": SPOT._replace(
        max_steps=10, rule=nanonet.levenberg_marquardt(1e-6)
    ),
    "exponential decay, 3 parameters, 12 points": Work(
        decay, [1, 0.5, 0], [3, 2, 0.5], normal(0.02)
    ),
    "Michaelis-Menten, 2 parameters, 8 points": Work(
        kinetics, [1, 0.5], [3, 3], normal(0.02)
    ),
    "four-parameter logistic in bounds, 10 points": Work(
        response,
        [0, 0.8, 0.5, -2],
        [0.2, 1.2, 2, 2],
        normal(0.03),
        bounds=(np.array([0, 0.5, 0.1, -4.5]), np.array([0.5, 2, 5, 4.5])),
    ),
    "logistic regression, 5 parameters, 50 rows": Work(
        None, [-1] * 5, [1] * 5, lambda rng, z: (rng.random(z.shape) < z) * 1.0
    ),
}


def problems(work: Work, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts near the true parameters, and data, of N problems."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(work.low, work.high, (N, len(work.low)))
    parts = []
    for part in np.array_split(truth, max(N // 50_000, 1)):
        clean = work.model(part) if work.model else 1 / (1 + np.exp(-part @ FEATURES.T))
        parts.append(work.noise(rng, clean).astype(np.float32))
    if work.model is None:
        return np.zeros_like(truth, np.float32), np.concatenate(parts)
    starts = truth * rng.uniform(0.9, 1.1, truth.shape)
    if work.bounds is not None:
        starts = np.clip(starts, *work.bounds)
    return starts.astype(np.float32), np.concatenate(parts)


def residuals_of(work: Work) -> Callable:
    return lambda p, y: work.model(p, jnp) - y


def ours(work: Work, starts: np.ndarray, y: np.ndarray) -> nanonet.Fits:
    """As one would call it."""
    if work.model is None:
        fun = likelihoods.setdefault("nanonet", lambda p, y: likelihood(p, y, jnp))
        return nanonet.minimize_many(fun, starts, args=(y,))
    fun = likelihoods.setdefault(work.model, residuals_of(work))
    how: Any = dict(args=(y,), max_steps=work.max_steps, bounds=work.bounds)
    return nanonet.least_squares_many(fun, starts, work.rule, **how)


likelihoods: dict[Any, Callable] = {}


def by_scipy(name: str, starts: np.ndarray, y: np.ndarray) -> list[float]:
    """J where scipy ends, one problem after another."""
    work, ends = WORKS[name], []
    for start, row in zip(starts.astype(float), y.astype(float), strict=True):
        if work.model is None:
            found = scipy.optimize.minimize(likelihood, start, args=(row,))
            ends.append(found.fun)
        else:
            r = lambda p, row=row: work.model(p) - row  # noqa: E731
            how: Any = dict(bounds=work.bounds) if work.bounds else dict(method="lm")
            ends.append(scipy.optimize.least_squares(r, start, **how).cost)
    return ends


def optimistix_vmap(work: Work) -> Callable | None:
    """Its Levenberg-Marquardt, or BFGS; it has no bounds."""
    try:
        import optimistix  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    if work.bounds is not None:
        return None
    tolerances = dict(rtol=1e-4, atol=1e-4)

    def one(start, y):
        if work.model is None:
            solver = optimistix.BFGS(**tolerances)
            fun = lambda p, y: likelihood(p, y, jnp)  # noqa: E731
            return optimistix.minimise(fun, solver, start, y, throw=False).value
        solver = optimistix.LevenbergMarquardt(**tolerances)
        fun = residuals_of(work)
        return optimistix.least_squares(
            fun, solver, start, y, max_steps=work.max_steps, throw=False
        ).value

    solve = jax.jit(jax.vmap(one))
    return lambda *given: jax.block_until_ready(solve(*given))


def jaxopt_vmap(work: Work) -> Callable | None:
    """Its Levenberg-Marquardt, BFGS, or projected L-BFGS."""
    try:
        import jaxopt  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None

    def one(start, y):
        if work.model is None:
            fun = lambda p, y: likelihood(p, y, jnp)  # noqa: E731
            return jaxopt.BFGS(fun).run(start, y=y).params
        fun = residuals_of(work)
        if work.bounds is not None:
            J = lambda p, y: jnp.sum(fun(p, y) ** 2) / 2  # noqa: E731
            box = tuple(jnp.asarray(b, jnp.float32) for b in work.bounds)
            return jaxopt.LBFGSB(J).run(start, bounds=box, y=y).params
        return (
            jaxopt.LevenbergMarquardt(fun, maxiter=work.max_steps)
            .run(start, y=y)
            .params
        )

    solve = jax.jit(jax.vmap(one))
    return lambda *given: jax.block_until_ready(solve(*given))


def main() -> None:
    parser = argparse.ArgumentParser(description="Many small problems of any form.")
    parser.add_argument("--problems", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="work whose name begins so")
    options = parser.parse_args()
    N, cores = options.problems, count_cores()
    few, fewer = min(N, 4_000), min(N, 1_000)
    table = Table(title=f"{N:,} problems, jax {jax.__version__}, {cores} cores")
    for column in ("work", "by", "problems a second", "nanonet's speed over it"):
        table.add_column(column)
    processes = multiprocessing.get_context("spawn").Pool(cores)
    for name, work in WORKS.items():
        if not name.startswith(options.only):
            continue
        starts, y = problems(work, N)
        parts = [np.array_split(a[:fewer], cores) for a in (starts, y)]

        def scipys(name=name, parts=parts):
            calls = zip([name] * cores, *parts, strict=True)
            return np.concatenate(processes.starmap(by_scipy, calls))

        peers = {"optimistix": optimistix_vmap(work), "jaxopt": jaxopt_vmap(work)}
        runs = {
            "nanonet": (lambda w=work, s=starts, y=y: ours(w, s, y), N),
            f"scipy, {cores} processes": (scipys, fewer),
        } | {
            by: (lambda run=run, s=starts[:few], y=y[:few]: run(s, y), few)
            for by, run in peers.items()
            if run is not None
        }
        values = ours(work, starts, y).value[:fewer].astype(float)
        good = np.mean(values <= (1 + 1e-4) * scipys() + 1e-9)
        seconds = interleaved(
            {by: run for by, (run, _) in runs.items()}, options.rounds
        )
        each = {by: seconds[by] / runs[by][1] for by in runs}
        for by, times in each.items():
            ratio = np.median(times / each["nanonet"])
            label = name if by == "nanonet" else ""
            note = (
                f"as good as scipy: {good:.1%}" if by == "nanonet" else f"{ratio:,.0f}"
            )
            table.add_row(label, by, f"{1 / np.median(times):,.0f}", note)
    processes.close()
    Console().print(table)


if __name__ == "__main__":
    main()
