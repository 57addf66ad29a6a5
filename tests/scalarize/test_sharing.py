"""Numbers that are used again are computed once."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nanonet.scalarize.sharing import share
from nanonet.scalarize.transform import scalarize
from nanonet.xla import is_older_than

pytestmark = pytest.mark.precision("x64")

BARRIER = " kept " if is_older_than(0, 12) else " optimization_barrier "


def kept(fun, *args):
    return str(jax.make_jaxpr(fun)(*args)).count(BARRIER)


def deep(x):
    """More operations than are computed again on any version of jax."""
    for _ in range(9):
        x = jnp.sin(x) + 1
    return x


def tangled(*numbers):
    """All depends on all; each of five rounds takes 22 operations."""
    for _ in range(5):
        total = numbers[0]
        for number in numbers[1:]:
            total = total * number + 1
        numbers = [number * total - total for number in numbers]
    return numbers


def test_computes_the_same():
    def fun(tree, k):
        a, b = deep(tree["a"]), tree["b"] * 3
        return {"twice": a + a * b, "same": a, "given": k, "known": jnp.float64(2)}, a

    args = ({"a": 0.7, "b": jnp.arange(3.0)}, 5)
    got, expected = share(fun)(*args), fun(*args)
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    "number",
    [
        # XLA's arithmetic on CPUs has no subnormal numbers: this is the least.
        *[np.float64(x) for x in (0.1, -0.0, 2.0**-1022, np.inf, np.nan)],
        *[np.float32(0.1), np.float16(0.1), jnp.bfloat16(0.1)],
        *[np.int32(0), np.int64(-(2**63)), np.uint8(255), np.bool_(True)],
    ],
    ids=lambda number: f"{number.dtype}:{number}",
)
def test_numbers_of_every_kind_are_kept_to_the_last_bit(number):
    def fun(x):
        for _ in range(20):  # as many as are computed again, and more
            x = jax.lax.select(x == x, x, x)
        return x, x

    for got in jax.jit(share(fun))(number):
        assert got.dtype == number.dtype
        assert np.asarray(got).tobytes() == number.tobytes()


def test_keeps_what_is_used_again_and_nothing_else():
    barrier = jax.lax.optimization_barrier
    assert kept(share(lambda x: deep(x) * 2), 1.0) == 0
    assert kept(share(lambda x: x * x), 1.0) == 0  # given, not computed
    assert kept(share(lambda x: (lambda y: y * y)(deep(x))), 1.0) == 1
    assert kept(share(lambda x: (lambda y: y * y)(barrier(deep(x)))), 1.0) == 1
    assert kept(share(lambda x: deep(x * jnp.ones(3)) ** 2), 1.0) == 0  # an array


def test_no_operation_is_compiled_once_for_each_use():
    def operations(fun):
        lowered = jax.jit(jax.vmap(fun)).lower(*[jnp.ones(64)] * 6)
        program = str(lowered.compile().as_text())
        return len(re.findall(r" = f64\S* (?:multiply|add|subtract)\(", program))

    assert operations(share(tangled)) == 110
    assert operations(tangled) > 500


def test_in_the_loops_and_branches_of_scalarised_programs():
    def body(x):
        y = deep(x)
        return y * y[::-1]

    def loop(x):
        return jax.lax.fori_loop(0, 9, lambda _, x: body(x), x)

    def scan(x):
        return jax.lax.scan(lambda x, _: (body(x), None), x, length=50)[0]

    def branch(x):
        return jax.lax.cond(x[0] > 0, body, lambda x: x, x)

    x = jnp.array([0.5, -0.3])
    for fun in (loop, scan, branch):
        assert kept(scalarize(fun), x) > 0
        both = jax.jit(scalarize(fun))(x), jax.jit(fun)(x)
        np.testing.assert_allclose(*both, rtol=1e-12)
