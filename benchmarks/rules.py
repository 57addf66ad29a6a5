"""The time of one step of each rule: nanonet's and optax's in the same `lax.scan`.

Networks of 9 parameters (the 2-2-1 network on XOR), 1,000 and 1,000,000 (one wide
hidden layer, one example), float32. A step is gradient, rule and `apply_updates`. Run

    python benchmarks/rules.py [--rounds N] [--plain-xla]

The two libraries take turns, a few milliseconds each. A ratio is nanonet's shortest
turn over optax's (less than 1: nanonet is faster), because whatever else the machine
does can only make a turn longer; beside it stands nanonet's time per step.
`--plain-xla` leaves XLA's settings, which are the same for both, alone (see
nanonet/xla.py).
"""

import argparse
import sys

if "--plain-xla" not in sys.argv:
    import environment  # noqa: F401  (before JAX starts)

from collections.abc import Callable

import jax
import numpy as np
import optax
from rich.console import Console
from rich.table import Table
from steps import bare_scan
from timing import interleaved

import nanonet

ALPHA = 0.001


def alike(name: str, **settings) -> tuple:
    """A rule that both libraries have by one name."""
    return tuple(
        getattr(library, name)(ALPHA, **settings) for library in (nanonet, optax)
    )


RULES = {
    "gradient descent": (nanonet.gradient_descent(ALPHA), optax.sgd(ALPHA)),
    "momentum, optax's form": alike("sgd", momentum=0.9),
    "momentum, standard form": (
        nanonet.momentum(ALPHA, form="standard"),
        optax.sgd(ALPHA, momentum=0.9),
    ),
    "momentum, EWMA form": (
        nanonet.momentum(ALPHA, form="ewma"),
        optax.chain(optax.ema(0.9, debias=False), optax.scale(-ALPHA)),
    ),
    "momentum, Nesterov": alike("sgd", momentum=0.9, nesterov=True),
    "EWMA, corrected": (
        optax.chain(nanonet.ewma(0.9), optax.scale(-ALPHA)),
        optax.chain(optax.ema(0.9), optax.scale(-ALPHA)),
    ),
    "RMSprop": alike("rmsprop"),
    "RMSprop, ε outside": alike("rmsprop", eps_in_sqrt=False),
    "RMSprop, corrected": alike("rmsprop", bias_correction=True),
    "RMSprop, centred": alike("rmsprop", centered=True),
    "RMSprop, momentum": alike("rmsprop", momentum=0.9),
    "Adam": alike("adam"),
    "Adam, ε inside": alike("adam", eps=0.0, eps_root=1e-8),
    "Adam, Nesterov": alike("adam", nesterov=True),
    "AdamW": alike("adamw"),
    "AMSGrad": alike("amsgrad"),
    "Adagrad": alike("adagrad"),
}

STEPS = {9: 50_000, 1_000: 10_000, 1_000_000: 5}  # a few milliseconds' worth


def problem(size: int) -> tuple[Callable, nanonet.Network]:
    """J of a network of this many parameters, and the network."""
    if size == 9:
        network = nanonet.two_two_one()
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        y = np.array([0, 1, 1, 0], np.float32)
    else:
        network = nanonet.mlp([1, (size - 1) // 3, 1], "tanh", "identity")
        x, y = np.ones((1, 1), np.float32), np.ones((1, 1), np.float32)
    return nanonet.objective(network, nanonet.half_squared_error, x, y), network


def compare(size: int, ours, theirs, rounds: int) -> tuple[float, float]:
    """Nanonet's time over optax's, and nanonet's seconds per step."""
    J, network = problem(size)
    params = network.init(key=jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == size
    steps = STEPS[size]
    seconds = interleaved(
        {
            "nanonet": bare_scan(J, params, ours, steps),
            "optax": bare_scan(J, params, theirs, steps),
        },
        rounds,
    )
    shortest = {name: float(each.min()) for name, each in seconds.items()}
    return shortest["nanonet"] / shortest["optax"], shortest["nanonet"] / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--plain-xla", action="store_true")
    options = parser.parse_args()
    table = Table(title="nanonet ÷ optax, and nanonet's time per step")
    table.add_column("rule")
    for size in STEPS:
        table.add_column(f"{size:,} parameters", justify="right")
    for label, (ours, theirs) in RULES.items():
        cells = []
        for size in STEPS:
            ratio, seconds = compare(size, ours, theirs, options.rounds)
            cells.append(f"{ratio:.2f}  {seconds * 1e9:,.0f} ns")
        table.add_row(label, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
