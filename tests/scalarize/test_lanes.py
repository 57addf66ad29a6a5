"""Programs too large for scalars, their lanes last, against the plain function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import nanonet.scalarize.transform as transform
from nanonet.scalarize.size import is_small
from nanonet.scalarize.transform import scalarize

pytestmark = pytest.mark.precision("x64")


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch):
    monkeypatch.setattr(transform, "is_small", lambda program: False)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def given(in_axes, *shapes):
    """Arrays of those shapes, or the first of each where all lanes share one."""
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    return [a if axis == 0 else a[0] for a, axis in zip(arrays, in_axes, strict=True)]


def assert_same(fun, *args, in_axes=0):
    laned = jax.jit(jax.vmap(scalarize(fun), in_axes, axis_name="lanes"))(*args)
    plain = jax.jit(jax.vmap(fun, in_axes, axis_name="lanes"))(*args)
    assert jax.tree.structure(laned) == jax.tree.structure(plain)
    for a, b in zip(jax.tree.leaves(laned), jax.tree.leaves(plain), strict=True):
        assert (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type)
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def products(x, W):
    return (
        x @ W,
        x[None] @ W,
        jnp.einsum("ij,kj->ikj", W, W[::-1]),
        jnp.einsum("bij,bjk->bik", W[:4].reshape(2, 4, 3), W[4:8].reshape(2, 3, 4)),
        W.T @ W,
        W @ W.T,
        jnp.sum(W, 1),
        jnp.sum(x),
    )


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0)])
@pytest.mark.one_case
def test_sums_of_products(in_axes):
    """Sums of 40 terms loop; W Wᵀ is 40 by 40, of 6 terms."""
    assert_same(products, *given(in_axes, (5, 40), (5, 40, 6)), in_axes=in_axes)


def test_products_of_larger_matrices():
    assert_same(lambda A, B: A @ B, normal(2, 17, 18), normal(2, 18, 19))


def test_what_is_closed_over_and_no_lanes_at_all():
    W, x = normal(40, 6), normal(5, 40)
    assert_same(lambda x: x @ W, x)

    def outer(transform):
        return lambda x, W: jnp.sum(jax.vmap(transform(lambda x: x @ (2 * W)))(x) ** 2)

    laned, plain = outer(scalarize), outer(lambda fun: fun)
    values, slopes = zip(
        *(jax.jit(jax.value_and_grad(fun, 1))(x, W) for fun in (laned, plain)),
        strict=True,
    )
    np.testing.assert_allclose(*values, rtol=1e-11)
    np.testing.assert_allclose(*slopes, rtol=1e-11)
    expected = np.asarray(x) @ np.asarray(W)
    np.testing.assert_allclose(jax.jit(scalarize(jnp.dot))(x, W), expected, rtol=1e-11)


def moved(x, y):
    z = jnp.broadcast_to(x[:, None], (3, 4, 2)).reshape(4, 6).T
    return (
        jnp.concatenate([x, y[None]]),
        jnp.stack([x[0], y], 1),
        jnp.pad(z, 1)[::-1, 1:5:2],
        jnp.where(y[0] > 0, x, y),
        jnp.clip(x, y[0], y[1]),
        jnp.max(z, 0),
        jnp.argmax(z, 1),
        jnp.cumsum(z, 0),
        jnp.sort(z, 0),
        x[jnp.argmax(y)],
        z.at[1].set(0),
        jnp.linalg.solve(x[:2] @ x[:2].T + jnp.eye(2), y),
        jnp.linalg.cholesky(x[:2] @ x[:2].T + jnp.eye(2)),
    )


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0)])
@pytest.mark.one_case
def test_movements_and_what_has_no_rule(in_axes):
    assert_same(moved, *given(in_axes, (5, 3, 2), (5, 2)), in_axes=in_axes)


def loops(x, n):
    """Each lane's own number of turns, and branch; a count that all lanes share."""

    def turn(state):
        i, x = state
        return i + 1, jnp.sin(x) + i

    def row(total, x):
        return total + x.sum(), x * total

    return (
        lax.while_loop(lambda state: state[1][0] < n, turn, (0, abs(x))),
        lax.fori_loop(0, 5, lambda i, x: x * i + n, x),
        lax.scan(row, 0.0, jnp.outer(jnp.arange(3.0), x), reverse=True),
        lax.scan(row, x[0], jnp.outer(jnp.arange(3.0), jnp.arange(2.0))),
        lax.cond(x[0] > 0, lambda x: x * n, lambda x: x[::-1], x),
        lax.switch(jnp.int32(n), [jnp.sin, jnp.cos, lambda x: 0 * x], x),
        lax.while_loop(lambda state: lax.pmax(state[1], "lanes") < 9, turn, (0, x[0])),
    )


@pytest.mark.parametrize("n", [2.0, np.arange(4.0)])
@pytest.mark.one_case
def test_loops_and_branches(n):
    assert_same(loops, normal(4, 3), n, in_axes=(0, 0 if np.ndim(n) else None))


def test_derivatives_and_lanes_within_lanes():
    W, x = normal(4, 3, 2), normal(4, 2)

    def fun(W, x):
        return jnp.sum(jnp.tanh(jnp.tanh(W @ x) @ W))

    def gradient(fun):
        return jax.grad(lambda W, x: fun(W, x) ** 2, (0, 1))

    laned, plain = gradient(scalarize(fun)), gradient(fun)
    lanes = [jax.jit(jax.vmap(slope))(W, x) for slope in (laned, plain)]
    for a, b in zip(*lanes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    every = jax.jit(jax.vmap(jax.vmap(scalarize(fun), (0, None)), (None, 0)))(W, x)
    one, (W, x) = jax.jit(fun), map(np.asarray, (W, x))
    np.testing.assert_allclose(every, [[one(w, z) for w in W] for z in x], rtol=1e-11)


def test_programs_do_not_grow_with_their_arrays():
    def lines(n):
        fun = jax.vmap(scalarize(lambda W, x: jnp.tanh(jnp.tanh(x @ W) @ W.T)))
        args = jnp.ones((2, 8, n)), jnp.ones((2, 8))
        return len(str(jax.make_jaxpr(fun)(*args)).splitlines())

    assert lines(64) <= lines(32)


def test_size_that_decides():
    def size_of(n):
        return is_small(jax.make_jaxpr(jnp.dot)(jnp.ones((n, 30)), jnp.ones((30, 10))))

    assert [size_of(10), size_of(11)] == [True, False]
