"""Where rules that choose their own steps end, and whether what they say of it is true.

What they say is held against the point itself: whether a step of gradient descent, of
any length, makes J smaller there.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nanonet._internal.static import jit
from nanonet.network.network import mlp
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.newton import gauss_newton, newton
from nanonet.rules.newton_cg import newton_cg
from nanonet.solve.least_squares import HalfSquare, least_squares
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

SEARCHING = {"bfgs": bfgs, "lbfgs": lbfgs, "newton_cg": newton_cg}
MINIMIZING = {**SEARCHING, "newton": newton}
ALL = {
    **MINIMIZING,
    "gauss_newton": gauss_newton,
    "levenberg_marquardt": levenberg_marquardt,
}

searching = pytest.mark.parametrize("make", SEARCHING.values(), ids=SEARCHING)
minimizing = pytest.mark.parametrize("make", MINIMIZING.values(), ids=MINIMIZING)


@jit
def fall(J, params):
    """How much of J one step of gradient descent takes off, whatever its length."""
    theta, unravel = jax.flatten_util.ravel_pytree(params)
    slope, _ = jax.flatten_util.ravel_pytree(jax.grad(J)(params))
    slope = slope / jnp.max(jnp.abs(slope))
    lengths = jnp.asarray(10.0 ** np.arange(-20, 20, 0.25), theta.dtype)
    values = jax.lax.map(lambda length: J(unravel(theta - length * slope)), lengths)
    least = jnp.min(jnp.where(jnp.isfinite(values), values, jnp.inf))
    return (J(params) - least) / jnp.abs(J(params))


def false(J, result):
    """Whether it says that J cannot be made smaller, and it can."""
    return result.status is Status.PRECISION and fall(J, result.params) > 1e-4


DATA = np.random.default_rng(0).normal(3, 2, 50)


def likelihood(p):
    """Minus the mean log-likelihood of a Gaussian of mean p₀ and deviation p₁."""
    return jnp.mean(jnp.log(p[1]) + (jnp.asarray(DATA) - p[0]) ** 2 / (2 * p[1] ** 2))


@minimizing
@pytest.mark.parametrize("start", [(0.0, 1000.0), (-20.0, 0.3), (5.0, 30.0)])
@pytest.mark.one_case
def test_a_likelihood_is_undefined_on_one_side(make, start, x64):
    result = minimize(likelihood, jnp.array(start), make(), max_steps=300)
    assert result.converged
    np.testing.assert_allclose(
        result.params, [DATA.mean(), DATA.std()], rtol=1e-5 if x64 else 2e-3
    )


def roots(t):
    return jnp.sum(jnp.sqrt(t))


def runaway(t):
    return -jnp.exp(-t[0]) + t[1] ** 2


LOG_STARTS = np.geomspace(0.01, 100, 41, dtype=np.float32)


@searching
@pytest.mark.precision("x32", reason="float32 is what is asked about")
@pytest.mark.one_case
def test_a_logarithm_has_no_least_value(make):
    """θ + αp all but cancels there; J is that of the point, however it is rounded."""
    for start in LOG_STARTS:
        result = minimize(jnp.log, jnp.float32(start), make(), max_steps=2000)
        assert not result.converged, start
        np.testing.assert_allclose(result.value, jnp.log(result.params), rtol=1e-4)


@searching
@pytest.mark.parametrize("J", [roots, runaway, lambda t: jnp.sum(jnp.log(t))])
@pytest.mark.one_case
def test_lower_points_on_the_way_to_nan_are_kept(make, J):
    start = jnp.array([1.0, 2.0])
    result = minimize(J, start, make(), max_steps=200)
    assert np.isfinite(result.value)
    assert result.value < min(J(start) - 0.3, 0.7 * J(start))
    assert not result.converged
    assert result.evaluations < 5000


@minimizing
@pytest.mark.one_case
def test_j_of_any_size(make, x64):
    for size in (1e-20, 1e150 if x64 else 1e20):
        J = jax.tree_util.Partial(lambda size, t: size * (t - 1) ** 2, size)
        result = minimize(J, 5.0, make(), gtol=0.0, max_steps=200)
        np.testing.assert_allclose(result.params, 1, rtol=1e-5)


@minimizing
@pytest.mark.one_case
def test_rosenbrock_s_valley_of_any_size(make, x64):
    def J(size, t):
        return size * (100 * (t[1] - t[0] ** 2) ** 2 + (1 - t[0]) ** 2)

    for size in (1e-10, 1e10):
        result = minimize(
            jax.tree_util.Partial(J, size), jnp.array([-1.2, 1.0]), make(), gtol=0.0
        )
        np.testing.assert_allclose(result.params, 1, atol=1e-6 if x64 else 2e-2)
        assert result.evaluations < 600


def test_small_residuals_are_made_smaller():
    result = least_squares(
        lambda t: 1e-4 * (t - 1.0), jnp.array([5.0]), rule=levenberg_marquardt()
    )
    np.testing.assert_allclose(result.params, 1, rtol=1e-6)


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@pytest.mark.one_case
def test_parameters_of_different_size(make):
    def r(t):
        return jnp.stack([1e10 * t[0] - 1, 1e-10 * t[1] - 1])

    start = jnp.array([0.0, 0.5])
    J = HalfSquare(r)
    result = minimize(J, start, make(), gtol=0.0, max_steps=100)
    assert result.value < 0.6 * J(start)
    assert not false(J, result)


X = np.linspace(-1, 1, 41)[:, None]
NET = mlp([1, 5, 1], "tanh", "identity")


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@pytest.mark.parametrize("sizes", [(1, 1), (1000, 1), (1, 1e4)], ids=str)
@pytest.mark.one_case
def test_a_sine_s_ends_are_what_they_are_called(make, sizes, key):
    J = objective(NET, half_squared_error, sizes[0] * X, sizes[1] * np.sin(3 * X))
    for start in jax.random.split(key, 3):
        result = minimize(J, NET.init(key=start), make(), gtol=0.0, max_steps=60)
        flat = result.gradient_norm <= np.finfo(result.value.dtype).eps ** (2 / 3)
        assert flat or result.value < 1e-7 or not false(J, result)


@searching
@pytest.mark.one_case
def test_a_direction_that_leads_up_is_not_taken_for_the_end(make):
    """Of two such rules, the second is given what the first has turned round."""
    J = jax.tree_util.Partial(lambda t: jnp.sum(jnp.cosh(t - 1)) + t[0] * t[1] / 4)
    result = minimize(J, jnp.array([3.0, -2.0]), optax.chain(make(), make()))
    assert result.status in (Status.GRADIENT, Status.PRECISION)
    assert fall(J, result.params) < 1e-5


@minimizing
@pytest.mark.one_case
def test_a_gradient_that_is_wrong_is_not_taken_for_the_end(make):
    @jax.custom_jvp
    def J(t):
        return jnp.sum((t - 1) ** 2)

    J.defjvp(lambda at, along: (J(*at), -2 * jnp.sum((at[0] - 1) * along[0])))
    result = minimize(J, jnp.array([3.0, 4.0]), make())
    assert result.status is Status.NO_DESCENT
    assert not result.converged
    assert "no lower J" in str(result.status)


@pytest.mark.parametrize("name", ["gauss_newton", "levenberg_marquardt"])
@pytest.mark.one_case
def test_a_jacobian_that_is_wrong_is_not_taken_for_the_end(name):
    def right(t):
        return jnp.concatenate([(t - 3) * jnp.array([1.0, 2.0]), t**2 / 5])

    @jax.custom_jvp
    def r(t):
        return right(t)

    r.defjvp(lambda at, along: (r(*at), -jax.jvp(right, at, along)[1]))
    result = least_squares(r, jnp.array([1.0, 5.0]), ALL[name](), max_steps=1000)
    assert result.status is Status.NO_DESCENT


@minimizing
@pytest.mark.one_case
def test_a_run_ends_where_rounding_hides_the_rest(make, x64):
    # J″ is 2 at the minimum, near -0.005, and 1 - x² is rounded to ε/2.
    J = lambda x: -jnp.log(1 - x**2) + x / 100  # noqa: E731
    result = minimize(J, 0.9, make(), gtol=0.0, max_steps=1000)
    np.testing.assert_allclose(result.params, -0.005, atol=1e-5 if x64 else 1e-3)
    assert result.evaluations < 300


@minimizing
@pytest.mark.one_case
def test_a_start_far_away_is_no_end(make, x64):
    start = 1e12 if x64 else 1e5
    result = minimize(lambda t: (t - 1) ** 2, start, make(), max_steps=100)
    np.testing.assert_allclose(result.params, 1, rtol=1e-5)


TRAINED = {
    "newton": newton,
    "newton_cg": newton_cg,
    "gauss_newton": gauss_newton,
    "levenberg_marquardt": levenberg_marquardt,
    "bfgs": bfgs,
    "lbfgs": lbfgs,
}


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
@pytest.mark.one_case
def test_some_parameters_are_trained_alone(make):
    def r(p):
        a, b = p["a"], p["b"]
        return jnp.stack([a[0] - 1, a[1] - 2, b * a[0] - 3, b - 1])

    # With b = 2, (a₀ - 1)² + (2 a₀ - 3)² is least at a₀ = 7/5.
    rule = optax.partition(
        {"train": make(), "freeze": optax.set_to_zero()}, {"a": "train", "b": "freeze"}
    )
    start = {"a": jnp.array([3.0, -1.0]), "b": jnp.array(2.0)}
    result = minimize(HalfSquare(r), start, rule, max_steps=50)
    np.testing.assert_allclose(result.params["a"], [1.4, 2], rtol=1e-3)
    assert result.params["b"] == 2


@pytest.mark.precision("x64", reason="structure, not digits")
def test_two_rules_train_two_parts():
    def J(p):
        return (p["a"] - 1) ** 2 + (p["a"] * p["b"] - 3) ** 2 + (p["b"] - 1) ** 2

    rule = optax.partition({"x": bfgs(), "y": newton()}, {"a": "x", "b": "y"})
    result = minimize(J, {"a": 3.0, "b": 2.0}, rule, max_steps=100)
    # a = b by symmetry, and (a - 1) + a (a² - 3) = 0.
    root = np.roots([1, 0, -2, -1]).real.max()
    np.testing.assert_allclose([*result.params.values()], root, rtol=1e-6)


@pytest.mark.parametrize("make", [lbfgs, newton_cg])
@pytest.mark.one_case
def test_complex_parameters_and_real_ones_beside_them(make):
    def J(p):
        return jnp.abs(p["z"] - (1 + 2j)) ** 2 + (p["x"] - jnp.real(p["z"])) ** 2

    start = {"z": jnp.asarray(0.3j), "x": jnp.asarray(4.0)}
    result = minimize(J, start, make(), max_steps=60)
    np.testing.assert_allclose(result.params["z"], 1 + 2j, rtol=1e-3)
    np.testing.assert_allclose(result.params["x"], 1, rtol=2e-3)
    assert result.params["x"].dtype == start["x"].dtype
