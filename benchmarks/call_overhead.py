"""What a call costs beside its steps, once its program is compiled.

The overhead is the time of the call less that of the same call compiled into one
program by `jax.jit`, where nothing of Python is left. Four parameters, 4 steps:
Rosenbrock's function twice over, and its residuals. Medians of many short runs, in
turns; on a busy machine look at the least of them. Run it with

    python benchmarks/call_overhead.py
"""

import argparse
import time
from collections.abc import Callable

import environment  # noqa: F401  (before JAX starts)
import jax
import jax.numpy as jnp
import numpy as np

import nanonet

START = jnp.array([-1.2, 1.0, -1.2, 1.0])
BOX = (-2.0, 2.0)
STEPS = 4


def residuals(p):
    return jnp.concatenate([10 * (p[1::2] - p[::2] ** 2), 1 - p[::2]])


def rosenbrock(p):
    return jnp.sum(residuals(p) ** 2)


def minimize(rule, **options) -> Callable:
    return lambda p: nanonet.minimize(rosenbrock, p, rule, max_steps=STEPS, **options)


CALLS: dict[str, Callable] = {
    "minimize, BFGS": minimize(nanonet.bfgs()),
    "the same, no history": minimize(nanonet.bfgs(), history=False),
    "the same, in a box": minimize(nanonet.bfgs(), bounds=BOX),
    "minimize, gradient descent": minimize(nanonet.gradient_descent(1e-3)),
    "least_squares": lambda p: nanonet.least_squares(residuals, p, max_steps=STEPS),
}


def seconds(call: Callable) -> float:
    began = time.perf_counter()
    jax.block_until_ready(call(START).params)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The time of a call beside its compiled program."
    )
    parser.add_argument("--runs", type=int, default=2_000)
    runs = parser.parse_args().runs
    print(f"jax {jax.__version__}; ms, median (least) of {runs:,} runs")
    print(f"{'':30}{'call':>16}{'program alone':>16}{'overhead':>16}")
    for name, call in CALLS.items():
        alone = jax.jit(call)
        for warmed in (call, alone) * 3:
            seconds(warmed)
        both = np.array([(seconds(call), seconds(alone)) for _ in range(runs)]) * 1e3
        rows = np.array([np.median(both, axis=0), np.min(both, axis=0)]).T
        rows = [*rows, rows[0] - rows[1]]
        print(f"{name:30}" + "".join(f"{m:9.2f} ({b:.2f})" for m, b in rows))


if __name__ == "__main__":
    main()
