"""Training many small networks at once: nanonet's `fit_many` and its peers.

float32, XOR on the 2-2-1 network unless it says otherwise. Run it with

    python benchmarks/ensembles.py [--networks N] [--rounds R] [--only WORK]

Peers that are not installed are left out. Each ratio is the median over rounds in which
all take turns, so that a change of the machine's speed meets all of them.
"""

import argparse

from nanonet.xla import show_all_cores

show_all_cores()  # before JAX starts

import ctypes  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import jax  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from timing import interleaved  # noqa: E402

import nanonet  # noqa: E402

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 0], np.float32)
XOR = nanonet.two_two_one()
T = np.linspace(-1, 1, 41, dtype=np.float32)[:, None]
SINE = nanonet.mlp([1, 10, 1], hidden="tanh", output="identity")


def starts(network: nanonet.Network, count: int):
    keys = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.vmap(lambda key: network.init(key=key))(keys))


def ours(network, x, y, params, rule, steps: int) -> Callable:
    def run():
        nanonet.fit_many(network, x, y, params, rule=rule, steps=steps)

    return run


def plain(network, x, y, params, rule, steps: int) -> Callable:
    """The same rule under jit(vmap(scan)), as one would write it."""
    J = nanonet.objective(network, nanonet.half_squared_error, x, y)
    rule = optax.with_extra_args_support(rule)

    @jax.jit
    @jax.vmap
    def train(params):
        def step(carry, _):
            params, state = carry
            value, slope = jax.value_and_grad(J)(params)
            updates, state = rule.update(
                slope,
                state,
                params,
                value=value,
                grad=slope,
                value_fn=J,
                residual_fn=lambda params: J.residuals(params),
            )
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, rule.init(params)), length=steps)[0][0]

    return lambda: jax.block_until_ready(train(params))


def compiled_c(params, rate: float, steps: int, *, adam: bool) -> Callable:
    """C with OpenMP and vector math, 16 networks a vector; compiled here and now."""
    library = Path(tempfile.mkdtemp()) / "ensembles.so"
    source = Path(__file__).with_suffix(".c")
    flags = "-O3 -march=native -ffast-math -fopenmp -mprefer-vector-width=512"
    command = ["gcc", *flags.split(), "-shared", "-fPIC", source, "-o", library]
    subprocess.run([*map(str, command), "-lmvec", "-lm"], check=True)
    train = ctypes.CDLL(str(library)).train
    columns = np.stack(params)
    count = columns.shape[1]

    def run():
        theta = columns.copy()
        train(
            theta.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_long(count),
            ctypes.c_long(steps),
            ctypes.c_float(rate),
            int(adam),
        )

    return run


def torch_batched(params, steps: int) -> Callable | None:
    """PyTorch: one batched product a layer, fused Adam."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(jax.device_count())
    weights = [
        [torch.tensor(np.array(p, order="C")) for p in layer]
        for layer in jax.vmap(lambda p: p.to_layers())(params)
    ]
    count = len(weights[0][0])
    x = torch.tensor(X).expand(count, -1, -1)
    y = torch.tensor(Y)[:, None].expand(count, -1, -1)

    def run():
        (w1, b1), (w2, b2) = [
            [p.clone().requires_grad_() for p in layer] for layer in weights
        ]
        adam = torch.optim.Adam([w1, b1, w2, b2], lr=0.01, fused=True)
        for _ in range(steps):
            adam.zero_grad()
            h = torch.sigmoid(torch.baddbmm(b1[:, None], x, w1))
            o = torch.sigmoid(torch.baddbmm(b2[:, None], h, w2))
            (((o - y) ** 2).sum() / 8).backward()
            adam.step()

    return run


def optimistix_lm(params, steps: int) -> Callable | None:
    """Optimistix's Levenberg-Marquardt under vmap, for as many steps."""
    try:
        import optimistix
    except ImportError:
        return None
    solver = optimistix.LevenbergMarquardt(rtol=0.0, atol=0.0)
    r = nanonet.residuals(XOR, X, Y)

    @jax.jit
    @jax.vmap
    def train(params):
        return optimistix.least_squares(
            lambda params, _: r(params), solver, params, max_steps=steps, throw=False
        ).value

    return lambda: jax.block_until_ready(train(params))


def main() -> None:
    parser = argparse.ArgumentParser(description="Many small networks at once.")
    parser.add_argument("--networks", type=int, default=32_768)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="work whose name begins so")
    options = parser.parse_args()
    N = options.networks
    xor, few = starts(XOR, N), starts(XOR, N // 16)
    sine = starts(SINE, N // 16)
    lm = nanonet.levenberg_marquardt(solver="cholesky")
    newton = nanonet.newton(safeguard=False)
    descent, adam = nanonet.gradient_descent(0.5), nanonet.adam(0.01)
    # Work: its name → runs, each with its networks and steps, "nanonet" first.
    work: dict[str, dict[str, tuple[Callable | None, int]]] = {
        "gradient descent": {
            "nanonet": (ours(XOR, X, Y, xor, descent, 500), N * 500),
            "C": (compiled_c(xor, 0.5, 500, adam=False), N * 500),
            "plain": (plain(XOR, X, Y, few, optax.sgd(0.5), 500), len(few[0]) * 500),
        },
        "Adam": {
            "nanonet": (ours(XOR, X, Y, xor, adam, 500), N * 500),
            "C": (compiled_c(xor, 0.01, 500, adam=True), N * 500),
            "plain": (plain(XOR, X, Y, few, optax.adam(0.01), 500), len(few[0]) * 500),
            "torch": (torch_batched(xor, 5), N * 5),
        },
        "Levenberg-Marquardt": {
            "nanonet": (ours(XOR, X, Y, xor, lm, 50), N * 50),
            "plain": (plain(XOR, X, Y, few, lm, 50), len(few[0]) * 50),
            "optimistix": (optimistix_lm(few, 50), len(few[0]) * 50),
        },
        "Newton": {
            "nanonet": (ours(XOR, X, Y, xor, newton, 50), N * 50),
            "plain": (plain(XOR, X, Y, few, newton, 50), len(few[0]) * 50),
        },
        "Adam, 1-10-1, 41 points": {
            "nanonet": (ours(SINE, T, np.sin(3 * T), sine, adam, 100), N // 16 * 100),
            "plain": (
                plain(SINE, T, np.sin(3 * T), sine, optax.adam(0.01), 100),
                N // 16 * 100,
            ),
        },
    }
    table = Table(title=f"many networks at once, jax {jax.__version__}, {jax.device_count()} devices")
    for column in ("work", "by", "ns per network and step", "nanonet's speed over it"):
        table.add_column(column)
    for name, runs in work.items():
        if not name.startswith(options.only):
            continue
        present = {by: run for by, (run, _) in runs.items() if run is not None}
        seconds = interleaved(present, options.rounds)
        each = {by: seconds[by] / runs[by][1] for by in present}
        for by, times in each.items():
            ratio = np.median(times / each["nanonet"])
            table.add_row(name, by, f"{1e9 * np.median(times):,.1f}", f"{ratio:,.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
