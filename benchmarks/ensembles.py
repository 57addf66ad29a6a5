"""Training many small networks at once: nanonet's `fit_many` and its peers.

float32, XOR on the 2-2-1 network unless it says otherwise. Run it with

    python benchmarks/ensembles.py [--networks N] [--rounds R] [--only WORK]
    python benchmarks/ensembles.py --pictures

The second makes benchmarks/pictures/ensembles.png.

Peers that are not installed are left out. Each ratio is the median over rounds in which
all take turns, so that a change of the machine's speed meets all of them.
"""

import argparse
import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import optax
from rich.console import Console
from rich.table import Table
from timing import interleaved

import nanonet
from nanonet.rules._parts.memory import without_memory
from nanonet.solve.workers import count_cores
from nanonet.table.read import BUNDLED

PICTURE = Path(__file__).parent / "pictures" / "ensembles.png"

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 0], np.float32)
XOR = nanonet.two_two_one()
T = np.linspace(-1, 1, 41, dtype=np.float32)[:, None]
SINE = nanonet.mlp([1, 10, 1], hidden="tanh", output="identity")


def starts(network: nanonet.Network, count: int):
    keys = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.vmap(lambda key: network.init(key=key))(keys))


SPECIES = np.loadtxt(BUNDLED["iris"], str, delimiter=",", skiprows=1)
FLOWERS = SPECIES[:, :4].astype(np.float32)
FLOWERS = (FLOWERS - FLOWERS.mean(0)) / FLOWERS.std(0)
KINDS = (SPECIES[:, 4:] == np.unique(SPECIES[:, 4])).astype(np.float32)
IRIS = nanonet.mlp([4, 8, 3], hidden="tanh", output="softmax")


# Less than this many take less memory than the allocator keeps at hand.
FEWEST_TO_WEIGH = 10_000


class Work(NamedTuple):
    """What each network is trained on, and how long."""

    network: nanonet.Network
    x: np.ndarray
    y: np.ndarray
    steps: int
    loss: Callable = nanonet.half_squared_error


def ours(work: Work, params, rule) -> Callable:
    def run():
        nanonet.fit_many(
            work.network,
            work.x,
            work.y,
            params,
            rule=rule,
            max_steps=work.steps,
            loss=work.loss,
        )

    return run


def plain(work: Work, params, rule) -> Callable:
    """The same rule under jit(vmap(scan)), as one would write it."""
    J = nanonet.objective(work.network, work.loss, work.x, work.y)
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
            )
            return (optax.apply_updates(params, updates), state), None

        start = params, without_memory(rule.init(params))
        return jax.lax.scan(step, start, length=work.steps)[0][0]

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
    missing = -columns.shape[1] % 16
    columns = np.pad(columns, ((0, 0), (0, missing)), mode="edge")
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
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    torch.set_num_threads(count_cores())
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
        import optimistix  # pyright: ignore[reportMissingImports]
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


def works(N: int) -> dict[str, dict[str, tuple[Callable | None, int]]]:
    """Work: its name → runs, each with its networks times steps, "nanonet" first."""
    xor, few, least = (starts(XOR, count) for count in (N, N // 8, N // 32))
    sine, iris = starts(SINE, N // 16), starts(IRIS, N // 64)
    thousand = starts(XOR, 1000)
    long, short = Work(XOR, X, Y, 500), Work(XOR, X, Y, 50)
    longer = Work(XOR, X, Y, 5000)
    waves = Work(SINE, T, np.sin(3 * T), 100)
    flowers = Work(IRIS, FLOWERS, KINDS, 100, nanonet.cross_entropy)
    descent, adam = nanonet.gradient_descent(0.5), nanonet.adam(0.01)
    lm = nanonet.levenberg_marquardt()
    newton, bfgs = nanonet.newton(safeguard=False), nanonet.bfgs()
    return {
        "gradient descent": {
            "nanonet": (ours(long, xor, descent), N * 500),
            "C": (compiled_c(xor, 0.5, 500, adam=False), N * 500),
            "plain": (plain(long, few, optax.sgd(0.5)), N // 8 * 500),
        },
        "Adam": {
            "nanonet": (ours(long, xor, adam), N * 500),
            "C": (compiled_c(xor, 0.01, 500, adam=True), N * 500),
            "plain": (plain(long, few, optax.adam(0.01)), N // 8 * 500),
            "torch": (torch_batched(xor, 5), N * 5),
        },
        "Adam, 1,000 networks": {
            "nanonet": (ours(longer, thousand, adam), 1000 * 5000),
            "C": (compiled_c(thousand, 0.01, 5000, adam=True), 1000 * 5000),
            "torch": (torch_batched(thousand, 50), 1000 * 50),
        },
        "Levenberg-Marquardt": {
            "nanonet": (ours(short, xor, lm), N * 50),
            "plain": (plain(short, few, lm), N // 8 * 50),
            "optimistix": (optimistix_lm(few, 50), N // 8 * 50),
        },
        "Newton": {
            "nanonet": (ours(short, xor, newton), N * 50),
            "plain": (plain(short, few, newton), N // 8 * 50),
        },
        "BFGS": {
            "nanonet": (ours(short, few, bfgs), N // 8 * 50),
            "plain": (plain(short, least, bfgs), N // 32 * 50),
        },
        "Adam, 1-10-1, 41 points": {
            "nanonet": (ours(waves, sine, adam), N // 16 * 100),
            "plain": (plain(waves, sine, optax.adam(0.01)), N // 16 * 100),
        },
        "Adam, 4-8-3, iris": {
            "nanonet": (ours(flowers, iris, adam), N // 64 * 100),
            "plain": (plain(flowers, iris, optax.adam(0.01)), N // 64 * 100),
        },
    }


def draw() -> None:
    """Throughput and memory against N, and time against the size of the network."""
    steps = 500
    work, adam = Work(XOR, X, Y, steps), nanonet.adam(0.01)
    throughput: dict[str, list[tuple[int, float]]] = {}
    memory: dict[str, list[tuple[int, float]]] = {}
    for N in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000):
        params = starts(XOR, N)
        runs = {
            "nanonet": (ours(work, params, adam), steps),
            "C with OpenMP": (compiled_c(params, 0.01, steps, adam=True), steps),
            "jit(vmap(scan)), optax": (plain(work, params, optax.adam(0.01)), steps),
            "PyTorch, baddbmm": (torch_batched(params, 5), 5),
        }
        for by, (run, count) in runs.items():
            if run is None:
                continue
            seconds, taken = measured(run, repeats=3 if N < 1_000_000 else 1)
            throughput.setdefault(by, []).append((N, N * count / seconds))
            if N >= FEWEST_TO_WEIGH:
                memory.setdefault(by, []).append((N, taken))
    cost: dict[str, list[tuple[int, float]]] = {}
    for units in (1, 2, 4, 8, 16, 32):
        network, N = nanonet.mlp([2, units, 1]), 4096
        work, params = Work(network, X, Y, steps), starts(network, N)
        runs = {
            "nanonet": ours(work, params, adam),
            "jit(vmap(scan)), optax": plain(work, params, optax.adam(0.01)),
        }
        for by, run in runs.items():
            seconds = measured(run, repeats=3)[0]
            size = 4 * units + 1
            cost.setdefault(by, []).append((size, 1e9 * seconds / (N * steps)))
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    pictures = [
        (throughput, "networks N", "steps a second, of all networks together"),
        (memory, "networks N", "memory taken, MB"),
        (cost, "parameters of one network", "ns per network and step"),
    ]
    for axis, (curves, across, up) in zip(axes, pictures, strict=True):
        for by, points in curves.items():
            axis.loglog(*zip(*points, strict=True), "o-", label=by)
        axis.set(xlabel=across, ylabel=up)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(
        f"Adam on XOR, {steps} steps; {count_cores()} cores, jax {jax.__version__}"
    )
    figure.savefig(PICTURE, dpi=110)


def measured(run: Callable[[], object], *, repeats: int) -> tuple[float, float]:
    """Least seconds of a run, and the MB by which it raised the memory in use."""
    run()  # compiles
    ctypes.CDLL(None).malloc_trim(0)  # gives back what earlier runs freed
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = _status("VmRSS")
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds), max(_status("VmHWM") - before, 0.01)


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(name))


def main() -> None:
    parser = argparse.ArgumentParser(description="Many small networks at once.")
    parser.add_argument("--networks", type=int, default=102_400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="work whose name begins so")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count what all cores spent, on a machine that has other work",
    )
    parser.add_argument("--pictures", action="store_true")
    options = parser.parse_args()
    if options.pictures:
        draw()
        return
    clock = time.process_time if options.processor_time else time.perf_counter
    table = Table(title=f"many networks, jax {jax.__version__}, {count_cores()} cores")
    for column in ("work", "by", "ns per network and step", "nanonet's speed over it"):
        table.add_column(column)
    for name, runs in works(options.networks).items():
        if not name.startswith(options.only):
            continue
        present = {by: run for by, (run, _) in runs.items() if run is not None}
        seconds = interleaved(present, options.rounds, clock)
        each = {by: seconds[by] / runs[by][1] for by in present}
        for by, times in each.items():
            ratio = np.median(times / each["nanonet"])
            table.add_row(name, by, f"{1e9 * np.median(times):,.1f}", f"{ratio:,.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
