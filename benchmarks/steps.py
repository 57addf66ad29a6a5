"""The time of one training step: nanonet's `minimize` and five other ways to loop.

The 2-2-1 network of the notes on XOR, all four rows a step, float32, with J and its
gradient's norm recorded at every step where it says so. Run it with

    python benchmarks/steps.py [--steps N] [--plain-xla]

Each column of ratios is against the bare `lax.scan` in the same round; the median over
the rounds is printed. `--plain-xla` leaves XLA's settings alone (see nanonet/xla.py).
"""

import argparse
import sys

if "--plain-xla" not in sys.argv:
    import environment  # noqa: F401  (before JAX starts)

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.table import Table
from timing import interleaved

import nanonet

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 0], np.float32)

RULES = {"gradient descent": nanonet.gradient_descent(0.5), "Adam": nanonet.adam(0.01)}

# The slow loops are timed over fewer steps; their time per step does not depend on it.
SLOW_STEPS = 2_000


def bare_scan(J: Callable, params: nanonet.TwoTwoOne, rule, steps: int) -> Callable:
    """Scan over steps, nothing recorded: what the hardware can do through JAX."""

    @jax.jit
    def run(params):
        def step(carry, _):
            params, state = carry
            updates, state = rule.update(jax.grad(J)(params), state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, rule.init(params)), length=steps)[0]

    return lambda: jax.block_until_ready(run(params))


def python_loop(J: Callable, params: nanonet.TwoTwoOne, rule, steps: int) -> Callable:
    """Loop in Python over one jitted step."""

    @jax.jit
    def step(params, state):
        updates, state = rule.update(jax.grad(J)(params), state, params)
        return optax.apply_updates(params, updates), state

    def run():
        theta, state = params, rule.init(params)
        for _ in range(steps):
            theta, state = step(theta, state)
        jax.block_until_ready(theta)

    return run


def numpy_loop(params: nanonet.TwoTwoOne, name: str, steps: int) -> Callable:
    """Loop by hand in NumPy: the chain rule of page 3 written out for all rows."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def run():
        (W1, b1), (W2, b2) = ((np.array(w), np.array(b)) for w, b in params.to_layers())
        theta = [W1, b1, W2, b2]
        m, v = [np.zeros_like(w) for w in theta], [np.zeros_like(w) for w in theta]
        for t in range(1, steps + 1):
            h = sigmoid(X @ theta[0] + theta[1])
            y_hat = sigmoid(h @ theta[2] + theta[3])[:, 0]
            d_o = ((y_hat - Y) * y_hat * (1 - y_hat) / 4)[:, None]
            d_h = d_o @ theta[2].T * h * (1 - h)
            for i, g in enumerate((X.T @ d_h, d_h.sum(0), h.T @ d_o, d_o.sum(0))):
                if name == "Adam":
                    m[i] = 0.9 * m[i] + 0.1 * g
                    v[i] = 0.999 * v[i] + 0.001 * g * g
                    m_hat, v_hat = m[i] / (1 - 0.9**t), v[i] / (1 - 0.999**t)
                    theta[i] = theta[i] - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)
                else:
                    theta[i] = theta[i] - 0.5 * g

    return run


def torch_loop(params: nanonet.TwoTwoOne, name: str, steps: int) -> Callable | None:
    """Loop eagerly in PyTorch, where it is installed."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None

    torch.set_num_threads(1)  # faster than two on arrays this small
    x, y = torch.tensor(X), torch.tensor(Y)[:, None]

    def run():
        hidden, output = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        with torch.no_grad():
            for linear, (w, b) in zip(
                (hidden, output), params.to_layers(), strict=True
            ):
                linear.weight.copy_(torch.tensor(np.array(w).T))
                linear.bias.copy_(torch.tensor(np.array(b)))
        sigmoid = torch.nn.Sigmoid()
        network = torch.nn.Sequential(hidden, sigmoid, output, sigmoid)
        make = torch.optim.Adam if name == "Adam" else torch.optim.SGD
        optimizer = make(network.parameters(), lr=0.01 if name == "Adam" else 0.5)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = ((network(x) - y) ** 2).mean() / 2
            loss.backward()
            optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description="The time of one training step.")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--plain-xla", action="store_true")
    steps = parser.parse_args().steps
    network = nanonet.two_two_one()
    J = nanonet.objective(network, nanonet.half_squared_error, X, Y)
    params = network.init(key=jax.random.key(0), dtype=jnp.float32)
    table = Table(title=f"one step of the 2-2-1 network, jax {jax.__version__}")
    table.add_column("loop", no_wrap=True)
    rows: dict[str, list[str]] = {}
    for name, rule in RULES.items():
        table.add_column(f"{name}\nns a step", justify="right")
        table.add_column("against\nbare scan", justify="right")

        def fit(rule=rule):
            nanonet.minimize(J, params, rule, max_steps=steps, gtol=0)

        runs = {
            "bare lax.scan": (bare_scan(J, params, rule, steps), steps),
            "minimize, history on": (fit, steps),
            "Python loop, jit step": (
                python_loop(J, params, rule, SLOW_STEPS),
                SLOW_STEPS,
            ),
            "NumPy by hand": (numpy_loop(params, name, SLOW_STEPS), SLOW_STEPS),
            "PyTorch eager": (torch_loop(params, name, SLOW_STEPS), SLOW_STEPS),
        }
        seconds = interleaved({loop: run for loop, (run, _) in runs.items() if run})
        per_step = {loop: seconds[loop] / runs[loop][1] for loop in seconds}
        for loop, times in per_step.items():
            ratio = np.median(times / per_step["bare lax.scan"])
            rows.setdefault(loop, []).extend(
                [f"{1e9 * np.median(times):,.0f}", f"{ratio:,.2f}"]
            )
    for loop, cells in rows.items():
        table.add_row(loop, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
