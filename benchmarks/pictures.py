"""The README's pictures of a training run, drawn by nanonet.plot.

    python benchmarks/pictures.py

writes into benchmarks/pictures/:

- network.png: the 2-2-1 network trained on XOR, given x = (0, 1);
- surface.png: what it answers over the whole square;
- paths.png: five rules in the curved valley of Rosenbrock's function;
- paths.gif: the same, step by step.
"""

from pathlib import Path

import environment  # noqa: F401  (before JAX starts)
import jax
import jax.numpy as jnp

import nanonet
from nanonet import plot

PICTURES = Path(__file__).parent / "pictures"

X = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = jnp.array([0.0, 1.0, 1.0, 0.0])

RULES = {
    "gradient descent": nanonet.gradient_descent(0.001),
    "momentum": nanonet.momentum(0.0005),
    "Adam": nanonet.adam(0.1),
    "BFGS": nanonet.bfgs(),
    "Newton": nanonet.newton(),
}


def draw_xor() -> None:
    network = nanonet.two_two_one()
    J = nanonet.objective(network, nanonet.half_squared_error, X, Y)
    start = network.init(key=jax.random.key(0))
    params = nanonet.minimize(J, start, nanonet.adam(0.05), goal=1e-3).params
    write(plot.diagram(network, params, X[1]), "network.png")
    write(plot.decision_surface(network, params, X, Y), "surface.png")


def rosenbrock(theta: jax.Array) -> jax.Array:
    return (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] ** 2) ** 2


def draw_paths() -> None:
    start = jnp.array([-1.2, 1.0])
    runs = {
        name: nanonet.minimize(rosenbrock, start, rule, max_steps=60, keep_params=True)
        for name, rule in RULES.items()
    }
    limits = ((-1.5, 1.5), (-0.5, 1.6))
    write(plot.paths(rosenbrock, runs, limits=limits), "paths.png")
    animation = plot.animate_paths(rosenbrock, runs, limits=limits, frames=25)
    animation.save(PICTURES / "paths.gif")


def write(ax, name: str) -> None:
    (PICTURES / name).write_bytes(plot.to_png(ax.figure, dpi=120))


if __name__ == "__main__":
    with jax.enable_x64(True):
        draw_xor()
        draw_paths()
