"""XOR from a thousand random starts: which methods solve it, and at what price.

The 2-2-1 network of the notes, float64, parameters standard normal, J = half the mean
squared error of the four rows. Each start runs alone in the loop of `minimize`, one
after the other inside one compiled program, until J ≤ 10⁻³, ‖∇J‖ ≤ 10⁻¹⁰, the method
says that J cannot be made smaller, or its steps are spent. Run it with

    python benchmarks/xor_race.py [--starts N]

Each start that does not solve XOR is named once, by the first of these that holds.
"NaN": its best J is not finite. "Ran off": it came to an infinite J or ∇J. "Stuck at":
its best mean squared error is within 2 % of 1/8 (two rows given ½), 1/6 (three rows
given 1/3 or 2/3) or 1/4 (all rows given ½, or one row wrong). "Moving": its steps were
spent before it stood still. "Stuck elsewhere": it stood still at another height.
Evaluations are those of J and ∇J, or of the residuals; medians are
over the solved starts, times over all.
"""

import argparse
import time

import environment  # noqa: F401  (before JAX starts)
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.table import Table

import nanonet
from nanonet.loop import Tolerances, advance, start
from nanonet.partition import split

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
Y = np.array([0, 1, 1, 0], float)

MANY, FEW = 10_000, 1_000
RULES = {
    "gradient descent, α = 10": (nanonet.gradient_descent(10.0), MANY),
    "momentum, α = 1": (nanonet.momentum(1.0), MANY),
    "RMSprop, α = 0.01": (nanonet.rmsprop(0.01), MANY),
    "Adam, α = 0.05": (nanonet.adam(0.05), MANY),
    "Barzilai-Borwein 1": (nanonet.secant(1.0), FEW),
    "Barzilai-Borwein 2": (nanonet.secant(1.0, form="short"), FEW),
    "BFGS": (nanonet.bfgs(), FEW),
    "L-BFGS": (nanonet.lbfgs(), FEW),
    "Newton-CG": (nanonet.newton_cg(), FEW),
    "Newton, pure": (nanonet.newton(safeguard=False), FEW),
    "Newton, trust region": (nanonet.newton(), FEW),
    "Gauss-Newton": (nanonet.gauss_newton(), FEW),
    "Levenberg-Marquardt": (nanonet.levenberg_marquardt(), FEW),
    "the same, D = I": (nanonet.levenberg_marquardt(scaled=False), FEW),
    "the same, geodesic": (
        nanonet.levenberg_marquardt(scaled=False, geodesic=True),
        FEW,
    ),
}
GOAL = 1e-3
PLATEAUS = {"1/8": 1 / 8, "1/6": 1 / 6, "1/4": 1 / 4}


def race(J, rule, starts, max_steps: int):
    """Run the rule from each start; the ends, and seconds without compilation."""
    static, numbers = split((J, rule))
    tolerances = Tolerances(gtol=1e-10, xtol=0.0, ftol=0.0, goal=GOAL)

    def run(params):
        begun = start(static, numbers, params, tolerances)
        end, _ = advance(static, False, numbers, tolerances, begun, max_steps)
        return end.step, end.status, end.evaluations, end.best_value

    program = jax.jit(lambda starts: lax.map(run, starts)).lower(starts).compile()
    began = time.perf_counter()
    ends = jax.device_get(program(starts))
    return ends, time.perf_counter() - began


def cells(ends, seconds: float) -> list[str]:
    """Make a row of the table."""
    steps, status, evaluations, values = ends
    solved = values <= GOAL
    error = 2 * values
    left = ~solved
    counts = []
    for holds in (
        ~np.isfinite(values),
        status == nanonet.Status.NON_FINITE,
        *(np.abs(error - height) < 0.02 * height for height in PLATEAUS.values()),
        status == nanonet.Status.RUNNING,
        left,
    ):
        counts.append(np.sum(left & holds))
        left = left & ~holds
    return [
        f"{solved.mean():.1%}",
        _median(steps[solved]),
        _median(evaluations[solved]),
        f"{1e3 * seconds / len(values):.3f}",
        *(f"{count:,}" for count in counts),
    ]


def _median(numbers: np.ndarray) -> str:
    return f"{np.median(numbers):,.0f}" if numbers.size else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description="XOR from many random starts.")
    parser.add_argument("--starts", type=int, default=1_000)
    count = parser.parse_args().starts
    network = nanonet.two_two_one()
    table = Table(title=f"XOR, {count:,} starts of the 2-2-1 network")
    table.add_column("method", no_wrap=True)
    for heading in (
        "solved",
        "median\nsteps",
        "median\nevaluations",
        "ms a\nstart",
        "NaN",
        "ran off",
        *(f"stuck\nat {name}" for name in PLATEAUS),
        "moving",
        "stuck\nelsewhere",
    ):
        table.add_column(heading, justify="right")
    with jax.enable_x64(True):
        J = nanonet.objective(network, nanonet.half_squared_error, X, Y)
        keys = jax.random.split(jax.random.key(0), count)
        starts = jax.vmap(lambda key: network.init(key=key, dtype=jnp.float64))(keys)
        for name, (rule, max_steps) in RULES.items():
            table.add_row(name, *cells(*race(J, rule, starts, max_steps)))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
