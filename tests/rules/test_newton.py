"""Newton's method for minima: identities, published minima, saddles, and edges."""

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

from nanonet.network.network import two_two_one
from nanonet.objectives.losses import binary_cross_entropy, half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.newton import newton
from nanonet.rules.newton_cg import newton_cg
from nanonet.solve.least_squares import HalfSquare
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status


def quadratic(theta):
    """½ θᵀAθ - bᵀθ with A = [[4, 1], [1, 3]], b = [1, 2]; minimum at [1/11, 7/11]."""
    a, b = theta["a"], theta["b"]
    return 2 * a**2 + a * b + 1.5 * b**2 - a - 2 * b


def mazur(w):
    """E of Mazur's example, biases held fixed."""
    x, t = jnp.array([0.05, 0.10]), jnp.array([0.01, 0.99])
    h = jax.nn.sigmoid(jnp.stack([w[0:2] @ x, w[2:4] @ x]) + 0.35)
    o = jax.nn.sigmoid(jnp.stack([w[4:6] @ h, w[6:8] @ h]) + 0.60)
    return jnp.sum((o - t) ** 2) / 2


MAZUR = [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55]


def rises(history):
    rounding = 64 * np.finfo(history.value.dtype).eps
    return np.any(np.diff(history.value) > rounding * np.abs(history.value[:-1]))


@pytest.mark.parametrize("rule", [newton(safeguard=False), newton(radius=10.0)])
@pytest.mark.one_case
def test_one_step_solves_a_quadratic(rule):
    result = minimize(quadratic, {"a": 3.0, "b": -2.0}, rule, max_steps=1)
    np.testing.assert_allclose(result.params["a"], 1 / 11, rtol=1e-5)
    np.testing.assert_allclose(result.params["b"], 7 / 11, rtol=1e-5)


def test_a_short_radius_bounds_the_step_and_grows():
    start = {"a": 30.0, "b": -20.0}
    result = minimize(quadratic, start, newton(radius=1.0), keep_params=True)
    path = np.stack(jax.tree.leaves(result.history.params), 1)
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    # Doubled after each step that was predicted well, as a quadratic is.
    np.testing.assert_allclose(lengths[:5], [1, 2, 4, 8, 16], rtol=1e-4)
    assert result.status.converged
    np.testing.assert_allclose(result.params["b"], 7 / 11, rtol=1e-4)


def test_a_step_on_the_boundary_is_the_best_of_its_length():
    H = np.diag([4.0, 1.0, -2.0])
    slope = np.array([1.0, -2.0, 0.5])
    J = jax.tree_util.Partial(lambda H, g, t: g @ t + t @ (H @ t) / 2, H, slope)
    rule, theta = newton(radius=0.7), jnp.zeros(3)
    step = jax.jit(
        lambda theta: rule.update(theta, rule.init(theta), theta, value_fn=J)[0]
    )(theta)
    step = np.asarray(step)
    np.testing.assert_allclose(np.linalg.norm(step), 0.7, rtol=1e-5)
    directions = np.random.default_rng(0).normal(size=(20_000, 3))
    on_sphere = 0.7 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    best = np.min(on_sphere @ slope + np.sum(on_sphere @ H * on_sphere, 1) / 2)
    found = float(slope @ step + step @ H @ step / 2)
    # Twenty thousand points on a sphere lie about 1/100 apart: quadratically close.
    assert found <= best + 1e-6
    np.testing.assert_allclose(found, best, rtol=1e-3)


def test_the_pure_step_in_one_dimension_is_j_prime_over_j_double_prime():
    theta = jnp.array(2.0)
    J = lambda t: jnp.cosh(t) + t  # noqa: E731
    rule = newton(safeguard=False)
    step, _ = rule.update(jax.grad(J)(theta), rule.init(theta), theta, value_fn=J)
    np.testing.assert_allclose(step, -(np.sinh(2) + 1) / np.cosh(2), rtol=1e-6)


@pytest.mark.precision("x64", reason="float32 has room for one quadratic step")
def test_quadratic_convergence():
    J = lambda t: jnp.exp(t) - 2 * t  # noqa: E731
    rule = newton(safeguard=False)
    path = minimize(J, 1.0, rule, max_steps=4, keep_params=True).history.params
    error = np.abs(path - np.log(2))
    # e(t+1) → ½ |J‴/J″| e(t)² = e(t)²/2
    np.testing.assert_allclose(error[1:4] / error[:3] ** 2, 0.5, rtol=0.1)


def test_the_pure_step_finds_any_stationary_point_the_safeguard_only_minima():
    def J(t):
        return t[0] ** 4 / 4 - t[0] ** 2 / 2 + t[1] ** 2

    start = jnp.array([0.2, 1.0])
    pure = minimize(J, start, newton(safeguard=False), max_steps=50)
    np.testing.assert_allclose(pure.params, [0, 0], atol=1e-3)  # the saddle
    safe = minimize(J, start, newton())
    np.testing.assert_allclose(safe.params, [1, 0], atol=1e-3)
    np.testing.assert_allclose(safe.value, -0.25, rtol=1e-5)


def test_it_leaves_a_saddle_along_which_the_slope_is_zero():
    """The hard case: ∇J has no part along the negative eigenvector."""
    result = minimize(
        lambda t: t[0] ** 2 - t[1] ** 2 + t[1] ** 4 / 4, jnp.array([1.0, 0.0]), newton()
    )
    np.testing.assert_allclose(np.abs(result.params), [0, np.sqrt(2)], atol=1e-3)
    assert not rises(result.history)


def test_mazur_s_start_is_singular_and_indefinite():
    # Eigenvalues -0.025, -0.0039, 0, 0, 0, 4.1e-4, 3.9e-3, 0.037.
    start = jnp.array(MAZUR)
    pure = minimize(mazur, start, newton(safeguard=False), max_steps=5)
    assert np.all(np.isfinite(pure.params))
    assert np.isfinite(pure.value)
    safe = minimize(mazur, start, newton(), max_steps=200)
    assert not rises(safe.history)
    assert np.all(np.isfinite(safe.history.value))
    assert safe.value < 1e-6  # ten thousand steps of descent reach 3.5e-5


@pytest.mark.parametrize(
    ("loss", "x64"),
    [
        (half_squared_error, True),
        (binary_cross_entropy, False),
        pytest.param(half_squared_error, False, marks=pytest.mark.slow),
        pytest.param(binary_cross_entropy, True, marks=pytest.mark.slow),
    ],
    indirect=["x64"],
)
def test_j_never_rises_on_xor(key, loss):
    J = objective(two_two_one(), loss, X, Y)
    for start in jax.random.split(key, 3):
        result = minimize(J, two_two_one().init(key=start), newton(), max_steps=150)
        assert not rises(result.history)
        assert np.all(np.isfinite(result.history.value))
        assert result.value < result.history.value[0]


EDGES = {  # J, where to start, the minimum
    "log near": (lambda t: t - jnp.log(t), 1e-4, 1.0),
    "log far": (lambda t: t - jnp.log(t), 50.0, 1.0),
    "pole": (lambda t: 1 / t + t, 0.01, 1.0),  # with -t a pole away from -∞
    "arctan": (lambda t: t * jnp.arctan(t) - jnp.log(1 + t**2) / 2, 30.0, 0.0),
    "wall": (lambda t: jnp.where(t > 1, jnp.inf, (t - 0.5) ** 2), -3.0, 0.5),
    "flat": (lambda t: t**4, 2.0, 0.0),  # H vanishes at the minimum
}
edge = functools.partial(one_of, [J for J, _, _ in EDGES.values()])


@pytest.mark.parametrize("which", EDGES)
@pytest.mark.one_case
def test_edges_poles_and_flat_minima(which):
    _, start, minimum = EDGES[which]
    J = jax.tree_util.Partial(edge, np.asarray([*EDGES].index(which)))
    result = minimize(J, start, newton(), max_steps=200)
    assert result.status.converged
    assert np.all(np.isfinite(result.history.value))
    assert not rises(result.history)
    np.testing.assert_allclose(result.params, minimum, atol=2e-2)


def test_a_hessian_that_is_not_finite_makes_it_descend():
    result = minimize(lambda t: jnp.abs(t) ** 1.5 + (t - 1) ** 2, 0.0, newton())
    assert result.status.converged
    # 1.5 √θ + 2 (θ - 1) = 0 where √θ = (-1.5 + √18.25) / 4
    np.testing.assert_allclose(
        result.params, ((np.sqrt(18.25) - 1.5) / 4) ** 2, rtol=1e-4
    )


def test_a_valley_without_end_and_a_function_without_minimum():
    valley = minimize(lambda t: (t[0] - 1) ** 2 + 0 * t[1], jnp.zeros(2), newton())
    assert valley.status.converged
    np.testing.assert_allclose(valley.params, [1, 0], atol=1e-6)
    slope = minimize(lambda t: -t, 0.0, newton(), max_steps=20)
    assert slope.status is Status.STEP_LIMIT
    assert slope.value == -slope.params


def test_not_a_number_at_the_start():
    result = minimize(jnp.log, -1.0, newton())
    assert (result.status, result.steps) == (Status.NON_FINITE, 0)


@pytest.mark.precision("x64", reason="the published digits are of float64")
@pytest.mark.parametrize(
    "problems",
    [MGH[1::14], pytest.param(MGH[1::7], marks=pytest.mark.slow)],
    ids=["some", "more"],
)
def test_mgh_published_minima(problems):
    solved = []
    for problem in problems:
        result = minimize(
            HalfSquare(problem.residuals),
            problem.start,
            newton(),
            max_steps=1000,
            gtol=1e-8,
            xtol=1e-8,
        )
        solved.append(
            any(
                np.isclose(2 * result.value, minimum, rtol=1e-4, atol=1e-10)
                for minimum in problem.minima
            )
        )
    assert sum(solved) >= len(solved) - 1


def test_what_a_chain_does_to_the_step_is_seen():
    rule = optax.chain(newton(radius=100.0), optax.scale(0.5))
    result = minimize(quadratic, {"a": 3.0, "b": -2.0}, rule, max_steps=4, gtol=0)
    # Half of Newton's step halves the distance.
    np.testing.assert_allclose(
        result.params["a"], 1 / 11 + (3 - 1 / 11) / 16, rtol=1e-5
    )
    np.testing.assert_allclose(result.value, quadratic(result.params), rtol=1e-6)


def test_injected_learning_rate():
    rule = optax.inject_hyperparams(newton, static_args=["safeguard"])(
        learning_rate=0.5, safeguard=False
    )
    result = minimize(quadratic, {"a": 3.0, "b": -2.0}, rule, max_steps=1)
    np.testing.assert_allclose(result.params["a"], (3 + 1 / 11) / 2, rtol=1e-5)


def test_under_vmap_and_scan():
    J = lambda t: jnp.sum(jnp.cosh(t - jnp.arange(2.0)))  # noqa: E731
    rule = newton()

    @jax.jit
    @jax.vmap
    def run(theta):
        def step(carry, _):
            theta, state = carry
            updates, state = rule.update(theta, state, theta, value_fn=J)
            return (optax.apply_updates(theta, updates), state), None

        return jax.lax.scan(step, (theta, rule.init(theta)), length=15)[0][0]

    starts = jnp.array([[3.0, -3.0], [0.0, 0.0], [-5.0, 6.0]])
    np.testing.assert_allclose(run(starts), [[0, 1]] * 3, atol=1e-5)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"radius=0.0 must be > 0"):
        newton(radius=0.0)
    with pytest.raises(ValueError, match="newton needs the parameters and value_fn"):
        newton().update(jnp.ones(2), newton().init(jnp.ones(2)), jnp.ones(2))
    with pytest.raises(ValueError, match=r"70,000 numbers.*(39.2|19.6) GB"):
        minimize(lambda t: jnp.sum(t**2), jnp.ones(70_000), newton())
    with pytest.raises(TypeError, match="complex"):
        minimize(lambda t: jnp.abs(t) ** 2, 1j, newton())


@pytest.mark.parametrize("rule", [newton(), newton(safeguard=False), newton_cg()])
def test_half_precision_is_refused_where_equations_are_solved(rule):
    theta = {"w": jnp.ones(2, jnp.float16)}
    with pytest.raises(TypeError, match=r"params\['w'\] is of float16.*use float32"):
        rule.update(theta, rule.init(theta), theta, value_fn=lambda t: jnp.sum(t["w"]))
