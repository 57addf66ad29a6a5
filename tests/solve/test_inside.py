"""Solvers inside JAX: the same numbers, and derivatives of what they find."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import XOR_X, XOR_Y, count_compilations

import nanonet
from nanonet.network.network import two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.solve.result import Status

RULES = {
    "gradient descent": nanonet.gradient_descent(0.05),
    "adam": nanonet.adam(0.05),
    "bfgs": nanonet.bfgs(),
    "lbfgs": nanonet.lbfgs(),
    "newton": nanonet.newton(),
    "newton_cg": nanonet.newton_cg(),
    "gauss_newton": nanonet.gauss_newton(),
    "levenberg_marquardt": nanonet.levenberg_marquardt(),
    "optax.adam": optax.adam(0.05),
    "optax.lbfgs": optax.lbfgs(),
}
FEW = ("adam", "bfgs", "levenberg_marquardt", "optax.lbfgs")
X = np.random.default_rng(0).normal(size=(12, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * np.sin(9 * X[:, 0])


def ridge(w, l2):
    """Of the closed form (XᵀX + l2 I) w = Xᵀy."""
    x, y = (jnp.asarray(a, w.dtype) for a in (X, Y))
    return (jnp.sum((x @ w - y) ** 2) + l2 * jnp.sum(w**2)) / 2


def ridge_residuals(w, l2):
    x, y = (jnp.asarray(a, w.dtype) for a in (X, Y))
    return jnp.concatenate([x @ w - y, jnp.sqrt(l2) * w])


def closed_form(l2):
    return np.linalg.solve(X.T @ X + l2 * np.eye(3), X.T @ Y)


def slope_of_closed_form(l2):
    return -np.linalg.solve(X.T @ X + l2 * np.eye(3), closed_form(l2))


def digits(x64):
    return 1e-7 if x64 else 2e-3


@pytest.mark.parametrize(
    "name",
    [
        name if name in FEW else pytest.param(name, marks=pytest.mark.slow)
        for name in RULES
    ],
)
def test_the_same_numbers_as_outside(name, x64):
    network = two_two_one()
    J = objective(network, half_squared_error, XOR_X, XOR_Y, l2=0.01)
    params = network.init(jax.random.key(1))
    # To the usual gtol: rounding alone says how a run ends that goes on from there.
    run = functools.partial(
        nanonet.minimize, rule=RULES[name], max_steps=12, history=True
    )
    outside, inside = run(J, params), jax.jit(lambda p: run(J, p))(params)
    assert (int(inside.status), int(inside.steps)) == (outside.status, outside.steps)
    assert int(inside.evaluations) == outside.evaluations
    count = outside.steps + 1
    tolerance = 1e-6 if x64 else 1e-2
    np.testing.assert_allclose(inside.value, outside.value, rtol=tolerance)
    np.testing.assert_allclose(
        inside.history.value[:count], outside.history.value, rtol=tolerance
    )
    assert inside.history.value.shape == (13,)
    assert np.all(np.isnan(inside.history.gradient_norm[count:]))
    assert jax.tree.structure(inside.params) == jax.tree.structure(params)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev], ids=["forward", "reverse"])
@pytest.mark.parametrize("rule", [None, optax.adam(0.2)], ids=["bfgs", "adam"])
@pytest.mark.one_case
def test_derivative_of_ridge_regression_is_that_of_its_closed_form(mode, rule, x64):
    def weights(l2):
        start = jnp.zeros(3)
        run = nanonet.minimize(ridge, start, rule, args=(l2,), max_steps=2_000, ftol=0)
        return run.params

    l2 = jnp.asarray(0.7)
    np.testing.assert_allclose(weights(l2), closed_form(0.7), rtol=digits(x64))
    for derivative in (mode(weights), jax.jit(mode(weights))):
        np.testing.assert_allclose(
            derivative(l2), slope_of_closed_form(0.7), rtol=2 * digits(x64), atol=1e-4
        )


def test_derivatives_of_closures_least_squares_and_value(x64):
    def by_closure(l2):
        return nanonet.minimize(lambda w: ridge(w, l2), jnp.zeros(3)).params

    def by_residuals(l2):
        start = jnp.zeros(3)
        return nanonet.least_squares(ridge_residuals, start, args=(l2,)).params

    def least(l2):
        return nanonet.minimize(ridge, jnp.zeros(3), args=(l2,)).value

    l2 = jnp.asarray(0.7)
    for weights in (by_closure, by_residuals):
        np.testing.assert_allclose(
            jax.jacrev(weights)(l2), slope_of_closed_form(0.7), rtol=digits(x64)
        )
    # The envelope theorem: only what J says of l2 itself counts.
    expected = np.sum(closed_form(0.7) ** 2) / 2
    np.testing.assert_allclose(jax.grad(least)(l2), expected, rtol=digits(x64))


@pytest.mark.precision("x64", reason="differences of differences need the digits")
def test_second_derivative_of_a_solution():
    def third_weight(l2):
        return nanonet.minimize(ridge, jnp.zeros(3), args=(l2,)).params[2]

    h = 1e-4
    ends = [slope_of_closed_form(0.7 + step)[2] for step in (h, -h)]
    for second in (jax.hessian(third_weight), jax.grad(jax.grad(third_weight))):
        np.testing.assert_allclose(second(0.7), np.diff(ends[::-1])[0] / 2 / h, 1e-6)


@pytest.mark.precision("x64", reason="finite differences need the digits")
def test_nonlinear_least_squares_by_finite_differences():
    t = np.linspace(0, 3, 15)
    y = 3 * np.exp(-t / 2) + 0.2 * np.sin(5 * t)  # large residuals: H is not AᵀA

    def residuals(p, y):
        return p["a"] * jnp.exp(-p["k"] * t) - y

    def rate(y, **options):
        start = {"a": 1.0, "k": 1.0}
        return nanonet.least_squares(residuals, start, args=(y,), **options).params["k"]

    h = 1e-5
    expected = [
        float(rate(y + h * unit) - rate(y - h * unit)) / 2 / h for unit in np.eye(15)
    ]
    np.testing.assert_allclose(jax.grad(rate)(y), expected, rtol=1e-5, atol=1e-8)


def test_a_member_that_fails_is_marked_and_the_others_do_not_notice(x64):
    def J(w, a):
        return jnp.sum((w - a) ** 2) + jnp.log(a)

    def solve(a):
        return nanonet.minimize(J, jnp.zeros(2), nanonet.bfgs(), args=(a,))

    a = jnp.array([1.0, -1.0, 3.0])
    runs = jax.jit(jax.vmap(solve))(a)
    assert list(runs.status) == [Status.GRADIENT, Status.NON_FINITE, Status.GRADIENT]
    assert list(runs.converged) == [True, False, True]
    np.testing.assert_allclose(runs.params[::2], [[1, 1], [3, 3]], rtol=1e-5)
    slopes = jax.vmap(jax.jacfwd(lambda a: solve(a).params))(a)
    np.testing.assert_allclose(slopes[::2], 1.0, rtol=1e-4)
    assert np.all(np.isnan(slopes[1]))


def test_derivatives_where_a_run_did_not_come_to_a_minimum_are_not_numbers():
    def solve(l2, **options):
        rule = nanonet.gradient_descent(0.01)
        run = nanonet.minimize(ridge, jnp.zeros(3), rule, args=(l2,), **options)
        return run.params[0]

    for options in ({"max_steps": 3}, {"goal": 1e3}):
        assert np.isfinite(solve(0.5, **options))
        assert np.isnan(jax.grad(functools.partial(solve, **options))(0.5))
        assert np.isnan(jax.jacfwd(functools.partial(solve, **options))(0.5))


def test_inside_scan_and_shard_map():
    def step(start, l2):
        w = nanonet.minimize(ridge, start, args=(l2,)).params
        return w, w

    _, path = jax.lax.scan(step, jnp.zeros(3), jnp.array([2.0, 1.0, 0.5]))
    expected = [closed_form(l2) for l2 in (2.0, 1.0, 0.5)]
    np.testing.assert_allclose(path, expected, rtol=1e-3)
    mesh = jax.sharding.Mesh(jax.devices()[:1], ("one",))
    spec = jax.sharding.PartitionSpec("one")
    solve = jax.vmap(
        lambda l2: nanonet.minimize(ridge, jnp.zeros(3), args=(l2,)).params
    )
    sharded = jax.shard_map(
        solve, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False
    )
    np.testing.assert_allclose(sharded(jnp.array([2.0, 1.0])), expected[:2], rtol=1e-3)


def test_new_data_of_the_same_shape_compile_nothing():
    def J(p, data, scale):
        return scale * jnp.sum((p["w"] - data) ** 2), {"residuals": p["w"] - data}

    def solve(data, scale, start):
        return nanonet.minimize(
            J, {"w": start}, args=(data, scale), has_aux=True, max_steps=50
        )

    solve(np.ones(3), 1.0, jnp.zeros(3))
    with count_compilations() as compiled:
        for i in range(2, 5):
            run = solve(i * np.ones(3), 1.0 + i, i * np.ones(3))
            np.testing.assert_allclose(run.params["w"], i, rtol=1e-5)
            np.testing.assert_allclose(run.aux["residuals"], 0, atol=1e-4)
    assert compiled == []


def test_aux_inside_and_of_residuals():
    def residuals(w, a):
        return jnp.stack([w - a, w + a]), 7 * w

    def solve(a):
        return nanonet.least_squares(residuals, 1.0, args=(a,), has_aux=True)

    np.testing.assert_allclose(solve(2.0).aux, 0, atol=1e-6)
    run = jax.jit(
        lambda a: nanonet.minimize(
            lambda w, a: ((w - a) ** 2, 7 * w), 1.0, args=(a,), has_aux=True
        )
    )(2.0)
    np.testing.assert_allclose(run.aux, 14, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"progress": True}, {"time_limit": 1.0}], ids=["progress", "time_limit"]
)
def test_what_needs_the_host_is_refused_inside_before_anything_runs(options):
    def J(w):
        raise AssertionError("J must not be looked at")

    with pytest.raises(TypeError, match=f"{next(iter(options))} cannot be had inside"):
        jax.jit(lambda p: nanonet.minimize(J, p, **options).params)(1.0)


def test_args_must_be_a_tuple():
    with pytest.raises(TypeError, match="args"):
        nanonet.minimize(ridge, jnp.zeros(3), args=np.ones(3))  # type: ignore


def test_root_takes_args():
    def f(x, a):
        return x**2 - a

    def solve(a):
        return nanonet.root(f, 1.0, args=(a,)).x

    np.testing.assert_allclose(solve(4.0), 2, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(solve)(4.0), 0.25, rtol=1e-6)
    solve(5.0)
    with count_compilations() as compiled:
        np.testing.assert_allclose(solve(9.0), 3, rtol=1e-6)
    assert compiled == []


def test_complex_parameters(x64):
    def solve(a):
        J = lambda z, a: jnp.abs(z - a * (1 + 2j)) ** 2  # noqa: E731
        rule = nanonet.gradient_descent(0.25)
        z = nanonet.minimize(J, jnp.asarray(0j), rule, args=(a,)).params
        return jnp.imag(z)

    np.testing.assert_allclose(jax.jit(solve)(3.0), 6, rtol=1e-4)
    np.testing.assert_allclose(jax.grad(solve)(3.0), 2, rtol=1e-4)


@pytest.mark.precision("x64", reason="int64 beside int32 is what strictness minds")
@pytest.mark.parametrize("rule", ["adam", "lbfgs", "levenberg_marquardt"])
@pytest.mark.one_case
def test_strict_promotion(rule):
    def solve(start):
        return nanonet.least_squares(
            lambda w: w - 3.0, start, RULES[rule], max_steps=50, history=True
        )

    with jax.numpy_dtype_promotion("strict"):
        outside, inside = solve(jnp.ones(2)), jax.jit(solve)(jnp.ones(2))
    np.testing.assert_allclose(outside.value, inside.value, atol=1e-9)
    assert inside.history.value.shape == (51,)


@pytest.mark.precision("x64", reason="it is about a check of JAX's")
def test_under_debug_nans_a_run_inside_is_fine_without_its_history():
    def solve(start, **options):
        return nanonet.minimize(lambda w: jnp.sum((w - 3) ** 2), start, **options)

    with jax.debug_nans(True):
        run = jax.jit(solve)(jnp.ones(2))
        np.testing.assert_allclose(run.params, 3, rtol=1e-9)
        solve(jnp.ones(2), history=True)
        with pytest.raises(FloatingPointError):
            jax.jit(functools.partial(solve, history=True))(jnp.ones(2))
        # As the docstring says.
        with jax.debug_nans(False):
            run = jax.jit(functools.partial(solve, history=True))(jnp.ones(2))
    assert np.isnan(run.history.value[-1])
