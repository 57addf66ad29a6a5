"""scipy's collection of root-finding problems, its functions written in JAX.

Starts, parameters and roots come from the installed scipy when the tests run. Most of
the problems are those of G. E. Alefeld, F. A. Potra & Y. Shi, "Algorithm 748: enclosing
zeros of continuous functions", ACM Transactions on Mathematical Software 21 (1995)
327-344, with starts for methods without a bracket chosen by scipy. Of their 154, the 83
of families 1 to 13 are smooth; the last of these is flatter than any power at its root.
"""

import jax.numpy as jnp
import numpy as np
from scipy.optimize import _tstutils

_I = np.arange(1, 21)


def pulse(x, n):
    """Family 15: constant but for a short rise."""
    inside = jnp.clip(x, 0, 2e-3 / (1 + n))
    return jnp.where(x < 0, -0.859, jnp.exp((n + 1) * inside * 500) - 1.859)


def flat(x):
    """Family 13: all derivatives vanish at the root."""
    return jnp.where(x == 0, 0, x * jnp.exp(-1 / jnp.where(x == 0, 1, x) ** 2))


#: By the names of scipy's own.
FUNCTIONS = {
    "aps01_f": lambda x: jnp.sin(x) - x / 2,
    "aps02_f": lambda x: -2 * jnp.sum((2 * _I - 5) ** 2 / (x - _I**2) ** 3),
    "aps03_f": lambda x, a, b: a * x * jnp.exp(b * x),
    "aps04_f": lambda x, n, a: x**n - a,
    "aps05_f": lambda x: jnp.sin(x) - 0.5,
    "aps06_f": lambda x, n: 2 * x * jnp.exp(-n) - 2 * jnp.exp(-n * x) + 1,
    "aps07_f": lambda x, n: (1 + (1 - n) ** 2) * x - (1 - n * x) ** 2,
    "aps08_f": lambda x, n: x * x - (1 - x) ** n,
    "aps09_f": lambda x, n: (1 + (1 - n) ** 4) * x - (1 - n * x) ** 4,
    "aps10_f": lambda x, n: jnp.exp(-n * x) * (x - 1) + x**n,
    "aps11_f": lambda x, n: (n * x - 1) / ((n - 1) * x),
    "aps12_f": lambda x, n: x ** (1 / n) - n ** (1 / n),
    "aps13_f": flat,
    "aps14_f": lambda x, n: jnp.where(
        x <= 0, -n / 20, n / 20 * (x / 1.5 + jnp.sin(x) - 1)
    ),
    "aps15_f": pulse,
    "f1": lambda x: x * (x - 1),
    "f2": lambda x: x**2 - 1,
    "f3": lambda x: x * (x - 1) * (x - 2) * (x - 3),
    "f4": lambda x: jnp.where(x == 1, 0, jnp.sign(x - 1) + 0.1 * x),
    "f5": lambda x: jnp.where(x == 1, 0, 1 / jnp.where(x == 1, 1, 1 - x)),
    "cplx01_f": lambda z, n, a: z**n - a,
    "cplx02_f": lambda z, a: jnp.exp(z) - a,
}


def problems(collection: str) -> list[dict]:
    """scipy's dictionaries: f (scipy's), args, x0, root, smoothness, ID."""
    return [
        problem
        for problem in _tstutils.get_tests(collection)
        if problem["f"].__name__ in FUNCTIONS
    ]


def function(problem: dict):
    """x → f(x), with the problem's own parameters."""
    args = [float(a) if np.isrealobj(a) else a for a in problem["args"]]
    return lambda x: FUNCTIONS[problem["f"].__name__](x, *args)
