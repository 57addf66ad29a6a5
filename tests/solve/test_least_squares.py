"""Levenberg-Marquardt, least_squares and covariance: certified and published fits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import XOR_X as X
from helpers import XOR_Y as Y
from helpers import count_compilations
from problems.mgh import MGH
from problems.nist import NIST

from nanonet.network.network import mlp, two_two_one
from nanonet.objectives.losses import (
    binary_cross_entropy,
    half_squared_error,
    mean_squared_error,
)
from nanonet.objectives.objective import objective
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.newton import gauss_newton
from nanonet.solve.least_squares import covariance, least_squares
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status


def line(params):
    """Residuals of a straight line through (0, 1), (1, 3), (2, 4), (3, 4)."""
    t, y = jnp.arange(4.0), jnp.array([1.0, 3.0, 4.0, 4.0])
    return params["a"] + params["b"] * t - y


def exponential(theta):
    t = jnp.arange(8.0) / 4
    return (
        theta[0] * jnp.exp(-theta[1] * t) - 3 * jnp.exp(-t / 2) - 0.1 * jnp.sin(9 * t)
    )


published = pytest.mark.precision("x64", reason="the published digits are of float64")


def digits(found, certified):
    """Digits that agree, of the worst parameter; 11 are certified."""
    error = np.max(np.abs((np.asarray(found) - certified) / certified))
    return min(-np.log10(max(error, 1e-300)), 11) if np.isfinite(error) else 0


@published
@pytest.mark.parametrize(
    "problems",
    [NIST[::6], pytest.param(NIST, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_nist_certified_digits_and_standard_deviations(problems):
    """Of their 54 starts 54 reach 6 digits, 51 reach 8, and 47 reach 9."""
    reached = []
    for problem in problems:
        for start in problem.starts:
            result = least_squares(problem.residuals, start, max_steps=2000)
            reached.append(digits(result.params, problem.certified))
            assert result.status is Status.PRECISION
            if reached[-1] > 9 and problem.name != "Lanczos1":
                # Lanczos1's residuals, 1e-13, are rounding themselves.
                deviations = np.sqrt(
                    np.diag(covariance(problem.residuals, result.params))
                )
                np.testing.assert_allclose(
                    deviations, problem.standard_deviations, rtol=1e-6
                )
    reached = np.array(reached)
    assert np.all(reached >= 6)
    assert np.mean(reached >= 8) >= 50 / 54
    assert np.mean(reached >= 9) >= 42 / 54


@published
@pytest.mark.parametrize(
    "problems",
    [MGH[::12], pytest.param(MGH[::6], marks=pytest.mark.slow)],
    ids=["some", "more"],
)
def test_mgh_published_minima(problems):
    solved, evaluations = [], []
    for problem in problems:
        result = least_squares(
            problem.residuals, problem.start, xtol=1e-8, ftol=1e-8, gtol=1e-8
        )
        near = [
            np.isclose(2 * result.value, minimum, rtol=1e-4, atol=1e-10)
            for minimum in problem.minima
        ]
        solved.append(any(near))
        evaluations.append(result.evaluations)
    assert sum(solved) >= len(solved) - 1
    assert np.median(evaluations) <= 22  # scipy's lm needs as many


def test_a_straight_line_by_hand(x64):
    # Normal equations: 4a + 6b = 12, 6a + 14b = 23, so a = 1.5, b = 1; r = ±0.5, and
    # (AᵀA)⁻¹ = [[0.7, -0.3], [-0.3, 0.2]], s² = 1/2.
    tight = 1e-12 if x64 else 1e-5
    result = least_squares(line, {"a": 0.0, "b": 0.0})
    np.testing.assert_allclose(result.params["a"], 1.5, rtol=tight)
    np.testing.assert_allclose(result.params["b"], 1.0, rtol=tight)
    np.testing.assert_allclose(result.value, 0.5, rtol=tight)
    np.testing.assert_allclose(
        covariance(line, result.params), [[0.35, -0.15], [-0.15, 0.1]], rtol=10 * tight
    )
    assert result.status.converged


def test_covariance_needs_a_degree_of_freedom():
    with pytest.raises(ValueError, match="2 residuals leave no degree of freedom"):
        covariance(lambda theta: theta**2, jnp.ones(2))


def one_step(rule, residuals, theta):
    update = jax.jit(functools.partial(rule.update, residual_fn=residuals))
    step, _ = update(theta, rule.init(theta), theta)
    return np.asarray(step)


@pytest.mark.parametrize("solver", ["qr", "cholesky"])
@pytest.mark.one_case
def test_the_step_solves_the_damped_normal_equations(solver):
    theta = jnp.array([2.5, 0.7])
    r = np.asarray(jax.jit(exponential)(theta), float)
    A = np.asarray(jax.jit(jax.jacobian(exponential))(theta), float)
    for mu in (1e-8, 0.5, 100.0):
        damped = A.T @ A + mu * np.max(np.diag(A.T @ A)) * np.eye(2)
        step = one_step(levenberg_marquardt(mu, solver=solver), exponential, theta)
        # Float32's Cholesky of AᵀA squares A's condition, about 10.
        np.testing.assert_allclose(step, np.linalg.solve(damped, -A.T @ r), rtol=2e-3)


def test_the_end_does_not_depend_on_units(x64):
    units = jnp.array([1e8, 1e-8])
    start = jnp.array([2.5, 0.7])
    there = least_squares(lambda t: exponential(units * t), start / units).params
    here = least_squares(exponential, start).params
    np.testing.assert_allclose(units * there, here, rtol=1e-6 if x64 else 1e-4)


def test_from_gauss_newton_to_gradient_descent(x64):
    theta = jnp.array([2.5, 0.7])
    r = np.asarray(jax.jit(exponential)(theta), float)
    A = np.asarray(jax.jit(jax.jacobian(exponential))(theta), float)
    gauss_newton = np.linalg.lstsq(A, -r)[0]
    errors = [
        np.abs(one_step(levenberg_marquardt(mu), exponential, theta) - gauss_newton)
        for mu in (3e-3, 3e-5)
    ]
    # Linear in μ: a hundredth of the damping, a hundredth of the distance.
    np.testing.assert_allclose(errors[1] / errors[0], 0.01, rtol=0.1 if x64 else 0.3)
    descent = -(A.T @ r) / np.max(np.diag(A.T @ A))
    np.testing.assert_allclose(
        1e6 * one_step(levenberg_marquardt(1e6), exponential, theta),
        descent,
        rtol=1e-3,
    )


def test_geodesic_acceleration_is_the_second_order_term():
    # r = θ², p = -θ/2 + O(μ): the exact root of the model r + r'p + ½ r″ p² wants
    # a/2 = -½ (r″ p²)/r' = -½ · 2 (θ²/4) / 2θ = -θ/8.
    theta = jnp.array([1.0])
    plain = one_step(levenberg_marquardt(1e-6), lambda t: t**2, theta)
    bent = one_step(levenberg_marquardt(1e-6, geodesic=True), lambda t: t**2, theta)
    np.testing.assert_allclose(plain, -0.5, rtol=1e-4)
    np.testing.assert_allclose(bent - plain, -0.125, rtol=1e-4)


@pytest.mark.parametrize(("solver", "geodesic"), [("qr", True), ("cholesky", False)])
@pytest.mark.one_case
def test_j_never_rises(key, solver, geodesic):
    J = objective(two_two_one(), half_squared_error, X, Y)
    rule = levenberg_marquardt(solver=solver, geodesic=geodesic)
    for start in jax.random.split(key, 3):
        theta = two_two_one().init(key=start)
        history = minimize(J, theta, rule, max_steps=100).history.value
        rounding = 64 * np.finfo(history.dtype).eps
        assert np.all(np.diff(history) <= rounding * history[:-1])
        assert history[-1] < history[0]


def test_more_parameters_than_residuals():
    result = least_squares(
        lambda theta: jnp.stack([theta[0] + theta[1] ** 2 - theta[2] - 3]), jnp.ones(3)
    )
    assert result.value < 1e-10
    assert result.status.converged


def test_a_parameter_that_nothing_depends_on_stays():
    result = least_squares(lambda p: p["a"] - jnp.arange(3.0), {"a": 5.0, "idle": 7.0})
    assert result.params["idle"] == 7
    np.testing.assert_allclose(result.params["a"], 1, rtol=1e-5)
    assert result.status.converged


@pytest.mark.parametrize(
    ("residuals", "start"),
    [
        (lambda t: jnp.log(t) - 1, 1e-3),  # the first steps lead below 0: NaN
        (lambda t: 1 / (t - 1) - 1, 1.5),  # a pole at 1
        (lambda t: jnp.exp(t) - jnp.e, 20.0),
        (lambda t: jnp.where(t > 0.5, t - 1, 10.0), 1.8),  # a jump
    ],
    ids=["edge", "pole", "exponential", "jump"],
)
@pytest.mark.one_case
def test_poles_edges_and_jumps_do_not_stop_it(residuals, start):
    result = least_squares(lambda t: jnp.stack([residuals(t)]), start)
    assert result.status.converged
    assert np.all(np.isfinite(result.history.value))
    assert result.value < 1e-8


@pytest.mark.parametrize(
    "residuals", [lambda t: jnp.abs(t) + 1, lambda t: 0 * t + 1], ids=["kink", "flat"]
)
@pytest.mark.one_case
def test_where_nothing_can_be_gained_it_says_so(residuals):
    result = least_squares(lambda t: jnp.stack([residuals(t)]), 0.0, max_steps=500)
    assert result.status.converged
    # J = ½ (1 + |θ|)² shows no |θ| below its own rounding.
    np.testing.assert_allclose(result.params, 0, atol=1e-6)


def test_not_a_number_at_the_start():
    result = least_squares(lambda t: jnp.log(t)[None], -1.0)
    assert (result.status, result.steps) == (Status.NON_FINITE, 0)


def test_saturated_sigmoids_are_left_or_named():
    J = objective(two_two_one(), half_squared_error, X, Y)
    theta = jax.tree.map(
        lambda w: 60.0 * (1 + w), two_two_one().init(key=jax.random.key(3))
    )
    result = minimize(J, theta, levenberg_marquardt(), max_steps=200)
    assert result.status.converged
    assert np.all(np.isfinite(result.history.value))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", [half_squared_error, mean_squared_error])
@pytest.mark.one_case
def test_an_objective_s_residuals_are_the_root_of_j(key, loss, reduction):
    network = mlp([2, 3, 2])
    params = network.init(key=key)
    y = np.stack([Y, 1 - Y], 1)
    J = objective(network, loss, X, y, reduction=reduction, l2=0.3)
    r = np.asarray(J.residuals(params), float)
    assert r.shape == (8 + 12,)
    np.testing.assert_allclose(J(params), r @ r / 2, rtol=1e-6)


def test_other_objectives_have_none_and_other_rules_do_not_ask(key):
    J = objective(two_two_one(), binary_cross_entropy, X, Y)
    params = two_two_one().init(key=key)
    with pytest.raises(ValueError, match="binary_cross_entropy is not half a sum"):
        _ = J.residuals
    with pytest.raises(ValueError, match="binary_cross_entropy is not half a sum"):
        minimize(J, params, levenberg_marquardt())
    assert minimize(J, params, gradient_descent(0.1), max_steps=2).steps == 2


def test_a_function_without_residuals_is_refused():
    with pytest.raises(ValueError, match="levenberg_marquardt needs the residuals"):
        minimize(lambda t: t**2, 1.0, levenberg_marquardt())


def test_what_a_chain_does_to_the_step_is_seen():
    """The rule may not take the point it proposed for the one it got to."""
    rule = optax.chain(levenberg_marquardt(), optax.scale(0.5))
    result = least_squares(line, {"a": 0.0, "b": 0.0}, rule=rule, max_steps=60)
    value = sum(np.asarray(line(result.params)) ** 2) / 2
    np.testing.assert_allclose(result.value, value, rtol=1e-5)
    np.testing.assert_allclose(result.params["a"], 1.5, rtol=1e-3)


def test_injected_damping():
    rule = optax.inject_hyperparams(levenberg_marquardt)(damping=0.3)
    result = least_squares(line, {"a": 0.0, "b": 0.0}, rule=rule)
    np.testing.assert_allclose(result.params["b"], 1.0, rtol=1e-5)


def test_under_vmap_and_scan_each_start_goes_its_own_way(x64):
    rule = levenberg_marquardt()

    def fit(theta):
        def step(carry, _):
            theta, state = carry
            updates, state = rule.update(theta, state, theta, residual_fn=exponential)
            return (optax.apply_updates(theta, updates), state), None

        return jax.lax.scan(step, (theta, rule.init(theta)), length=12)[0][0]

    starts = jnp.array([[2.5, 0.7], [1.0, 0.1], [4.0, 2.0]])
    together = jax.jit(jax.vmap(fit))(starts)
    for start, theta in zip(starts, together, strict=True):
        expected = least_squares(exponential, start).params
        np.testing.assert_allclose(theta, expected, rtol=1e-10 if x64 else 1e-3)


def test_new_numbers_need_no_new_compilation():
    least_squares(exponential, jnp.ones(2), rule=levenberg_marquardt(0.1))
    start = jnp.zeros(2)
    with count_compilations() as compiled:
        least_squares(exponential, start, rule=levenberg_marquardt(1.0), gtol=1e-3)
    assert compiled == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"damping": 0.0}, "damping=0.0 must be > 0"),
        ({"solver": "lu"}, "solver='lu' is unknown"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        levenberg_marquardt(**arguments)


def test_integers_empty_trees_and_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="params is of int"):
        least_squares(lambda t: t, jnp.arange(3))
    with pytest.raises(ValueError, match="params is an empty tree"):
        least_squares(lambda t: jnp.ones(1), {})
    with pytest.raises(TypeError, match="complex"):
        least_squares(jnp.abs, jnp.ones(2, complex))


@pytest.mark.parametrize("rule", [levenberg_marquardt(), gauss_newton()])
def test_half_precision_and_a_jacobian_too_large_are_refused(rule):
    theta = jnp.ones(2, jnp.bfloat16)
    with pytest.raises(TypeError, match=r"params is of bfloat16.*use float32"):
        rule.update(theta, rule.init(theta), theta, residual_fn=lambda t: t)
    theta = jnp.ones(2_000)
    with pytest.raises(ValueError, match=r"1,000,000 x 2,000 would take (8|16).0 GB"):
        rule.update(
            theta,
            rule.init(theta),
            theta,
            residual_fn=lambda t: jnp.broadcast_to(t[0], (1_000_000,)),
        )


@pytest.mark.precision("x64")
def test_least_squares_fits_float64_data_in_float32():
    t = jnp.linspace(0, 3, 10)
    y = 3 * jnp.exp(-t / 2)
    start = {"a": jnp.float32(1), "k": jnp.float32(1)}
    result = least_squares(lambda p: p["a"] * jnp.exp(-p["k"] * t) - y, start)
    assert result.params["a"].dtype == jnp.float32
    np.testing.assert_allclose(result.params["a"], 3, rtol=1e-5)


@pytest.mark.parametrize(
    ("residuals", "error", "words"),
    [
        (lambda t: (t, t), TypeError, "not tuple"),
        (lambda t: jnp.zeros(0), ValueError, "no numbers"),
    ],
)
def test_least_squares_refuses_what_is_no_vector(residuals, error, words):
    with pytest.raises(error, match=words):
        least_squares(residuals, jnp.ones(2))
