"""Bounds: published minima, scipy from random starts, derivatives, and bad ones."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize
from problems.hs import HS
from problems.mgh import MGH

import nanonet
from nanonet.solve.least_squares import HalfSquare
from nanonet.solve.result import Status

INF = np.inf


# HS25 is flat at its start: where a rule goes from there is a matter of rounding.
EASY = [problem for problem in HS if problem.name != "HS25"]
RULES = {
    "bfgs": nanonet.bfgs(),
    "lbfgs": nanonet.lbfgs(),
    "newton": nanonet.newton(),
}


@pytest.mark.precision("x64", reason="the published minima have ten digits")
@pytest.mark.parametrize("problem", EASY, ids=lambda problem: problem.name)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.one_case
def test_hock_and_schittkowski(rule, problem):
    lower, upper = problem.lower, problem.upper
    run = nanonet.minimize(problem.J, problem.start, RULES[rule], bounds=(lower, upper))
    assert run.converged
    nearest = min(problem.minima, key=lambda value: abs(value - run.value))
    np.testing.assert_allclose(run.value, nearest, rtol=1e-8, atol=1e-9)
    assert np.all((run.params >= lower) & (run.params <= upper))
    # A minimum in the box: what is off its bounds has no slope, and the rest goes out.
    slope = jax.grad(problem.J)(run.params)
    inward = np.clip(run.params - slope, lower, upper) - run.params
    np.testing.assert_allclose(inward, 0, atol=1e-7)
    assert run.start_moved == (problem.name in ("HS2", "HS45"))
    assert ("moved inside" in repr(run)) == run.start_moved


# On the way the bounds cut these steps short, where they once jammed or went up.
JAMS = [p for p in MGH if p.name in ("helical_valley(3)", "biggs_exp6(6)", "watson(9)")]
JAMS += [p for p in MGH if p.name.startswith("jennrich_sampson")]


@pytest.mark.precision("x64", reason="these are hard enough in float64")
@pytest.mark.parametrize("problem", JAMS, ids=lambda problem: problem.name)
@pytest.mark.parametrize("name", ["newton", "levenberg_marquardt"])
@pytest.mark.one_case
def test_steps_that_bounds_cut_short_do_not_jam(name, problem):
    start = np.asarray(problem.start, float)
    lower, upper = start - 0.5 - np.abs(start) / 2, start + 0.5 + np.abs(start) / 2
    run = nanonet.minimize(
        HalfSquare(problem.residuals),
        start,
        getattr(nanonet, name)(),
        bounds=(lower, upper),
        gtol=1e-8,
        max_steps=1_000,
    )
    assert run.converged
    assert np.all(np.diff(run.history.value) <= 1e-12 * run.history.value[:-1])
    slope = jax.grad(HalfSquare(problem.residuals))(run.params)
    inward = np.clip(run.params - slope, lower, upper) - run.params
    np.testing.assert_allclose(inward, 0, atol=1e-4)


@pytest.mark.precision("x64", reason="scipy computes in float64")
def test_random_quadratics_end_where_scipy_s_do():
    rng = np.random.default_rng(3)
    matrices = [m @ m.T + 0.1 * np.eye(6) for m in rng.normal(size=(5, 6, 6))]
    for H in matrices:
        b, start = rng.normal(size=(2, 6)) * 3
        lower, upper = np.full(6, -0.5), np.array([1, 0.2, INF, 0.5, 0.5, INF])
        peer = scipy.optimize.minimize(
            lambda x, H=H, b=b: (x @ H @ x / 2 - b @ x, H @ x - b),
            np.clip(start, lower, upper),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(lower, upper, strict=True)),
            options={"ftol": 1e-15, "gtol": 1e-10},
        )
        for rule in RULES.values():
            run = nanonet.minimize(
                quadratic, start, rule, args=(H, b), bounds=(lower, upper)
            )
            np.testing.assert_allclose(run.value, peer.fun, rtol=1e-9)
            np.testing.assert_allclose(run.params, peer.x, atol=1e-5)


def quadratic(x, H, b):
    return x @ H @ x / 2 - b @ x


T = np.linspace(0, 3, 20)


def decay(p, y):
    return p["a"] * jnp.exp(-p["k"] * jnp.asarray(T, y.dtype)) + p["c"] - y


@pytest.mark.precision("x64", reason="scipy computes in float64")
@pytest.mark.parametrize(
    "rule",
    [
        None,
        nanonet.levenberg_marquardt(),
        nanonet.gauss_newton(),
    ],
    ids=["default", "levenberg", "gauss_newton"],
)
@pytest.mark.one_case
def test_least_squares_within_bounds_ends_where_scipy_s_does(rule):
    y = 3 * np.exp(-T / 2) - 0.3 + 0.05 * np.sin(9 * T)
    lower, upper = {"a": 0.0, "k": 0.1, "c": 0.0}, {"a": 2.5, "k": None, "c": None}
    start = {"a": 1.0, "k": 1.0, "c": 0.5}
    run = nanonet.least_squares(decay, start, rule, args=(y,), bounds=(lower, upper))
    peer = scipy.optimize.least_squares(
        lambda p: p[0] * np.exp(-p[2] * T) + p[1] - y,
        [1.0, 0.5, 1.0],
        bounds=([0, 0, 0.1], [2.5, INF, INF]),
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    found = [float(run.params[name]) for name in ("a", "c", "k")]
    np.testing.assert_allclose(found, peer.x, atol=1e-6)
    np.testing.assert_allclose(run.value, peer.cost, rtol=1e-9)
    assert run.params["a"] == 2.5  # at its bound


@pytest.mark.parametrize(
    "rule",
    [nanonet.gradient_descent(0.1), nanonet.adam(0.1), optax.sgd(0.1, momentum=0.5)],
    ids=["gradient descent", "adam", "optax.sgd"],
)
@pytest.mark.one_case
def test_first_order_rules_stay_in_the_box_and_stop_at_its_edge(rule):
    target = jnp.array([2.0, -0.5])
    run = nanonet.minimize(
        lambda p: jnp.sum((p - target) ** 2),
        jnp.zeros(2),
        rule,
        bounds=(-1.0, 1.0),
        keep_params=True,
        gtol=1e-3,
    )
    assert run.status is Status.GRADIENT
    assert np.all(np.abs(run.history.params) <= 1)
    np.testing.assert_allclose(run.params, [1, -0.5], atol=1e-3)


@pytest.mark.parametrize("rule", [*RULES.values(), nanonet.gauss_newton()])
@pytest.mark.one_case
def test_a_parameter_between_equal_bounds_is_fixed(rule):
    def residuals(p):
        return jnp.stack([p["w"] - 3, p["b"] - p["w"], p["b"]])

    bounds = ({"w": 1.0, "b": None}, {"w": 1.0, "b": None})
    start = {"w": 5.0, "b": 5.0}
    run = nanonet.least_squares(residuals, start, rule, bounds=bounds, gtol=1e-5)
    np.testing.assert_allclose([run.params["w"], run.params["b"]], [1, 0.5], rtol=1e-4)
    assert run.start_moved


def test_bounds_inside_jax_and_derivatives_by_them(x64):
    def solve(target, upper):
        run = nanonet.minimize(
            lambda p: jnp.sum((p - target) ** 2) + p[0] * p[1] / 2,
            jnp.zeros(2),
            bounds=(-1.0, upper),
        )
        return run.params

    # θ₀ = upper; 2(θ₁ - t₁) + θ₀/2 = 0
    target, upper = jnp.array([2.0, -0.5]), jnp.asarray(1.0)
    np.testing.assert_allclose(jax.jit(solve)(target, upper), [1, -0.75], rtol=1e-4)
    by_target, by_upper = jax.jacrev(solve, (0, 1))(target, upper)
    np.testing.assert_allclose(by_target, [[0, 0], [0, 1]], atol=1e-4)
    np.testing.assert_allclose(by_upper, [1, -0.25], atol=1e-4)
    many = jax.vmap(solve, (None, 0))(target, jnp.array([0.5, 1.0, 5.0]))
    np.testing.assert_allclose(many[:2], [[0.5, -0.625], [1, -0.75]], rtol=1e-4)


@pytest.mark.parametrize(
    ("bounds", "error", "message"),
    [
        ((1.0, 0.0), ValueError, "1.0 ≤ θ ≤ 0.0 leaves no room"),
        ((np.nan, 0.0), ValueError, "nan ≤ θ ≤ 0.0 leaves no room"),
        ((np.inf, None), ValueError, "inf ≤ θ ≤ inf leaves no room"),
        ((np.zeros(3), None), ValueError, "lower is not like params"),
        (({"w": 0.0}, None), ValueError, "lower is not like params"),
        (0.0, TypeError, "must be a pair"),
    ],
)
def test_bad_bounds_are_refused(bounds, error, message):
    with pytest.raises((error, TypeError), match=f"{message}|'bounds'"):
        nanonet.minimize(lambda p: jnp.sum(p**2), jnp.ones(2), bounds=bounds)


def test_a_bound_may_stand_for_a_branch():
    params = {"a": (jnp.ones(2), jnp.ones(())), "b": jnp.ones(3)}
    run = nanonet.minimize(
        lambda p: sum(jnp.sum((leaf - 5) ** 2) for leaf in jax.tree.leaves(p)),
        params,
        bounds=(None, {"a": 2.0, "b": np.array([3.0, 4.0, np.inf])}),
    )
    np.testing.assert_allclose(run.params["a"][0], [2, 2])
    np.testing.assert_allclose(run.params["a"][1], 2)
    np.testing.assert_allclose(run.params["b"], [3, 4, 5], rtol=1e-4)


def test_complex_parameters_have_no_bounds():
    with pytest.raises(TypeError, match="real parameters"):
        nanonet.minimize(lambda z: jnp.abs(z) ** 2, jnp.ones(2) * 1j, bounds=(0, 1))


@pytest.mark.precision("x64", reason="NumPy computes in float64")
def test_covariance_leaves_out_what_a_bound_holds():
    rng = np.random.default_rng(1)
    A, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    bounds = (np.array([-INF, 5.0, -INF]), None)
    run = nanonet.least_squares(linear, np.ones(3), args=(A, y), bounds=bounds)
    C = nanonet.covariance(linear, run.params, args=(A, y), bounds=bounds)
    free = A[:, [0, 2]]
    r = linear(run.params, A, y)
    expected = np.linalg.inv(free.T @ free) * (r @ r) / (12 - 2)
    np.testing.assert_allclose(C[np.ix_([0, 2], [0, 2])], expected, rtol=1e-8)
    np.testing.assert_array_equal(C[1], 0)


def linear(p, A, y):
    return A @ p - y


@pytest.mark.precision("x64", reason="NumPy computes in float64")
def test_covariance_of_what_the_data_do_not_determine():
    A = np.c_[np.arange(6.0), np.ones(6), np.ones(6)]  # only the sum of two counts
    y = np.array([0.0, 1.2, 1.9, 3.1, 4.0, 4.8])
    p = np.array([0.97, 0.05, 0.05])
    with pytest.warns(RuntimeWarning, match="2 of 3 is infinite"):
        C = nanonet.covariance(linear, p, args=(A, y))
    two = A[:, :2]
    r = A @ p - y
    expected = np.linalg.inv(two.T @ two)[0, 0] * (r @ r) / (6 - 3)
    np.testing.assert_allclose(C[0, 0], expected, rtol=1e-8)
    assert np.all(np.isinf(np.diag(C)[1:]))
    assert np.all(np.isnan(C[0, 1:]))
