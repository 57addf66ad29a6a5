"""BFGS, L-BFGS, Gauss-Newton, the secant method and Newton-CG."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import XOR_X as X
from helpers import XOR_Y as Y
from helpers import one_of
from problems.mgh import MGH
from scipy.optimize import minimize as scipy_minimize

from nanonet.network.network import two_two_one
from nanonet.objectives.losses import binary_cross_entropy
from nanonet.objectives.objective import objective
from nanonet.rules.bfgs import bfgs, lbfgs, scale_by_bfgs
from nanonet.rules.newton import gauss_newton, newton
from nanonet.rules.newton_cg import newton_cg, scale_by_newton_cg
from nanonet.rules.secant import barzilai_borwein, secant
from nanonet.solve.least_squares import HalfSquare, least_squares
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

SEARCHING = {"bfgs": bfgs(), "lbfgs": lbfgs(), "newton_cg": newton_cg()}

#: The 18 functions that the paper proposes for unconstrained minimisation, in the
#: dimensions for which it gives minima.
NUMBERS = (3, 4, 5, 7, 9, 11, 12, 14, 16, 18, 20, 21, 22, 23, 24, 25, 26, 35)
UNCONSTRAINED = [problem for problem in MGH if problem.number in NUMBERS]


def quadratic(n):
    """½ θᵀHθ - bᵀθ with eigenvalues 1 to 10, and its minimum."""
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    H, b = Q @ np.diag(np.linspace(1, 10, n)) @ Q.T, rng.normal(size=n)
    return (lambda t: t @ (jnp.asarray(H) @ t) / 2 - jnp.asarray(b) @ t), H, b


def rises(history):
    rounding = 64 * np.finfo(history.value.dtype).eps
    return np.any(np.diff(history.value) > 2 * rounding * np.abs(history.value[:-1]))


def test_bfgs_with_exact_line_search_ends_in_n_steps_with_the_inverse_hessian(x64):
    n = 5
    J, H, b = quadratic(n)
    rule, theta = scale_by_bfgs(), jnp.zeros(n)
    state = rule.init(theta)
    slope_of, update = jax.jit(jax.grad(J)), jax.jit(rule.update)
    for _ in range(n + 1):
        gradient = slope_of(theta)
        direction, state = update(gradient, state, theta)
        if np.linalg.norm(gradient) < 1e-5:
            break
        g, d = np.asarray(gradient, float), np.asarray(direction, float)
        theta = jnp.asarray(theta - (g @ d) / (d @ H @ d) * d, theta.dtype)
    np.testing.assert_allclose(
        theta, np.linalg.solve(H, b), atol=1e-10 if x64 else 1e-4
    )
    np.testing.assert_allclose(
        state.inverse, np.linalg.inv(H), atol=1e-8 if x64 else 2e-3
    )


def test_bfgs_s_first_update_by_hand():
    # s = (1, 0), y = (2, 1): scaled to (s·y / y·y) I = 0.4 I, ρ = 1/2;
    # (I - ½ s yᵀ) 0.4 I (I - ½ y sᵀ) + ½ s sᵀ, with I - ½ s yᵀ = [[0, -½], [0, 1]]
    # = 0.4 [[¼, -½], [-½, 1]] + [[½, 0], [0, 0]] = [[0.6, -0.2], [-0.2, 0.4]].
    rule = scale_by_bfgs()
    state = rule.init(jnp.zeros(2))
    _, state = rule.update(jnp.array([1.0, 1.0]), state, jnp.zeros(2))
    step, state = rule.update(jnp.array([3.0, 2.0]), state, jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(state.inverse, [[0.6, -0.2], [-0.2, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(step, [1.4, 0.2], rtol=1e-6)


def test_bfgs_leaves_out_what_curves_down():
    rule = scale_by_bfgs()
    state = rule.init(jnp.zeros(2))
    _, state = rule.update(jnp.array([1.0, 1.0]), state, jnp.zeros(2))
    _, state = rule.update(jnp.array([0.5, 1.0]), state, jnp.array([1.0, 0.0]))
    np.testing.assert_array_equal(state.inverse, np.eye(2))
    assert state.pairs == 0


@pytest.mark.slow
@pytest.mark.precision("x64", reason="the published digits are of float64")
def test_bfgs_finds_published_minima_in_about_scipy_s_evaluations():
    """Of some of the instances, to save time."""
    solved, ours, theirs = [], [], []
    for problem in UNCONSTRAINED[1::4]:
        result = minimize(
            HalfSquare(problem.residuals),
            problem.start,
            bfgs(),
            gtol=1e-8,
            max_steps=1500,
        )
        value_and_grad = jax.jit(jax.value_and_grad(HalfSquare(problem.residuals)))
        peer = scipy_minimize(
            lambda x, f=value_and_grad: tuple(map(np.asarray, f(x))),
            problem.start,
            jac=True,
            method="BFGS",
            options={"gtol": 1e-8},
        )
        solved.append(
            any(
                np.isclose(2 * result.value, minimum, rtol=1e-4, atol=1e-10)
                for minimum in problem.minima
            )
        )
        ours.append(result.evaluations)
        theirs.append(peer.nfev)
    assert sum(solved) >= len(solved) - 1
    assert np.median(ours) <= 1.25 * np.median(theirs)


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.one_case
def test_rosenbrock_s_valley(name, x64):
    def rosenbrock(t):
        return 100 * (t["b"] - t["a"] ** 2) ** 2 + (1 - t["a"]) ** 2

    result = minimize(rosenbrock, {"a": -1.2, "b": 1.0}, SEARCHING[name], max_steps=300)
    assert result.status.converged
    assert not rises(result.history)
    # Float32 stops at J = ε² or so: (1 - a)² is below 100 (1 - a)² in the valley.
    np.testing.assert_allclose(result.params["a"], 1, atol=1e-8 if x64 else 1e-2)


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.one_case
def test_j_never_rises_on_xor(key, name):
    J = objective(two_two_one(), binary_cross_entropy, X, Y)
    for start in jax.random.split(key, 2):
        theta = two_two_one().init(key=start)
        result = minimize(J, theta, SEARCHING[name], max_steps=100)
        assert not rises(result.history)
        assert np.all(np.isfinite(result.history.value))
        assert result.value < result.history.value[0]


EDGES = {  # J, where to start, the minimum
    "log": (lambda t: t - jnp.log(t), 0.01, 1.0),
    "pole": (lambda t: 1 / t + t, 0.05, 1.0),
    "wall": (lambda t: jnp.where(t > 1, jnp.inf, (t - 0.5) ** 2), -3.0, 0.5),
    "kink": (lambda t: jnp.abs(t - 1) + 3, 5.0, 1.0),
}
edge = functools.partial(one_of, [J for J, _, _ in EDGES.values()])


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("which", EDGES)
@pytest.mark.one_case
def test_edges_poles_and_kinks(name, which):
    _, start, minimum = EDGES[which]
    J = jax.tree_util.Partial(edge, np.asarray([*EDGES].index(which)))
    result = minimize(J, start, SEARCHING[name], max_steps=300)
    assert result.status.converged
    assert np.all(np.isfinite(result.history.value))
    np.testing.assert_allclose(result.params, minimum, atol=2e-3)


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.one_case
def test_not_a_number_at_the_start(name):
    result = minimize(jnp.log, -1.0, SEARCHING[name])
    assert (result.status, result.steps) == (Status.NON_FINITE, 0)


@pytest.mark.parametrize("rule", [*SEARCHING.values(), barzilai_borwein(), newton()])
def test_bad_input_is_refused_before_anything_runs(rule):
    with pytest.raises(ValueError, match=r"fun must return one number, not \(2,\)"):
        minimize(lambda t: t, jnp.ones(2), rule)
    with pytest.raises(TypeError, match=r"params\['w'\] is of int"):
        minimize(lambda p: p["w"] ** 2, {"w": np.int32(1)}, rule)
    with pytest.raises(ValueError, match="params is an empty tree"):
        minimize(lambda p: 0.0, {}, rule)


def test_bfgs_refuses_complex_parameters():
    with pytest.raises(TypeError, match="complex"):
        minimize(lambda t: jnp.abs(t) ** 2, 1j, bfgs())


@pytest.mark.parametrize("name", SEARCHING)
def test_a_line_search_needs_j(name):
    rule = SEARCHING[name]
    with pytest.raises(ValueError, match="value_fn"):
        rule.update(jnp.ones(2), rule.init(jnp.ones(2)), jnp.ones(2))


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.one_case
def test_under_vmap_and_scan(name):
    J = lambda t: jnp.sum(jnp.cosh(t - jnp.arange(2.0)))  # noqa: E731
    rule = SEARCHING[name]

    @jax.jit
    @jax.vmap
    def run(theta):
        def step(carry, _):
            theta, state = carry
            value, slope = jax.value_and_grad(J)(theta)
            updates, state = rule.update(
                slope, state, theta, value=value, grad=slope, value_fn=J
            )
            return (optax.apply_updates(theta, updates), state), None

        return jax.lax.scan(step, (theta, rule.init(theta)), length=20)[0][0]

    starts = jnp.array([[3.0, -3.0], [0.0, 0.0], [-5.0, 6.0]])
    np.testing.assert_allclose(run(starts), [[0, 1]] * 3, atol=1e-3)


def test_lbfgs_with_memory_for_all_steps_goes_where_bfgs_goes():
    J, _, _ = quadratic(4)
    start = jnp.array([1.0, -2.0, 3.0, 0.5])
    long = minimize(J, start, lbfgs(memory_size=20), max_steps=40, gtol=1e-4)
    dense = minimize(J, start, bfgs(), max_steps=40, gtol=1e-4)
    np.testing.assert_allclose(long.params, dense.params, atol=1e-4)
    assert abs(long.steps - dense.steps) <= 4


def test_newton_cg_is_newton_where_h_is_positive():
    J, H, b = quadratic(6)
    theta = jnp.ones(6)
    rule = scale_by_newton_cg()
    # Near the minimum the equations are solved to √‖∇J‖: here to 1e-2.
    near = np.linalg.solve(H, b) + 1e-5
    slope = jax.jit(jax.grad(J))(jnp.asarray(near, theta.dtype))
    step = jax.jit(
        lambda theta: rule.update(slope, rule.init(theta), theta, value_fn=J)[0]
    )(theta)
    np.testing.assert_allclose(
        H @ np.asarray(step), slope, atol=2e-2 * np.linalg.norm(slope)
    )


def test_newton_cg_goes_down_where_h_is_negative():
    theta = jnp.array([0.3, 0.2])
    J = lambda t: -jnp.sum(t**2)  # noqa: E731
    slope = jax.grad(J)(theta)
    rule = scale_by_newton_cg()
    step, _ = rule.update(slope, rule.init(theta), theta, value_fn=J)
    # Down the slope, as far as if the curvature were 2, not -2.
    np.testing.assert_allclose(step, slope / 2, rtol=1e-6)


def test_newton_cg_never_makes_h():
    n = 200_000  # H would take 160 GB in float32
    J = lambda t: jnp.sum(jnp.cosh(t - 1))  # noqa: E731
    for rule in (newton_cg(), lbfgs()):
        result = minimize(J, jnp.zeros(n), rule, max_steps=20, gtol=1e-2)
        np.testing.assert_allclose(result.params, 1, atol=1e-3)
    with pytest.raises(ValueError, match="newton_cg or lbfgs"):
        minimize(J, jnp.zeros(n), bfgs())


def linear(theta):
    A = jnp.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]])
    return A @ theta - jnp.array([1.0, 0.0, 2.0])


def test_gauss_newton_on_linear_residuals_is_newton():
    J, theta = HalfSquare(linear), jnp.array([5.0, -3.0])

    @jax.jit
    def steps_from(theta):
        slope = jax.grad(J)(theta)
        return [
            rule.update(slope, rule.init(theta), theta, value_fn=J)[0]
            for rule in (gauss_newton(safeguard=False), newton(safeguard=False))
        ]

    steps = steps_from(theta)
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-4)
    A, y = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]]), np.array([1.0, 0.0, 2.0])
    np.testing.assert_allclose(theta + steps[0], np.linalg.lstsq(A, y)[0], rtol=1e-4)


@pytest.mark.parametrize("safeguard", [False, True])
@pytest.mark.one_case
def test_gauss_newton_of_too_few_residuals_takes_the_shortest_step(safeguard):
    result = least_squares(
        lambda t: (t[0] + 2 * t[1] - 5)[None],
        jnp.zeros(2),
        rule=gauss_newton(safeguard=safeguard),
        max_steps=3,
        gtol=1e-3,
    )
    np.testing.assert_allclose(result.params, [1, 2], rtol=1e-5)


def test_the_line_search_keeps_gauss_newton_from_overshooting():
    # r = arctan θ: the pure step diverges from beyond 1.39.
    r = lambda t: jnp.arctan(t)[None]  # noqa: E731
    pure = least_squares(r, 2.0, rule=gauss_newton(safeguard=False), max_steps=8)
    assert not abs(pure.params) < 2
    safe = least_squares(r, 2.0, rule=gauss_newton(), max_steps=50, gtol=1e-6)
    np.testing.assert_allclose(safe.params, 0, atol=1e-5)
    assert not rises(safe.history)


def test_the_secant_on_a_line_ends_in_one_step_after_the_first():
    result = minimize(lambda t: 3 * (t - 2) ** 2, 10.0, secant(0.01), max_steps=2)
    np.testing.assert_allclose(result.params, 2, rtol=1e-5)


@pytest.mark.precision("x64", reason="float32 has no room for an order")
def test_the_secant_s_order_is_the_golden_ratio():
    path = minimize(
        lambda t: jnp.exp(t) - 2 * t,
        1.2,
        secant(0.1),
        max_steps=6,
        keep_params=True,
    ).history.params
    error = np.log(np.abs(path - np.log(2)))
    # e(t+1) = C e(t) e(t-1), C = J‴/2J″ = ½, in logarithms, with log C known.
    np.testing.assert_allclose(
        error[4:6], error[3:5] + error[2:4] + np.log(0.5), rtol=0.05
    )


def test_without_the_safeguard_the_secant_finds_a_maximum():
    J = lambda t: jnp.cos(t)  # noqa: E731
    pure = minimize(J, 0.5, secant(0.1, safeguard=False), max_steps=30)
    np.testing.assert_allclose(pure.params, 0, atol=1e-3)
    safe = minimize(J, 0.5, secant(0.1), max_steps=60)
    np.testing.assert_allclose(safe.value, -1, rtol=1e-5)


def test_barzilai_and_borwein_by_hand():
    # From θ = (1, 1), J = ½(θ₁² + 4θ₂²), α = 0.1: s = -0.1 (1, 4), y = -0.1 (1, 16);
    # s·s = 0.17, s·y = 0.65, y·y = 2.57; θ(1) = (0.9, 0.6), ∇J = (0.9, 2.4).
    J = lambda t: (t[0] ** 2 + 4 * t[1] ** 2) / 2  # noqa: E731
    for variant, alpha in ((1, 0.17 / 0.65), (2, 0.65 / 2.57)):
        rule = barzilai_borwein(0.1, variant)
        result = minimize(J, jnp.ones(2), rule, max_steps=2)
        np.testing.assert_allclose(
            result.params, [0.9 - 0.9 * alpha, 0.6 - 2.4 * alpha], rtol=1e-5
        )


@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.one_case
def test_barzilai_and_borwein_solve_a_quadratic_faster_than_descent(variant):
    J, H, b = quadratic(8)
    result = minimize(J, jnp.zeros(8), barzilai_borwein(0.05, variant), gtol=1e-4)
    # Gradient descent with the best constant rate, error (9/11)^t, needs some 55.
    assert result.steps < 50
    np.testing.assert_allclose(result.params, np.linalg.solve(H, b), atol=1e-3)


def test_a_secant_without_a_difference_goes_on():
    result = minimize(lambda t: -2 * t, 0.0, secant(0.5), max_steps=3)
    np.testing.assert_allclose(result.params, 3.0)  # y = 0: α stays 0.5


def test_the_secant_is_of_one_parameter_in_any_tree():
    result = minimize(lambda p: 3 * (p["a"][0] - 2) ** 2, {"a": [10.0]}, secant(0.01))
    np.testing.assert_allclose(result.params["a"][0], 2, rtol=1e-5)
    with pytest.raises(ValueError, match=r"not for 2 .* barzilai_borwein and bfgs"):
        minimize(jnp.sum, jnp.ones(2), secant())


def test_the_secant_s_old_forms_warn_and_work():
    J, H, b = quadratic(3)
    with pytest.warns(DeprecationWarning, match=r"barzilai_borwein\(variant=2\)"):
        result = minimize(J, jnp.zeros(3), secant(0.05, form="short"), gtol=1e-4)
    np.testing.assert_allclose(result.params, np.linalg.solve(H, b), atol=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: secant(0.0), "learning_rate=0.0 must be > 0"),
        (lambda: secant(form="medium"), "form='medium' is unknown"),
        (lambda: barzilai_borwein(variant=3), "variant=3 must be 1 or 2"),
        (lambda: gauss_newton(-1.0, safeguard=False), "=-1.0 must be > 0"),
        (lambda: gauss_newton(0.1), "gauss_newton chooses .* pass safeguard=False"),
        (lambda: newton(0.1), "newton chooses .* pass safeguard=False"),
        (lambda: newton_cg(-1), "max_products=-1 must be ≥ 1"),
        (lambda: newton_cg(0), "max_products=0 must be ≥ 1"),
        (lambda: lbfgs(0), "memory_size=0 must be ≥ 1"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_counted_is_whole():
    with pytest.raises(TypeError, match="memory_size"):
        lbfgs(1.5)
    with pytest.raises(TypeError, match="max_products"):
        newton_cg(2.5)
