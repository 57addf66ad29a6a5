"""One network on many rows: a step of full-batch Adam.

Beside plain JAX, which computes J row by row as `a @ w + b` under `jax.vmap`, in the
same `lax.scan`. SimpleChains.jl's example is the 4-32-16-4 network on 10,000 rows. Run

    python benchmarks/rows.py [--rounds N]

The two take turns; a ratio is plain JAX's time over nanonet's (more than 1: nanonet is
faster), the median over the rounds. Beside it stand the shortest times of a step.
"""

import argparse
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.table import Table
from timing import interleaved

import nanonet

# Sizes, rows, dtype, steps in a turn.
CASES = [
    ([4, 32, 16, 4], 10_000, "float32", 15),
    ([10, 10, 1], 400, "float64", 300),
    ([10, 10, 1], 400, "float32", 300),
    ([1, 10, 1], 41, "float64", 2_000),
    ([30, 10, 1], 569, "float64", 150),
    ([64, 50, 10], 1_797, "float64", 8),
    ([10, 10, 1], 100_000, "float64", 3),
]


def plain(x: jax.Array, y: jax.Array) -> Callable:
    """The mean squared error of a network with tanh units, as one writes it in JAX."""

    def one(params, x):
        *hidden, last = params
        for w, b in hidden:
            x = jnp.tanh(x @ w + b)
        return x @ last.w + last.b

    def J(params):
        outputs = jax.vmap(one, (None, 0))(params, x)
        return jnp.mean((outputs - y) ** 2)

    return J


def scan(J: Callable, params, steps: int) -> Callable:
    rule = optax.adam(0.01)

    @jax.jit
    def run(params):
        def step(carry, _):
            params, state = carry
            value, slope = jax.value_and_grad(J)(params)
            updates, state = rule.update(slope, state, params)
            return (optax.apply_updates(params, updates), state), value

        return jax.lax.scan(step, (params, rule.init(params)), length=steps)

    return lambda: jax.block_until_ready(run(params))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    table = Table("network", "rows", "dtype", "nanonet", "plain JAX", "ratio")
    for sizes, n, dtype, steps in CASES:
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.normal(size=(n, sizes[0])).astype(dtype))
        y = jnp.asarray(rng.normal(size=(n, sizes[-1])).astype(dtype))
        network = nanonet.mlp(sizes, "tanh", "identity")
        params = network.init(jax.random.key(0), dtype)
        J = nanonet.objective(network, nanonet.mean_squared_error, x, y)
        runs = {
            "nanonet": scan(J, params, steps),
            "jax": scan(plain(x, y), params, steps),
        }
        ours, theirs = interleaved(runs, options.rounds).values()
        cells = [f"{1e6 * np.min(each) / steps:,.1f} µs" for each in (ours, theirs)]
        ratio = f"{np.median(theirs / ours):.2f}"
        table.add_row("-".join(map(str, sizes)), f"{n:,}", dtype, *cells, ratio)
    Console().print(table)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
