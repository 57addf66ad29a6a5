"""The Moré-Garbow-Hillstrom test functions: residuals, starts and published minima.

Source: J. J. Moré, B. S. Garbow & K. E. Hillstrom, "Testing unconstrained optimization
software", ACM Transactions on Mathematical Software 7 (1981) 17-41, section 3, whose
numbers are given with the names. Each objective is Σ r², and so are the minima. Where
the paper lets n or m vary, an instance says its own.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np


class MghProblem(NamedTuple):
    name: str
    number: int
    """In section 3 of the paper."""
    residuals: Callable
    """X [n] → r [m]."""
    start: np.ndarray
    """The standard start [n]."""
    minima: tuple[float, ...]
    """Published minima of Σ r²: the least one, then local ones."""


def _numbers(text: str) -> np.ndarray:
    return np.array(text.split(), float)


def rosenbrock(x):
    return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def freudenstein_roth(x):
    return jnp.stack(
        [
            -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
            -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
        ]
    )


def powell_badly_scaled(x):
    return jnp.stack([1e4 * x[0] * x[1] - 1, jnp.exp(-x[0]) + jnp.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x):
    return jnp.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def beale(x):
    y = np.array([1.5, 2.25, 2.625])
    return y - x[0] * (1 - x[1] ** np.arange(1, 4))


def jennrich_sampson(x):
    m = 10
    i = np.arange(1, m + 1)
    return 2 + 2 * i - (jnp.exp(i * x[0]) + jnp.exp(i * x[1]))


def helical_valley(x):
    turn = jnp.arctan(x[1] / x[0]) / (2 * jnp.pi) + jnp.where(x[0] < 0, 0.5, 0)
    radius = jnp.sqrt(x[0] ** 2 + x[1] ** 2)
    return jnp.stack([10 * (x[2] - 10 * turn), 10 * (radius - 1), x[2]])


def bard(x):
    y = _numbers(
        "0.14 0.18 0.22 0.25 0.29 0.32 0.35 0.39 0.37 0.58 0.73 0.96 1.34 2.10 4.39"
    )
    u = np.arange(1.0, 16)
    v = 16 - u
    return y - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


def gaussian(x):
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    y = np.array([*half, 0.3989, *half[::-1]])
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * jnp.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


def meyer(x):
    y = _numbers(
        "34780 28610 23650 19630 16370 13720 11540 9744 "
        "8261 7030 6005 5147 4427 3820 3307 2872"
    )
    t = 45 + 5 * np.arange(1, 17)
    return x[0] * jnp.exp(x[1] / (t + x[2])) - y


def gulf(x):
    m = 99
    t = np.arange(1, m + 1) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return jnp.exp(-(jnp.abs(y - x[1]) ** x[2]) / x[0]) - t


def box_three_dimensional(x):
    m = 10
    t = np.arange(1, m + 1) / 10
    return (
        jnp.exp(-t * x[0]) - jnp.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))
    )


def powell_singular(x):
    return jnp.stack(
        [
            x[0] + 10 * x[1],
            5**0.5 * (x[2] - x[3]),
            (x[1] - 2 * x[2]) ** 2,
            10**0.5 * (x[0] - x[3]) ** 2,
        ]
    )


def wood(x):
    return jnp.stack(
        [
            10 * (x[1] - x[0] ** 2),
            1 - x[0],
            90**0.5 * (x[3] - x[2] ** 2),
            1 - x[2],
            10**0.5 * (x[1] + x[3] - 2),
            10**-0.5 * (x[1] - x[3]),
        ]
    )


def kowalik_osborne(x):
    y = _numbers(
        "0.1957 0.1947 0.1735 0.1600 0.0844 0.0627 0.0456 0.0342 0.0323 0.0235 0.0246"
    )
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x):
    m = 20
    t = np.arange(1, m + 1) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (
        x[2] + x[3] * np.sin(t) - np.cos(t)
    ) ** 2


def osborne_1(x):
    y = _numbers(
        "0.844 0.908 0.932 0.936 0.925 0.908 0.881 0.850 0.818 0.784 0.751 "
        "0.718 0.685 0.658 0.628 0.603 0.580 0.558 0.538 0.522 0.506 0.490 "
        "0.478 0.467 0.457 0.448 0.438 0.431 0.424 0.420 0.414 0.411 0.406"
    )
    t = 10 * np.arange(33)
    return y - (x[0] + x[1] * jnp.exp(-t * x[3]) + x[2] * jnp.exp(-t * x[4]))


def biggs_exp6(x):
    m = 13
    t = np.arange(1, m + 1) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return (
        x[2] * jnp.exp(-t * x[0])
        - x[3] * jnp.exp(-t * x[1])
        + x[5] * jnp.exp(-t * x[4])
        - y
    )


def osborne_2(x):
    y = _numbers(
        "1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 "
        "0.679 0.608 0.655 0.616 0.606 0.602 0.626 0.651 0.724 0.649 0.649 "
        "0.694 0.644 0.624 0.661 0.612 0.558 0.533 0.495 0.500 0.423 0.395 "
        "0.375 0.372 0.391 0.396 0.405 0.428 0.429 0.523 0.562 0.607 0.653 "
        "0.672 0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 0.739 "
        "0.710 0.729 0.720 0.636 0.581 0.428 0.292 0.162 0.098 0.054"
    )
    t = np.arange(65) / 10
    peaks = sum(x[i] * jnp.exp(-((t - x[i + 7]) ** 2) * x[i + 4]) for i in (1, 2, 3))
    return y - (x[0] * jnp.exp(-t * x[4]) + peaks)


def watson(x):
    j = np.arange(x.size)
    t = np.arange(1, 30)[:, None] / 29
    slopes = j[1:] * t ** (j[1:] - 1)
    r = slopes @ x[1:] - (t**j @ x) ** 2 - 1
    return jnp.concatenate([r, jnp.stack([x[0], x[1] - x[0] ** 2 - 1])])


def extended_rosenbrock(x):
    odd, even = x[::2], x[1::2]
    return jnp.concatenate([10 * (even - odd**2), 1 - odd])


def extended_powell_singular(x):
    return jnp.concatenate([powell_singular(four) for four in x.reshape(-1, 4)])


def penalty_1(x):
    return jnp.append(1e-5**0.5 * (x - 1), jnp.sum(x**2) - 0.25)


def penalty_2(x):
    n, a = x.size, 1e-5**0.5
    i = np.arange(2, n + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    grown = jnp.exp(x / 10)
    return jnp.concatenate(
        [
            x[:1] - 0.2,
            a * (grown[1:] + grown[:-1] - y),
            a * (grown[1:] - np.exp(-1 / 10)),
            (jnp.arange(n, 0, -1) @ x**2 - 1)[None],
        ]
    )


def variably_dimensioned(x):
    slope = np.arange(1.0, x.size + 1) @ (x - 1)
    return jnp.concatenate([x - 1, jnp.stack([slope, slope**2])])


def trigonometric(x):
    n, i = x.size, np.arange(1, x.size + 1)
    return n - jnp.sum(jnp.cos(x)) + i * (1 - jnp.cos(x)) - jnp.sin(x)


def brown_almost_linear(x):
    n = x.size
    return jnp.append(x[:-1] + jnp.sum(x) - (n + 1), jnp.prod(x) - 1)


def discrete_boundary_value(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    padded = jnp.pad(x, 1)
    return 2 * x - padded[:-2] - padded[2:] + h**2 * (x + t + 1) ** 3 / 2


def discrete_integral_equation(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    kernel = np.minimum.outer(t, t) * (1 - np.maximum.outer(t, t))
    return x + h / 2 * kernel @ (x + t + 1) ** 3


def broyden_tridiagonal(x):
    padded = jnp.pad(x, 1)
    return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1


def broyden_banded(x):
    i = np.arange(x.size)
    apart = i[:, None] - i
    near = ((apart <= 5) & (apart >= -1) & (apart != 0)).astype(float)
    return x * (2 + 5 * x**2) + 1 - near @ (x * (1 + x))


def linear_full_rank(x):
    m = 20
    rest = -2 * jnp.sum(x) / m - 1
    return jnp.append(x + rest, jnp.full(m - x.size, rest))


def linear_rank_1(x):
    m = 20
    return np.arange(1.0, m + 1) * (np.arange(1.0, x.size + 1) @ x) - 1


def linear_rank_1_with_zeros(x):
    m = 20
    inner = np.arange(2.0, x.size) @ x[1:-1]
    i = np.concatenate([[0.0], np.arange(1.0, m - 1), [0.0]])
    return i * inner - 1


def chebyquad(x):
    n = x.size
    y = 2 * x - 1
    polynomials = [jnp.ones_like(x), y]
    for _ in range(n - 1):
        polynomials.append(2 * y * polynomials[-1] - polynomials[-2])
    means = jnp.stack([jnp.mean(p) for p in polynomials[1:]])
    i = np.arange(1, n + 1)
    even = i % 2 == 0
    integrals = np.where(even, -1 / np.where(even, i**2 - 1, 1), 0)
    return means - integrals


def _grid(n: int) -> np.ndarray:
    return np.arange(1, n + 1) / (n + 1)


def _problem(number, residuals, start, *minima):
    start = np.array(start, float)
    name = f"{residuals.__name__}({start.size})"
    return MghProblem(name, number, residuals, start, minima)


MGH = [
    _problem(1, rosenbrock, [-1.2, 1], 0),
    _problem(2, freudenstein_roth, [0.5, -2], 0, 48.9842),
    _problem(3, powell_badly_scaled, [0, 1], 0),
    _problem(4, brown_badly_scaled, [1, 1], 0),
    _problem(5, beale, [1, 1], 0),
    _problem(6, jennrich_sampson, [0.3, 0.4], 124.362),
    _problem(7, helical_valley, [-1, 0, 0], 0),
    _problem(8, bard, [1, 1, 1], 8.21487e-3, 17.4286),
    _problem(9, gaussian, [0.4, 1, 0], 1.12793e-8),
    _problem(10, meyer, [0.02, 4000, 250], 87.9458),
    _problem(11, gulf, [5, 2.5, 0.15], 0),
    _problem(12, box_three_dimensional, [0, 10, 20], 0),
    _problem(13, powell_singular, [3, -1, 0, 1], 0),
    _problem(14, wood, [-3, -1, -3, -1], 0),
    _problem(15, kowalik_osborne, [0.25, 0.39, 0.415, 0.39], 3.07505e-4, 1.02734e-3),
    _problem(16, brown_dennis, [25, 5, -5, -1], 85822.2),
    _problem(17, osborne_1, [0.5, 1.5, -1, 0.01, 0.02], 5.46489e-5),
    _problem(18, biggs_exp6, [1, 2, 1, 1, 1, 1], 0, 5.65565e-3),
    _problem(
        19,
        osborne_2,
        [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5],
        4.01377e-2,
    ),
    _problem(20, watson, np.zeros(6), 2.28767e-3),
    _problem(20, watson, np.zeros(9), 1.39976e-6),
    _problem(20, watson, np.zeros(12), 4.72238e-10),
    _problem(21, extended_rosenbrock, np.tile([-1.2, 1], 5), 0),
    _problem(22, extended_powell_singular, np.tile([3, -1, 0, 1], 3), 0),
    _problem(23, penalty_1, np.arange(1, 5), 2.24997e-5),
    _problem(23, penalty_1, np.arange(1, 11), 7.08765e-5),
    _problem(24, penalty_2, np.full(4, 0.5), 9.37629e-6),
    _problem(24, penalty_2, np.full(10, 0.5), 2.93660e-4),
    _problem(25, variably_dimensioned, 1 - np.arange(1, 11) / 10, 0),
    _problem(26, trigonometric, np.full(10, 1 / 10), 0, 2.79506e-5),
    _problem(27, brown_almost_linear, np.full(10, 0.5), 0, 1),
    _problem(28, discrete_boundary_value, _grid(10) * (_grid(10) - 1), 0),
    _problem(29, discrete_integral_equation, _grid(10) * (_grid(10) - 1), 0),
    _problem(30, broyden_tridiagonal, np.full(10, -1), 0),
    _problem(31, broyden_banded, np.full(10, -1), 0),
    _problem(32, linear_full_rank, np.ones(10), 10),
    _problem(33, linear_rank_1, np.ones(10), 20 * 19 / (2 * 41)),
    _problem(34, linear_rank_1_with_zeros, np.ones(10), (400 + 60 - 6) / (2 * 37)),
    _problem(35, chebyquad, _grid(7), 0),
    _problem(35, chebyquad, _grid(8), 3.51687e-3),
    _problem(35, chebyquad, _grid(9), 0),
    _problem(35, chebyquad, _grid(10), 6.50395e-3),
]
