"""The transformation as a whole: what it composes with, and what it leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import assert_close
from jax import lax

from nanonet import half_squared_error, mlp, objective, residuals, two_two_one
from nanonet.scalarize.transform import scalarize

X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


def close(actual, desired, rtol=None):
    """To rounding: float32 keeps 7 digits, a few are lost on the way."""
    tolerance = rtol or (1e-11 if jax.config.jax_enable_x64 else 2e-5)
    assert_close(actual, desired, rtol=tolerance, atol=tolerance)


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), float)


def layer(W, x):
    return jnp.tanh(W @ x) + jax.nn.relu(x[0]) + jax.nn.softplus(W[:, 0])


def test_pytrees_in_and_out():
    def fun(tree, *, scale):
        return {"sum": tree["a"] + tree["b"][0] * scale, "none": None, "two": (2, 3.0)}

    tree = {"a": normal(2), "b": [normal(2, seed=1)]}
    plain = jax.jit(fun)(tree, scale=2)
    close(jax.jit(scalarize(fun))(tree, scale=2), plain)
    close(scalarize(fun)(tree, scale=2), plain)


def test_weak_types_are_kept():
    def fun(x, y):
        return (
            x,
            x + y,
            x * jnp.ones(3),
            2 * x,
            1,
            lax.fori_loop(0, 20, lambda i, v: v, x),
        )

    plain = jax.eval_shape(fun, 1.0, normal())
    scalarised = jax.eval_shape(scalarize(fun), 1.0, normal())
    assert [(a.dtype, a.weak_type) for a in plain] == [
        (a.dtype, a.weak_type) for a in scalarised
    ]


def first(f):
    return lambda *args: f(*args)[0]


COMPOSED = {
    "jit": lambda f: jax.jit(f)(normal(3, 2), normal(2)),
    "vmap": lambda f: jax.vmap(f)(normal(5, 3, 2), normal(5, 2)),
    "vmap-axes": lambda f: jax.vmap(f, (None, 1), 1)(normal(3, 2), normal(2, 5)),
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1))(normal(3, 2), normal(2)),
    "jacrev": lambda f: jax.jacrev(f, (0, 1))(normal(3, 2), normal(2)),
    "grad": lambda f: jax.grad(first(f), argnums=1)(normal(3, 2), normal(2)),
    "hessian": lambda f: jax.hessian(first(f))(normal(3, 2), normal(2)),
    "vmap-grad": lambda f: jax.vmap(jax.grad(first(f)))(normal(5, 3, 2), normal(5, 2)),
    "jvp": lambda f: jax.jvp(f, (normal(3, 2), normal(2)), (normal(3, 2), normal(2))),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composes_with(name):
    close(
        jax.jit(lambda: COMPOSED[name](scalarize(layer)))(),
        jax.jit(lambda: COMPOSED[name](layer))(),
    )


def test_gradient_of_what_is_closed_over():
    W, x = normal(3, 2), normal(2)

    def loss(transform):
        return lambda W: transform(lambda x: layer(W, x))(x).sum()

    plain = jax.jit(jax.grad(loss(lambda fun: fun)))(W)
    close(jax.jit(jax.grad(loss(scalarize)))(W), plain)


def test_custom_derivatives_are_kept():
    assert jax.grad(scalarize(jax.nn.relu))(0.0) == 0  # of max(x, 0) it is 1/2
    far = jax.grad(jax.grad(scalarize(jax.nn.softplus)))(900.0)
    assert far == 0  # of log(1 + exp(x)) it is NaN

    @jax.custom_vjp
    def tripled(x):
        return 2 * x

    tripled.defvjp(lambda x: (2 * x, None), lambda _, slope: (3 * slope,))
    assert jax.grad(scalarize(tripled))(1.0) == 3


def test_integers_beside_what_is_differentiated():
    def fun(x, n):
        return x[n] * n, n + 1

    (value, count), (slope, _) = jax.jvp(
        lambda x: scalarize(fun)(x, jnp.int32(2)), (normal(3),), (jnp.ones(3),)
    )
    close(value, 2 * normal(3)[2])
    assert (count, slope) == (3, 2)


def test_known_zeros_fold_away():
    def fun(x):
        return jnp.eye(2) @ x

    jaxpr = str(jax.make_jaxpr(scalarize(fun))(normal(2)))
    assert "mul" not in jaxpr
    assert "add" not in jaxpr
    result = scalarize(fun)(jnp.array([1.0, jnp.nan]))
    np.testing.assert_array_equal(result, [1, np.nan])  # 0 · NaN is 0 here


def test_nothing_is_emitted_twice():
    def fun(J):
        return J.T @ J

    count = str(jax.make_jaxpr(scalarize(fun))(normal(4, 9))).count(" mul ")
    assert count == 4 * 9 * 10 // 2  # JᵀJ is symmetric


def test_programs_grow_linearly():
    def size(steps):
        def fun(x):
            for _ in range(steps):
                x = jnp.sin(x) * 2
            return x

        return str(jax.make_jaxpr(scalarize(fun))(normal(4))).count("sin")

    assert (size(10), size(20)) == (40, 80)


@pytest.mark.parametrize("max_size", [1, 5, 6, 100])
def test_any_size_limit(max_size):
    def fun(x, W):
        h = jnp.tanh(x @ W)
        return jnp.mean(h), h.T @ h, jnp.linalg.solve(h.T @ h + jnp.eye(2), x[0, :2])

    args = normal(30, 3), normal(3, 2)
    close(jax.jit(scalarize(fun, max_size=max_size))(*args), jax.jit(fun)(*args))


def test_size_limit_decides_what_is_split():
    def primitives(max_size):
        fun = scalarize(jnp.dot, max_size=max_size)
        return str(jax.make_jaxpr(fun)(normal(4, 3), normal(3)))

    assert "dot_general" in primitives(11)
    assert "dot_general" not in primitives(12)


def test_size_limit_is_checked():
    with pytest.raises(ValueError, match="max_size=0 must be ≥ 1"):
        scalarize(jnp.sin, max_size=0)


def test_what_has_no_rule_stays_an_array_operation(key):
    def fun(x, key):
        values, vectors = jnp.linalg.eigh(x @ x.T)
        return (
            values,
            abs(vectors),
            jax.random.normal(key, (2,)),
            jnp.zeros((0, 2)) @ x[:2],
        )

    args = normal(3, 3), key
    close(jax.jit(scalarize(fun))(*args), jax.jit(fun)(*args), rtol=1e-4)


LOOPS = {
    "scan": lambda x: lax.scan(lambda c, _: (jnp.sin(c), c), x, length=20),
    "scan-xs": lambda x: lax.scan(
        lambda c, y: (c + y @ x, {"y": y[0] * c, "c": c}),
        x,
        jnp.outer(jnp.arange(20.0), x),
    ),
    "scan-reverse": lambda x: lax.scan(
        lambda c, y: (c + y * x, c), x, jnp.arange(20.0), reverse=True
    ),
    "scan-short": lambda x: lax.scan(lambda c, y: (c + y * x, c), x, x, reverse=True),
    "scan-large": lambda x: lax.scan(
        lambda c, y: (c + y.sum(), y * x[0]), x, jnp.ones((9, 300))
    ),
    "scan-large-carry": lambda x: lax.scan(
        lambda c, y: ((c[0] + y, c[1] * y), c[0].sum()), (jnp.ones(300), x), x
    ),
    "fori": lambda x: lax.fori_loop(0, 20, lambda i, c: c.at[i % 3].add(i), x),
    "fori-dynamic": lambda x: lax.fori_loop(
        0, jnp.argmax(x) + 2, lambda i, c: c + x * i, jnp.zeros(3)
    ),
    "while": lambda x: lax.while_loop(
        lambda c: c[0].sum() < 50 + x[0], lambda c: (c[0] + abs(x), c[1] + 1), (x, 0)
    ),
    "cond": lambda x: lax.cond(
        x[0] > 0, lambda y: y * x, lambda y: (y - x).at[0].set(2), x
    ),
    "switch": lambda x: lax.switch(
        jnp.argmax(x), [jnp.sin, jnp.cos, lambda y: jnp.zeros_like(y)], x
    ),
    "known-branch": lambda x: lax.switch(1, [jnp.sin, jnp.cos], x),
    "nested": lambda x: lax.scan(
        lambda c, _: (lax.fori_loop(0, 12, lambda _, v: jnp.cos(v), c), None),
        x,
        length=9,
    )[0],
    "checkpoint": lambda x: jax.checkpoint(lambda y: jnp.sin(y) @ y)(x),
}


@pytest.mark.parametrize("name", LOOPS)
def test_control_flow(name):
    fun, xs = LOOPS[name], normal(4, 3)
    close(jax.jit(jax.vmap(scalarize(fun)))(xs), jax.jit(jax.vmap(fun))(xs))


@pytest.mark.parametrize("name", ["scan-xs", "cond", "checkpoint"])
def test_gradient_through_control_flow(name):
    def loss(fun):
        return lambda x: jax.tree.reduce(
            lambda a, b: a + jnp.sum(b), LOOPS[name](x) if fun is None else fun(x), 0.0
        )

    plain, scalarised = loss(None), loss(scalarize(LOOPS[name]))
    close(jax.jit(jax.grad(scalarised))(normal(3)), jax.jit(jax.grad(plain))(normal(3)))


def test_inside_loops():
    def step(scale):
        return lambda W, x: (scale(layer)(W, x)[None] + W, None)

    def train(W, scale):
        return lax.scan(step(scale), W, normal(11, 2))[0]

    close(train(normal(2, 2), scalarize), train(normal(2, 2), lambda fun: fun))


def levenberg_marquardt(r, unravel):
    def step(theta, damping):
        J, e = jax.jacrev(lambda t: r(unravel(t)))(theta), r(unravel(theta))
        A = J.T @ J + damping * jnp.eye(theta.size)
        L = jax.scipy.linalg.cho_factor(A)
        new = theta - jax.scipy.linalg.cho_solve(L, J.T @ e)
        better = jnp.sum(r(unravel(new)) ** 2) < jnp.sum(e**2)
        return jnp.where(better, new, theta), jnp.where(
            better, damping / 3, damping * 2
        )

    return step


def newton(J, unravel):
    def step(theta, damping):
        def fun(theta):
            return J(unravel(theta))

        H = jax.hessian(fun)(theta) + damping * jnp.eye(theta.size)
        return theta - jnp.linalg.solve(H, jax.grad(fun)(theta)), damping

    return step


@pytest.mark.parametrize(
    ("rule", "network"),
    [("levenberg_marquardt", two_two_one()), ("newton", mlp([2, 1, 1]))],
    ids=["levenberg_marquardt", "newton"],
)
@pytest.mark.one_case
def test_second_order_step(rule, network, key):
    x, y = jnp.array(X), jnp.array(Y)
    theta, unravel = jax.flatten_util.ravel_pytree(network.init(key=key))
    if rule == "newton":
        step = newton(objective(network, half_squared_error, x, y), unravel)
    else:
        step = levenberg_marquardt(residuals(network, x, y), unravel)
    many = theta[None] + normal(7, theta.size)
    scalarised = jax.jit(jax.vmap(scalarize(step), (0, None)))(many, 0.1)
    # The matrices' condition numbers reach 1e2 or so: that many times eps is lost.
    rtol = 2e-4 if theta.dtype == np.float32 else 1e-11
    close(scalarised, jax.jit(jax.vmap(step, (0, None)))(many, 0.1), rtol)
