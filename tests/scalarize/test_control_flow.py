"""Numbers that are used again are computed once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nanonet.scalarize.control_flow import share
from nanonet.scalarize.transform import scalarize

pytestmark = pytest.mark.precision("x64")


def kept(fun, *args):
    return str(jax.make_jaxpr(fun)(*args)).count("optimization_barrier")


def test_computes_the_same():
    def fun(tree, k):
        a, b = jnp.sin(tree["a"]), tree["b"] * 3
        return {"twice": a + a * b, "same": a, "given": k, "known": jnp.float64(2)}, a

    args = ({"a": 0.7, "b": jnp.arange(3.0)}, 5)
    got, expected = share(fun)(*args), fun(*args)
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(x, y)


def test_keeps_what_is_used_again_and_nothing_else():
    assert kept(share(lambda x: jnp.sin(x) * 2), 1.0) == 0
    assert kept(share(lambda x: x * x), 1.0) == 0  # given, not computed
    assert kept(share(lambda x: (lambda y: y * y)(jnp.sin(x))), 1.0) == 1
    barrier = jax.lax.optimization_barrier
    assert kept(share(lambda x: (lambda y: y * y)(barrier(jnp.sin(x)))), 1.0) == 1
    assert kept(share(lambda x: jnp.sin(x * jnp.ones(3)) ** 2), 1.0) == 0  # an array


def test_in_the_loops_and_branches_of_scalarised_programs():
    def body(x):
        y = jnp.tanh(x)
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
