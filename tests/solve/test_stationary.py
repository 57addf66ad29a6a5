"""Minimum, maximum, saddle or degenerate, on functions whose kind is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from nanonet.rules.newton import newton
from nanonet.solve.minimize import minimize
from nanonet.solve.stationary import Kind, stationary_point


@pytest.mark.parametrize(
    ("J", "kind"),
    [
        (lambda t: jnp.sum(t**2), Kind.MINIMUM),
        (lambda t: 1e-6 * jnp.sum(t**2), Kind.MINIMUM),
        (lambda t: -jnp.sum(jnp.cosh(t)), Kind.MAXIMUM),
        (lambda t: t[0] ** 2 - t[1] ** 2 + t[2] ** 2, Kind.SADDLE),
        (lambda t: t[0] * t[1] + 0 * t[2], Kind.SADDLE),
        (lambda t: t[0] ** 2 + t[1] ** 4 + t[2] ** 2, Kind.DEGENERATE),
        (lambda t: -(t[0] ** 2) - t[1] ** 3, Kind.DEGENERATE),
        (lambda t: t[0] ** 3 - 3 * t[0] * t[1] ** 2, Kind.DEGENERATE),  # monkey saddle
        (lambda t: 0 * jnp.sum(t), Kind.DEGENERATE),
        (lambda t: jnp.sum(t), Kind.NOT_STATIONARY),
        (lambda t: jnp.sum(jnp.log(t)), Kind.NON_FINITE),
    ],
)
def test_kinds(J, kind):
    assert stationary_point(J, jnp.zeros(3)).kind is kind


def test_mazur_s_eigenvalues(x64):
    x, t = jnp.array([0.05, 0.10]), jnp.array([0.01, 0.99])

    def E(p):
        h = jnp.stack([p["h1"] @ x, p["h2"] @ x]) + 0.35
        h = 1 / (1 + jnp.exp(-h))
        o = jnp.stack([p["o1"] @ h, p["o2"] @ h]) + 0.60
        return jnp.sum((1 / (1 + jnp.exp(-o)) - t) ** 2) / 2

    start = {
        "h1": jnp.array([0.15, 0.20]),
        "h2": jnp.array([0.25, 0.30]),
        "o1": jnp.array([0.40, 0.45]),
        "o2": jnp.array([0.50, 0.55]),
    }
    found = stationary_point(E, start)
    assert found.kind is Kind.NOT_STATIONARY
    published = [-0.0250197, -0.0038809, 0, 0, 0, 4.1294e-4, 3.85865e-3, 0.0365459]
    np.testing.assert_allclose(found.eigenvalues, published, atol=1e-7)
    # Taken for stationary, it is a saddle, though three eigenvalues are 0.
    assert stationary_point(E, start, gtol=1.0).kind is Kind.SADDLE


def test_where_the_pure_and_the_safe_newton_end():
    J = lambda t: t[0] ** 4 / 4 - t[0] ** 2 / 2 + t[1] ** 2  # noqa: E731
    start = jnp.array([0.2, 1.0])
    pure = minimize(J, start, newton(safeguard=False), max_steps=50)
    assert stationary_point(J, pure.params).kind is Kind.SADDLE
    safe = minimize(J, start, newton())
    assert stationary_point(J, safe.params).kind is Kind.MINIMUM


def test_the_distance_is_newton_s_step():
    near = stationary_point(lambda t: 2 * (t - 1) ** 2, 1.5)
    np.testing.assert_allclose(near.distance, 0.5, rtol=1e-6)
    np.testing.assert_allclose(near.gradient_norm, 2.0, rtol=1e-6)
    assert near.kind is Kind.NOT_STATIONARY


@pytest.mark.precision("x32", reason="it is about less than that")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_so(dtype):
    found = stationary_point(lambda t: 2 * t[0] ** 2 - t[1] ** 2, jnp.zeros(2, dtype))
    assert found.kind is Kind.SADDLE
    assert found.eigenvalues.dtype == dtype
    np.testing.assert_array_equal(found.eigenvalues, [-2, 4])


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="fun must return one number"):
        stationary_point(lambda t: t, jnp.ones(2))
    with pytest.raises(TypeError, match="params is of int"):
        stationary_point(lambda t: jnp.sum(t), jnp.arange(2))
    with pytest.raises(ValueError, match="params is an empty tree"):
        stationary_point(lambda t: 0.0, {})
    with pytest.raises(ValueError, match="newton_cg or lbfgs"):
        stationary_point(lambda t: jnp.sum(t**2), jnp.ones(70_000))
