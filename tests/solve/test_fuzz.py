"""Any function, from any start, by any rule: what is said of the end is true there.

Set NANONET_FUZZ to try more of them, e.g. ``NANONET_FUZZ=1000 pytest -m "slow or not
slow" tests/solve/test_fuzz.py`` for 200 by each rule in each precision.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import FUZZ

from nanonet._internal.static import jit
from nanonet.many.fit_many import fit_many
from nanonet.network.network import two_two_one
from nanonet.roots.root import root
from nanonet.rules._parts.registry import NAMED
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.solve.least_squares import least_squares
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

FUNCTIONS = [
    lambda t: t**2,
    lambda t: t - jnp.log(t),
    jnp.log,
    jnp.sqrt,
    lambda t: 1 / t,
    lambda t: -jnp.exp(-t),
    lambda t: jnp.exp(t**2),
    lambda t: jnp.expm1(t) ** 2,
    jnp.tan,
    jnp.arccos,
    jnp.floor,
    jnp.abs,
    lambda t: jnp.abs(t) ** 0.5,
    lambda t: t**9,
    lambda t: jnp.sin(t) / t,
    lambda t: jax.nn.sigmoid(t) ** 2,
    lambda t: jnp.stack([t[0] * t[1], 0 * t[0]]),
    lambda t: jnp.stack([10 * (t[1] - t[0] ** 2), 1 - t[0]]) ** 2,
    lambda t: jnp.where(jnp.abs(t) < 0.5, jnp.nan, t**2),
    lambda t: jnp.where(t > 1, -jnp.inf, (t - 3) ** 2),
    lambda t: jnp.where(t > 3, jnp.inf, -t),
    jnp.zeros_like,
]
CHOSEN = [*NAMED] if FUZZ > 100 else ["bfgs"]
SEEDS = np.random.default_rng(FUZZ).integers(2**32, size=max(FUZZ // 5, 20))


def r(t, which, outer, inner, shift):
    return outer * jax.lax.switch(which, FUNCTIONS, inner * t + shift)


def J(t, *args):
    return jnp.sum(r(t, *args))


def half_square(t, *args):
    return jnp.sum(r(t, *args) ** 2) / 2


@jit
def truth(fun, t, *args):
    """J, how much rounding changes it, the largest slope, and whether J can fall.

    It can by a step that is more than rounding, along which gradient descent finds it
    much lower, and about as much as its slope says.
    """
    value, slope = jax.value_and_grad(fun)(t, *args)
    steepest, eps = jnp.max(jnp.abs(slope)), jnp.finfo(t.dtype).eps
    along = slope / steepest

    def is_lower(length):
        step = length * along
        fall = value - fun(t - step, *args)
        share = fall / jnp.sum(slope * step)
        as_told = (share > 0.1) & (share < 10)
        large = jnp.all((jnp.abs(step) > 1e3 * eps * jnp.abs(t)) | (step == 0))
        return as_told & large & (fall > 1e-3 * jnp.abs(value))

    lengths = jnp.asarray(10.0 ** np.arange(-20, 20, 0.25), t.dtype)
    lower = jax.lax.map(is_lower, lengths)
    # For a decade of lengths: not where a wave happens to come down again.
    can_fall = jnp.any(lower[:-3] & lower[1:-2] & lower[2:-1] & lower[3:])
    nearby = jnp.stack([fun(t * (1 + 4 * k * eps), *args) for k in (-1, 1)])
    return value, jnp.max(jnp.abs(nearby - value)), steepest, can_fall


def draw(seed):
    """A start and what `r` is given, of any size but mostly of a usual one."""
    rng = np.random.default_rng(seed)
    wide = rng.random() < 0.3
    sizes = 10 ** rng.uniform(*((-20, 20) if wide else (-1, 1)), size=3)
    t = rng.normal(size=2) * sizes[0] * rng.choice([0.0, 1.0], size=2, p=[0.05, 0.95])
    args = t, rng.integers(len(FUNCTIONS)), *sizes[1:], rng.normal()
    return map(jnp.asarray, args)


def false(result, start, end, gtol):
    """What is said of a run, and is not so."""
    value, rounding, steepest, can_fall = end
    if not np.isfinite([start[0], start[2]]).all():
        if (result.status, result.steps) != (Status.NON_FINITE, 0):
            yield "went on from where J is not finite"
        return
    if not np.isfinite([*result.params, result.value, result.gradient_norm]).all():
        yield "ended where something is not finite"
    elif abs(result.value - value) > 1e-3 * abs(value) + rounding:
        yield "told another J than is there"
    elif result.status in (Status.NON_FINITE, Status.PRECISION) and value > start[0]:
        yield "kept a point that is worse than the start"
    elif result.status is Status.PRECISION and can_fall:
        yield "could have gone on"
    elif result.status is Status.GRADIENT and steepest > 1.01 * gtol:
        yield "has not come to where the gradient is small"


@pytest.mark.parametrize("name", CHOSEN)
def test_what_is_said_of_the_end_is_true(name):
    _, make, *rate = NAMED[name][:3]
    rule = make(*(rate if rate != [None] else []))
    if name in ("gauss_newton", "levenberg_marquardt"):
        solve, fun, value_of = least_squares, r, half_square
    else:
        solve, fun, value_of = minimize, J, J
    found = []
    for seed in SEEDS:
        t, *args = draw(seed)
        result = solve(fun, t, rule, args=tuple(args), max_steps=200)
        gtol = 0.0 if fun is r else float(jnp.finfo(t.dtype).eps) ** (2 / 3)
        start, end = (truth(value_of, at, *args) for at in (t, result.params))
        for what in false(result, start, end, gtol):
            found.append(f"{what}: seed {seed}, {args}, from {t}: {result}")
    assert not found, "\n".join([f"{len(found)} of {len(SEEDS)}", *found[:20]])


HOSTILE = [
    *(None, True, -1, 0, 1.5, 10**400, -0.0, math.nan, math.inf, -math.inf, 1j),
    *("", "5", "adam", b"5", [], {}, (), [1.0], (0.0, 1.0), (1.0, 0.0), (None, "a")),
    *(np.ones(2), np.array("a"), np.int32(2), object(), len, {"a": 1.0}),
]
LIMITS = ("max_steps", "gtol", "time_limit", "goal", "bounds")
CALLS = {
    minimize: ((lambda t: t**2, 0.5, gradient_descent(0.1)), (*LIMITS, "xtol", "ftol")),
    least_squares: ((lambda t: t - 1, 0.5), (*LIMITS, "xtol", "ftol")),
    root: ((lambda t: t**2 - 2, 1.0), ("tol", "max_steps", "method", "x1")),
    fit_many: (
        (two_two_one(), np.eye(2), np.ones(2), jax.random.split(jax.random.key(0), 2)),
        (*LIMITS, "l2", "record_every", "rule"),
    ),
}


@pytest.mark.slow
@pytest.mark.precision("x64", reason="it is not about digits")
def test_an_argument_of_any_kind_is_taken_or_refused_by_its_name():
    rng, usual = np.random.default_rng(FUZZ), {"max_steps": 2}
    for _ in range(FUZZ // 2):
        function = list(CALLS)[rng.integers(len(CALLS))]
        given, names = CALLS[function]
        name, value = rng.choice(names), HOSTILE[rng.integers(len(HOSTILE))]
        needed = {"rule": gradient_descent(0.1)} if function is fit_many else {}
        try:
            function(*given, **usual | needed | {name: value})
        except (ValueError, TypeError) as error:
            assert name in str(error), f"{function.__name__}({name}={value!r}): {error}"  # noqa: PT017
