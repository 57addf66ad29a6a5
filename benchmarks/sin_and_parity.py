"""SIN and PARITY, the two small problems on which MATLAB's training functions race.

SIN: a 1-5-1 network (tanh, identity) learns one period of a sine, 41 points, until the
mean squared error is 0.002. PARITY: a 3-10-10-1 network (tanh throughout) learns the
parity of three bits, until it is 0.001. Thirty starts each, drawn by the scheme of
Nguyen and Widrow, float64. Each run is one call of a compiled program, compiled
beforehand. Run it with

    python benchmarks/sin_and_parity.py [--starts N]

Times are of the starts that reached the goal, in milliseconds; a ratio is of the mean
times. The problems and the goals are those of the chapter "Choose a multilayer neural
network training function" of MathWorks' Deep Learning Toolbox guide.
"""

import argparse
import itertools
import time
from typing import NamedTuple

import environment  # noqa: F401  (before JAX starts)
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

import nanonet
from nanonet.objectives.objective import Objective
from nanonet.solve.loop import run_to_end
from nanonet.solve.step import Tolerances

# What one call of the loop may take at the most.
MANY, FEW = 16_000, 1_000


class Problem(NamedTuple):
    """What is learnt, and how well."""

    network: nanonet.Network
    x: np.ndarray
    y: np.ndarray
    goal: float


def problems() -> dict[str, Problem]:
    """The two problems."""
    t = np.linspace(-1, 1, 41)
    bits = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    return {
        "SIN": Problem(
            nanonet.mlp([1, 5, 1], "tanh", "identity", init="nguyen_widrow"),
            t[:, None],
            np.sin(np.pi * t),
            0.002,
        ),
        "PARITY": Problem(
            nanonet.mlp([3, 10, 10, 1], "tanh", "tanh", init="nguyen_widrow"),
            bits,
            bits.prod(1),
            0.001,
        ),
    }


RULES = {
    "Levenberg-Marquardt": (nanonet.levenberg_marquardt(), FEW),
    "Newton, trust region": (nanonet.newton(), FEW),
    "BFGS": (nanonet.bfgs(), FEW),
    "L-BFGS": (nanonet.lbfgs(), FEW),
    "gradient descent, momentum": (nanonet.momentum(0.02), MANY),
    "Adam, α = 0.01": (nanonet.adam(0.01), MANY),
}


class Runs(NamedTuple):
    """What came of the starts of one rule."""

    solved: np.ndarray
    steps: np.ndarray
    milliseconds: np.ndarray


def race(J: Objective, rule, max_steps: int, goal: float, starts) -> Runs:
    """Run the rule from each start, one call each."""
    tolerances = Tolerances(gtol=1e-12, xtol=0.0, ftol=0.0, goal=goal)

    @jax.jit
    def run(J, rule, params):
        end = run_to_end(J, rule, params, tolerances, max_steps)
        return end.step, end.point.value

    jax.block_until_ready(run(J, rule, starts[0]))
    rows = []
    for params in starts:
        began = time.perf_counter()
        steps, value = jax.block_until_ready(run(J, rule, params))
        seconds = time.perf_counter() - began
        rows.append((float(value) <= goal, int(steps), 1e3 * seconds))
    return Runs(*map(np.array, zip(*rows, strict=True)))


def show(name: str, found: dict[str, Runs]) -> None:
    """One row for each rule, in the order of their mean times."""
    table = Table(title=name)
    table.add_column("method", no_wrap=True)
    for heading in (
        "reached\nthe goal",
        "median\nsteps",
        "mean ms",
        "ratio",
        "min ms",
        "max ms",
        "ms a step",
    ):
        table.add_column(heading, justify="right")
    means = {
        rule: runs.milliseconds[runs.solved].mean() if runs.solved.any() else np.inf
        for rule, runs in found.items()
    }
    fastest = min(means.values())
    for rule in sorted(found, key=means.__getitem__):
        solved, steps, ms = found[rule]
        cells = [f"{solved.sum()} of {len(solved)}"]
        if solved.any():
            cells += [
                f"{np.median(steps[solved]):,.0f}",
                f"{means[rule]:.3g}",
                f"{means[rule] / fastest:.2f}",
                f"{ms[solved].min():.3g}",
                f"{ms[solved].max():.3g}",
                f"{ms.sum() / steps.sum():.2g}",
            ]
        table.add_row(rule, *cells)
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="SIN and PARITY, to the goal.")
    parser.add_argument("--starts", type=int, default=30)
    count = parser.parse_args().starts
    with jax.enable_x64(True):
        for name, (network, x, y, goal) in problems().items():
            J = nanonet.objective(network, nanonet.mean_squared_error, x, y)
            starts = [
                network.init(key=key, dtype=jnp.float64)
                for key in jax.random.split(jax.random.key(0), count)
            ]
            found = {
                label: race(J, rule, max_steps, goal, starts)
                for label, (rule, max_steps) in RULES.items()
            }
            show(f"{name}, {count} starts", found)


if __name__ == "__main__":
    main()
