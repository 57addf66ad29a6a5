"""The test problems of Hock & Schittkowski that have bounds and no other constraints.

Source: W. Hock & K. Schittkowski, *Test Examples for Nonlinear Programming Codes*,
1981: J, start, bounds, and J at the published minimum. HS2 has a second local minimum.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np


class HsProblem(NamedTuple):
    name: str
    J: Callable
    start: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    minima: tuple[float, ...]
    """J at the published minimum, then at local ones."""


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def hs3(x):
    return x[1] + 1e-5 * (x[1] - x[0]) ** 2


def hs4(x):
    return (x[0] + 1) ** 3 / 3 + x[1]


def hs5(x):
    return jnp.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


def hs25(x):
    i = np.arange(1, 100)
    u = 25 + (-50 * np.log(0.01 * i)) ** (2 / 3)
    return jnp.sum((-0.01 * i + jnp.exp(-((u - x[1]) ** x[2]) / x[0])) ** 2)


def hs38(x):
    return (
        rosenbrock(x)
        + 90 * (x[3] - x[2] ** 2) ** 2
        + (1 - x[2]) ** 2
        + 10.1 * ((x[1] - 1) ** 2 + (x[3] - 1) ** 2)
        + 19.8 * (x[1] - 1) * (x[3] - 1)
    )


def hs45(x):
    return 2 - jnp.prod(x) / 120


def hs110(x):
    return jnp.sum(jnp.log(x - 2) ** 2 + jnp.log(10 - x) ** 2) - jnp.prod(x) ** 0.2


def _problem(name, J, start, lower, upper, *minima):
    return HsProblem(name, J, *map(np.array, (start, lower, upper)), minima)


_INF = np.inf
_TWO = [_INF, _INF]

HS = [
    _problem("HS1", rosenbrock, [-2.0, 1.0], [-_INF, -1.5], _TWO, 0.0),
    _problem(
        "HS2", rosenbrock, [-2.0, 1.0], [-_INF, 1.5], _TWO, 0.0504261879, 4.941229318
    ),
    _problem("HS3", hs3, [10.0, 1.0], [-_INF, 0.0], _TWO, 0.0),
    _problem("HS4", hs4, [1.125, 0.125], [1.0, 0.0], _TWO, 8 / 3),
    _problem("HS5", hs5, [0.0, 0.0], [-1.5, -3.0], [4.0, 3.0], -1.9132229549810367),
    _problem("HS25", hs25, [100.0, 12.5, 3.0], [0.1, 0, 0], [100, 25.6, 5.0], 0.0),
    _problem("HS38", hs38, [-3.0, -1.0] * 2, [-10.0] * 4, [10.0] * 4, 0.0),
    _problem("HS45", hs45, [2.0] * 5, [0.0] * 5, np.arange(1.0, 6.0), 1.0),
    _problem("HS110", hs110, [9.0] * 10, [2.001] * 10, [9.999] * 10, -45.77846971),
]
