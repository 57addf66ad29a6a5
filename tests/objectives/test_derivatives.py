"""Derivatives against the notes' hand-written chain rule, differences, and mpmath."""

import itertools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from helpers import count_compilations
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.network.network import TwoTwoOne, mlp, two_two_one
from nanonet.objectives.derivatives import (
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    value_and_gradient,
)
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.normal import gauss_newton_matrix
from nanonet.objectives.objective import objective
from nanonet.objectives.residuals import residuals
from nanonet.roots.root import root
from nanonet.rules.newton import gauss_newton
from nanonet.rules.newton_cg import newton_cg
from nanonet.solve.least_squares import least_squares
from nanonet.solve.stationary import Kind, stationary_point

X1, X2, TARGET = 0.3, -1.2, 0.25
WEIGHTS = dict(
    w1=0.15, w2=-0.7, w3=1.3, w4=0.4, w5=-1.1, w6=0.9, b3=0.35, b4=-0.2, b5=0.6
)


def notes_objective(exp, w1, w2, w3, w4, w5, w6, b3, b4, b5):
    """J of one example from the notes' equations, for any arithmetic."""

    def f(z):
        return 1 / (1 + exp(-z))

    out_h1 = f(X1 * w1 + X2 * w3 + b3)
    out_h2 = f(X1 * w2 + X2 * w4 + b4)
    return (f(out_h1 * w5 + out_h2 * w6 + b5) - TARGET) ** 2 / 2


def chain_rule(w1, w2, w3, w4, w5, w6, b3, b4, b5):
    """The products of page 3 of the notes, factor by factor."""

    def f(z):
        return 1 / (1 + np.exp(-z))

    h1, h2 = f(X1 * w1 + X2 * w3 + b3), f(X1 * w2 + X2 * w4 + b4)
    y_hat = f(h1 * w5 + h2 * w6 + b5)
    dJ_dy, dy_dz = y_hat - TARGET, y_hat * (1 - y_hat)
    dz_dh1, dz_dh2 = w5, w6
    dh1_dz, dh2_dz = h1 * (1 - h1), h2 * (1 - h2)
    return TwoTwoOne(
        w1=dJ_dy * dy_dz * dz_dh1 * dh1_dz * X1,
        w2=dJ_dy * dy_dz * dz_dh2 * dh2_dz * X1,
        w3=dJ_dy * dy_dz * dz_dh1 * dh1_dz * X2,
        w4=dJ_dy * dy_dz * dz_dh2 * dh2_dz * X2,
        w5=dJ_dy * dy_dz * h1,
        w6=dJ_dy * dy_dz * h2,
        b3=dJ_dy * dy_dz * dz_dh1 * dh1_dz,
        b4=dJ_dy * dy_dz * dz_dh2 * dh2_dz,
        b5=dJ_dy * dy_dz,
    )


@pytest.fixture
def J():
    return objective(two_two_one(), half_squared_error, jnp.array([X1, X2]), TARGET)


@pytest.fixture
def params():
    return TwoTwoOne(**{name: jnp.asarray(w) for name, w in WEIGHTS.items()})


def tolerance(digits_lost=10.0):
    """A few roundings, relative to the largest entry."""
    return digits_lost * float(jnp.finfo(jnp.result_type(float)).eps)


def jitted(derive, fun, params):
    """The derivative, of a matrix its entries alone, in one compiled program."""

    def derived(params):
        result = derive(fun, params)
        return getattr(result, "matrix", result)

    return jax.jit(derived)(params)


def test_gradient_is_the_notes_chain_rule(J, params):
    value, slope = jax.jit(lambda p: value_and_gradient(J, p))(params)
    np.testing.assert_allclose(
        value, notes_objective(np.exp, **WEIGHTS), rtol=tolerance()
    )
    np.testing.assert_allclose(slope, chain_rule(**WEIGHTS), rtol=tolerance())
    assert isinstance(slope, TwoTwoOne)
    assert isinstance(jax.eval_shape(gradient, J, params), TwoTwoOne)


def test_gradient_and_hessian_match_mpmath_in_fifty_digits(J, params):
    names, values = list(WEIGHTS), list(WEIGHTS.values())

    def exact(*orders):
        with mpmath.workdps(50):
            return float(
                mpmath.diff(
                    lambda *w: notes_objective(
                        mpmath.exp, **dict(zip(names, w, strict=True))
                    ),
                    tuple(map(mpmath.mpf, map(str, values))),
                    orders,
                )
            )

    def orders(*which):
        return [which.count(k) for k in range(9)]

    slope = [exact(*orders(i)) for i in range(9)]
    scale = max(map(abs, slope))
    np.testing.assert_allclose(
        jax.tree.leaves(jitted(gradient, J, params)), slope, atol=tolerance() * scale
    )
    curvature = np.empty((9, 9))
    for i, j in itertools.combinations_with_replacement(range(9), 2):
        curvature[i, j] = curvature[j, i] = exact(*orders(i, j))
    H = jitted(hessian, J, params)
    np.testing.assert_allclose(H, curvature, atol=tolerance() * abs(curvature).max())


def central_difference(f, theta, h):
    columns = [
        (f(theta + h * e) - f(theta - h * e)) / (2 * h) for e in np.eye(len(theta))
    ]
    return np.stack(columns, -1)


@pytest.mark.precision("x64", reason="differences of float32 values keep three digits")
def test_derivatives_of_an_mlp_match_finite_differences(key):
    network = mlp([2, 3, 2], hidden="tanh")
    x = jax.random.normal(key, (5, 2))
    y = jax.random.uniform(key, (5, 2))
    params = network.init(key=key)
    J = objective(network, half_squared_error, x, y, reduction="sum")
    r = residuals(network, x, y)
    theta, unravel = jax.flatten_util.ravel_pytree(params)

    value = jax.jit(lambda t: J(unravel(t)))
    slope = jax.jit(jax.grad(value))
    error = jax.jit(lambda t: r(unravel(t)))

    # The error of a central difference is of order h², its rounding of order ε/h.
    np.testing.assert_allclose(
        slope(theta),
        central_difference(value, theta, 1e-5),
        atol=1e-9,
    )
    np.testing.assert_allclose(
        jitted(hessian, J, params), central_difference(slope, theta, 1e-5), atol=1e-9
    )
    jac = jitted(jacobian, r, params)
    assert jac.shape == (10, 17)
    np.testing.assert_allclose(
        jac,
        central_difference(error, theta, 1e-5),
        atol=1e-9,
    )
    np.testing.assert_allclose(jitted(gauss_newton_matrix, r, params), jac.T @ jac)


@pytest.mark.precision("x64")
def test_rows_and_columns_lead_back_to_the_tree(J, params):
    H, unravel = hessian(J, params)
    one = unravel(jnp.arange(9.0, dtype=H.dtype))
    assert isinstance(one, TwoTwoOne)
    np.testing.assert_array_equal(one, range(9))


@pytest.mark.precision("x64", reason="only counts")
@pytest.mark.parametrize("derive", [hessian, value_and_gradient, jacobian])
def test_derivatives_are_one_program_and_none_for_other_numbers(derive):
    def fun(p, t):
        return p["a"] * jnp.exp(-p["k"] * t)

    times = 1.5 if derive is not jacobian else np.array([0.5, 1.5])
    with count_compilations() as compiled:
        derive(fun, {"a": 2.0, "k": 1.0}, args=(times,))
    # And what makes one vector of the tree.
    assert len(set(compiled) - {"jit(reshape)", "jit(concatenate)"}) == 1
    with count_compilations() as compiled:
        derive(fun, {"a": 3.0, "k": 0.5}, args=(2 * times,))
    assert compiled == []


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 10**6))
def test_jacobian_of_a_linear_map_is_its_matrix(n, m, seed):
    A = np.random.default_rng(seed).normal(size=(m, n)).astype("float32")
    params = {"a": jnp.zeros(n - n // 2, "float32"), "b": jnp.zeros(n // 2, "float32")}

    def r(p):
        return A @ jnp.concatenate([p["a"], p["b"]])

    np.testing.assert_array_equal(jitted(jacobian, r, params), A)
    np.testing.assert_allclose(
        jitted(gauss_newton_matrix, r, params), A.T @ A, atol=1e-5
    )


def test_hessian_vector_product_is_the_matrix_times_the_vector(J, params, key):
    @jax.jit
    def both(params, vector):
        H, unravel = hessian(J, params)
        return H, hessian_vector_product(J, params, unravel(vector))

    vector = jax.random.normal(key, (9,))
    H, product = both(params, vector)
    np.testing.assert_allclose(
        jax.tree.leaves(product),
        np.asarray(H) @ np.asarray(vector),
        atol=tolerance(20),
    )


def test_gradient_of_complex_parameters_points_uphill():
    z = jnp.array([1 + 2j, -3 + 0.5j])
    slope = gradient(lambda z: jnp.sum(jnp.abs(z - 1j) ** 2), z)
    np.testing.assert_allclose(slope, 2 * (z - 1j), rtol=1e-6)


@pytest.mark.precision(
    "x64", reason="the eigenvalues are published to the digits of float64"
)
def test_mazur_s_hessian_is_singular_and_indefinite():
    x, t = jnp.array([0.05, 0.10]), jnp.array([0.01, 0.99])

    def E(w):
        h = jax.nn.sigmoid(jnp.stack([w[0:2] @ x, w[2:4] @ x]) + 0.35)
        o = jax.nn.sigmoid(jnp.stack([w[4:6] @ h, w[6:8] @ h]) + 0.60)
        return jnp.sum((o - t) ** 2) / 2

    w = jnp.array([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55])
    published = [-0.0250197, -0.0038809, 0, 0, 0, 4.1294e-4, 3.85865e-3, 0.0365459]
    eigenvalues = np.linalg.eigvalsh(jitted(hessian, E, w))
    np.testing.assert_allclose(eigenvalues, published, atol=5e-8)


@pytest.mark.parametrize("derive", [value_and_gradient, gradient, hessian])
def test_bad_functions_and_parameters_are_refused(derive):
    with pytest.raises(ValueError, match=r"fun must return one number, not \(3,\)"):
        derive(lambda p: p, jnp.ones(3))
    with pytest.raises(TypeError, match=r"params\['n'\] is of int32"):
        derive(lambda p: 1.0 * p["n"], {"n": jnp.int32(1)})
    with pytest.raises(ValueError, match="empty tree"):
        derive(lambda p: 0.0, {})


@pytest.mark.parametrize("derive", [jacobian, gauss_newton_matrix, hessian])
def test_matrices_of_complex_parameters_are_refused(derive):
    with pytest.raises(TypeError, match="params are complex"):
        derive(lambda p: jnp.abs(p), jnp.ones((), complex))


def test_hessian_prints_with_the_names_of_its_rows(x64):
    network = mlp([1, 1], output="identity")
    J = objective(network, half_squared_error, [[2.0], [4.0]], [0.0, 0.0])
    H = hessian(J, network.init(jax.random.key(0)))
    assert repr(H).splitlines() == [
        "   θ1 θ0",
        "θ1 10  3",
        "θ0  3  1",
    ]
    matrix, unravel = H
    assert matrix is H.matrix
    assert unravel is H.unravel
    lines = repr(jacobian(lambda p: jnp.arange(20.0) * p["a"], {"a": 1.0})).splitlines()
    assert lines[2].split() == ["r2", "1"]
    assert len(lines) == 1 + 12 + 1
    compiled = jax.jit(lambda p: hessian(lambda p: p["a"] ** 2, p))({"a": 1.0})
    np.testing.assert_allclose(compiled.matrix, [[2.0]])


@jax.custom_vjp
def only_reverse(t):
    return t**2 - 1


only_reverse.defvjp(lambda t: (t**2 - 1, t), lambda t, g: (2 * t * g,))


def only_forward(t):
    return jax.lax.while_loop(
        lambda carry: carry[0] < 3, lambda carry: (carry[0] + 1, carry[1] * t), (0, t)
    )[1]


def test_derivatives_use_the_mode_that_a_function_has():
    t = jnp.array([1.0, 2.0])
    np.testing.assert_allclose(jacobian(only_reverse, t).matrix, np.diag([2, 4]))
    wide = jacobian(lambda t: only_forward(t)[1:], t).matrix  # t⁴
    np.testing.assert_allclose(wide, [[0, 32]])

    def J(t):
        return jnp.sum(only_forward(t))

    value, slope = value_and_gradient(J, t)
    np.testing.assert_allclose(value, 17)
    np.testing.assert_allclose(slope, [4, 32])
    np.testing.assert_allclose(hessian(J, t).matrix, np.diag([12, 48]))


def test_second_derivatives_use_the_mode_that_a_function_has():
    t, v = jnp.array([1.0, 2.0]), jnp.array([1.0, -1.0])
    in_reverse = lambda t: jnp.sum(only_reverse(t) ** 2) / 2  # noqa: E731
    curvature = np.diag(6 * t**2 - 2)
    np.testing.assert_allclose(hessian(in_reverse, t).matrix, curvature, rtol=1e-6)
    for fun, product in [
        (in_reverse, curvature @ v),
        (lambda t: jnp.sum(only_forward(t)), 12 * t**2 * v),  # Σ t⁴
    ]:
        compiled = jax.jit(hessian_vector_product, static_argnums=0)
        for derive in (hessian_vector_product, compiled):
            np.testing.assert_allclose(derive(fun, t, v), product, rtol=1e-6)


@pytest.mark.parametrize(
    ("fun", "rule"),
    [
        (only_reverse, None),  # Levenberg-Marquardt with its second-order term
        (only_reverse, gauss_newton()),
        (lambda t: only_forward(t) - 1, None),
        (lambda t: only_forward(t) - 1, gauss_newton()),
        (only_reverse, newton_cg()),
        (lambda t: only_forward(t) - 1, newton_cg()),
    ],
)
@pytest.mark.one_case
def test_least_squares_in_the_mode_that_the_residuals_have(fun, rule):
    def solve(start):
        return least_squares(fun, start, rule, max_steps=30).params

    for way in (solve, jax.jit(solve)):
        np.testing.assert_allclose(way(jnp.array([2.0, 3.0])), 1, rtol=1e-3)


@pytest.mark.parametrize("fun", [only_reverse, lambda t: only_forward(t) - 1])
@pytest.mark.one_case
def test_a_root_in_the_mode_that_the_function_has(fun):
    np.testing.assert_allclose(root(fun, jnp.array([2.0, 3.0])).x, 1, rtol=1e-6)


def test_no_forward_mode_no_derivative_of_a_root():
    """An error of JAX's, never a number."""

    def end(a):
        return root(lambda t: only_reverse(t) + 1 - a, 1.0).x

    np.testing.assert_allclose(end(4.0), 2, rtol=1e-6)
    for mode in (jax.jacfwd, jax.jacrev):
        with pytest.raises((TypeError, ValueError), match=r"(?i)mode"):
            mode(end)(4.0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: jacobian(lambda t: (t, t), jnp.ones(2)), TypeError, "not tuple"),
        (lambda: jacobian(lambda t: jnp.zeros(0), jnp.ones(2)), ValueError, "no num"),
        (lambda: jacobian(lambda t: t, jnp.ones(0)), ValueError, "hold no numbers"),
        (lambda: gradient(jnp.sum, {"w": jnp.ones(0)}), ValueError, "hold no numbers"),
        (lambda: gradient(jnp.sum, {}), ValueError, "empty tree"),
        (
            lambda: hessian_vector_product(jnp.sum, jnp.ones(2), jnp.ones(3)),
            ValueError,
            r"vector has shape \(3,\)",
        ),
    ],
)
def test_derivatives_refuse_what_has_none(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_value_and_gradient_of_a_constant(key):
    value, slope = value_and_gradient(lambda t: 1.0, 2.0)
    assert (float(value), float(slope)) == (1.0, 0.0)
    assert value.shape == ()


@pytest.mark.precision("x64")
def test_jacobian_is_of_the_dtype_of_the_parameters(x64):
    data = jnp.array([1.0, 2.0, 4.0])
    assert data.dtype == jnp.float64
    matrix = jacobian(lambda t: t * data, jnp.float32(2)).matrix
    assert matrix.dtype == jnp.float32
    np.testing.assert_array_equal(matrix[:, 0], data)


def test_whole_numbers_of_python_are_parameters():
    """Of f = x²y at (3, 2): ∇f = (12, 9), H = [[4, 6], [6, 0]]."""

    def f(p):
        return p["x"] ** 2 * p["y"]

    at = {"x": 3, "y": 2}
    assert gradient(f, at) == {"x": 12.0, "y": 9.0}
    np.testing.assert_array_equal(hessian(f, at).matrix, [[4, 6], [6, 0]])
    along = hessian_vector_product(f, at, {"x": 1.0, "y": 0.0})
    assert along == {"x": 4.0, "y": 6.0}
    rows = jacobian(lambda p: jnp.stack([p["x"] * p["y"], p["y"] ** 2]), at)
    np.testing.assert_array_equal(rows.matrix, [[2, 3], [0, 4]])
    assert stationary_point(lambda t: (t - 1) ** 2, 1).kind is Kind.MINIMUM


def unhappy(p):
    raise TypeError("unhappy")


def test_a_function_that_takes_something_else():
    with pytest.raises(TypeError, match=r"fun takes \(x, y\) and is given the param"):
        gradient(lambda x, y: x**2 * y, 3.0)
    with pytest.raises(TypeError, match=r"fun takes \(p\) .* and 1 args"):
        hessian(lambda p: p**2, 3.0, args=(1.0,))
    with pytest.raises(TypeError, match="unhappy"):  # its own errors are its own
        gradient(unhappy, 3.0)
    spread = gradient(lambda p: p[0] ** 2 * p[1], (3.0, 2.0))  # as the message says
    assert spread == (12.0, 9.0)
    assert gradient(jnp.square, 3.0) == 6.0
