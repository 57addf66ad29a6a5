"""The time of one step against the number of parameters n.

The objective is that of a network's kind and cheap: J = Σ cosh(θ - a) + ½ (Σ θ)²/n, in
float64, whose value and gradient cost O(n) and whose Hessian has no zeros. Each method
takes steps inside one compiled loop. Run it with

    python benchmarks/cost_of_a_step.py [--largest N]

It prints the exponents of the lines fitted to the three largest n of each method, on
log-log axes, beside those of page 8 of the notes (gradient descent O(n), Newton O(n³)),
and writes benchmarks/pictures/cost_of_a_step.png. Newton is the pure step: one Hessian
and one LU decomposition. L-BFGS and Newton-CG cost O(n) times the number of pairs kept,
or of products with H; BFGS O(n²) for its matrix. Below n = 100 or so most of the time
is that of calling the loop; where arrays outgrow a cache, times rise faster than by
theory.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.table import Table
from timing import interleaved

import nanonet
from nanonet.solve.loop import advance, start
from nanonet.solve.step import Tolerances

mpl.use("Agg")
import matplotlib.pyplot as plt

PICTURE = Path(__file__).parent / "pictures" / "cost_of_a_step.png"

#: Rule, largest n, and what theory says.
METHODS = {
    "gradient descent": (nanonet.gradient_descent(1e-3), 2**20, 1),
    "L-BFGS": (nanonet.lbfgs(), 2**18, 1),
    "Newton-CG": (nanonet.newton_cg(), 2**18, 1),
    "BFGS": (nanonet.bfgs(), 2**12, 2),
    "Newton": (nanonet.newton(safeguard=False), 2**11, 3),
}
#: Those of page 8, drawn as dashed lines through the largest n of the method.
NOTES = {"gradient descent": "O(n)", "Newton": "O(n³)"}
STEPS = 4
FIT = 3


def J(a, theta):
    """Sum of cosh(θ - a), and a term that couples all parameters."""
    return jnp.sum(jnp.cosh(theta - a)) + jnp.sum(theta) ** 2 / (2 * theta.size)


def steps(rule, n: int) -> Callable[[], object]:
    """Make a function that takes STEPS steps from random parameters, far from done."""
    a, theta = np.random.default_rng(n).normal(size=(2, n))
    fun, tolerances = jax.tree_util.Partial(J, a), Tolerances(gtol=0.0)
    begun = start(fun, rule, jnp.asarray(theta), tolerances)
    count = np.asarray(STEPS, np.int32)

    def run():
        end, *_ = advance(fun, rule, tolerances, "values", begun, count)
        jax.block_until_ready(end)
        if end.step != STEPS:
            raise RuntimeError(f"{end.step} steps, not {STEPS}: {rule}, n={n}")

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description="The time of one step against n.")
    parser.add_argument("--largest", type=int, default=2**20)
    largest = parser.parse_args().largest
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    table = Table(title=f"time of one step ~ nᵖ, jax {jax.__version__}")
    for heading in (
        "method",
        "p fitted",
        "p in theory",
        "largest n",
        "ms a step there",
    ):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    with jax.enable_x64(True):
        for name, (rule, end, theory) in METHODS.items():
            sizes = [4**k for k in range(1, 11) if 4**k <= min(end, largest)]
            if end not in sizes and end <= largest:
                sizes.append(end)
            seconds = [
                np.median(interleaved({name: steps(rule, n)})[name]) / STEPS
                for n in sizes
            ]
            power = np.polyfit(np.log(sizes[-FIT:]), np.log(seconds[-FIT:]), 1)[0]
            (line,) = axes.loglog(sizes, seconds, "o-", label=f"{name}, n^{power:.2f}")
            if name in NOTES:
                reference = seconds[-1] * (np.array(sizes) / sizes[-1]) ** theory
                shown = reference > min(seconds) / 4
                axes.loglog(
                    np.array(sizes)[shown],
                    reference[shown],
                    "--",
                    color=line.get_color(),
                    label=f"the notes' {NOTES[name]}",
                )
            table.add_row(
                name,
                f"{power:.2f}",
                str(theory),
                f"{sizes[-1]:,}",
                f"{1e3 * seconds[-1]:,.2f}",
            )
    axes.set(xlabel="parameters n", ylabel="seconds a step")
    axes.legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=120)
    Console().print(table)


if __name__ == "__main__":
    main()
