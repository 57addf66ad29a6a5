"""Derivatives of answers: with AᵀA for the Hessian, and of many parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nanonet
from nanonet.solve import implicit

T = np.linspace(0.0, 3.0, 12)
EXACT = 2.0 * np.exp(-0.9 * T)  # no residuals at the solution
FAR = EXACT + 0.3 * np.sin(5 * T)  # and large ones
MODES = pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev], ids=["fwd", "rev"])


def residuals(p, c, y):
    return p[0] * jnp.exp(-p[1] * c * T.astype(p.dtype)) - y.astype(p.dtype)


def solve(c, y, **options):
    run = nanonet.least_squares(residuals, jnp.ones(2), args=(c, y), **options)
    return run.params


def by_hand(p, c, y, free=(0, 1)):
    """-(AᵀA)⁻¹ ∂(Aᵀr)/∂c, in NumPy, of the parameters that are free."""
    (a, k), e = p, np.exp(-p[1] * c * T)
    r, dr = a * e - y, -a * k * T * e
    A = np.stack([e, -a * c * T * e], axis=1)[:, free]
    dA = np.stack([-k * T * e, -a * T * e + a * c * k * T**2 * e], axis=1)[:, free]
    slope = np.zeros(2)
    slope[list(free)] = -np.linalg.solve(A.T @ A, dA.T @ r + A.T @ dr)
    return slope


@MODES
@pytest.mark.one_case
def test_gauss_newton_is_exact_where_nothing_is_left(mode, x64):
    slopes = [
        mode(lambda c, way=way: solve(c, EXACT, derivatives=way))(1.0)
        for way in ("exact", "gauss_newton")
    ]
    np.testing.assert_allclose(*slopes, rtol=1e-6 if x64 else 1e-3, atol=1e-4)
    np.testing.assert_allclose(slopes[1], [0, -0.9], atol=1e-5 if x64 else 2e-3)


@MODES
@pytest.mark.one_case
def test_gauss_newton_by_hand(mode, x64):
    def slope(c):
        return mode(lambda c: solve(c, FAR, derivatives="gauss_newton"))(c)

    expected = by_hand(np.asarray(solve(1.2, FAR), float), 1.2, FAR)
    for derivative in (slope, jax.jit(slope)):
        np.testing.assert_allclose(
            derivative(1.2), expected, rtol=1e-6 if x64 else 1e-2
        )
    exact = mode(lambda c: solve(c, FAR))(1.2)
    assert np.max(np.abs(exact - expected)) > 1e-2  # the two are not the same


@MODES
@pytest.mark.precision("x64", reason="the digits of the inverse are not the point")
@pytest.mark.parametrize(
    ("bounds", "free"),
    [
        (([0.0, 0.0], [9.0, 0.5]), (0,)),
        (([3.5, 0.0], [9.0, 9.0]), (1,)),
        (([0.0, 0.0], [9.0, 9.0]), (0, 1)),
    ],
)
@pytest.mark.one_case
def test_gauss_newton_leaves_out_active_bounds(bounds, free, mode):
    bounds = tuple(map(jnp.array, bounds))

    def end(c):
        return solve(c, FAR, bounds=bounds, derivatives="gauss_newton")

    expected = by_hand(np.asarray(end(1.2)), 1.2, FAR, free)
    np.testing.assert_allclose(mode(end)(1.2), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@pytest.mark.precision("x64", reason="differences of differences need the digits")
def test_the_derivative_of_gauss_newton_s_derivative():
    """That of by_hand(x(c), c), x'(c) being by_hand as well."""

    def end(c):
        return solve(c, FAR, derivatives="gauss_newton")

    p, c, h = np.asarray(end(1.2)), 1.2, 1e-5
    along = by_hand(p, c, FAR)
    ahead, behind = (by_hand(p + s * along, c + s, FAR) for s in (h, -h))
    expected = (ahead - behind) / (2 * h)
    for nested in (jax.jacfwd(jax.jacfwd(end)), jax.jacrev(jax.jacrev(end))):
        np.testing.assert_allclose(nested(c), expected, rtol=1e-6)


def test_unknown_derivatives_are_refused():
    with pytest.raises(ValueError, match="derivatives='gauss-newton' is unknown"):
        solve(1.0, EXACT, derivatives="gauss-newton")


N = implicit.LARGEST_DENSE + 200
CURVATURE, TARGET = np.linspace(1.0, 4.0, N), np.cos(np.arange(N))


def ridge(w, l2):
    """Least where w = c b / (c + l2)."""
    c, b = (jnp.asarray(a, w.dtype) for a in (CURVATURE, TARGET))
    return jnp.sum(c * (w - b) ** 2 + l2 * w**2) / 2


def ridge_residuals(w, l2):
    c, b = (jnp.asarray(a, w.dtype) for a in (CURVATURE, TARGET))
    return jnp.concatenate([jnp.sqrt(c) * (w - b), jnp.sqrt(l2) * w])


@pytest.mark.slow
@MODES
def test_more_parameters_than_a_matrix_is_made_for(mode, x64):
    expected = -CURVATURE * TARGET / (CURVATURE + 0.5) ** 2

    def weights(l2):
        return nanonet.minimize(ridge, jnp.zeros(N), args=(l2,)).params

    def by_residuals(l2):
        return nanonet.least_squares(
            ridge_residuals,
            jnp.zeros(N),
            nanonet.lbfgs(),
            args=(l2,),
            gtol=1e-9 if x64 else 1e-4,
            derivatives="gauss_newton",
        ).params

    for end in (weights, by_residuals):
        slope = jax.jit(mode(end))(0.5)
        np.testing.assert_allclose(slope, expected, atol=1e-8 if x64 else 1e-4)


def test_many_equations_without_an_answer_give_no_number():
    """Conjugate gradients end somewhere: here where the last equation does not hold."""
    singular = jnp.ones(N).at[-1].set(0.0)
    for right, holds in ((singular, True), (jnp.ones(N), False)):
        found = implicit._solve_tangent(lambda x: singular * x, right)
        assert bool(jnp.all(jnp.isfinite(found))) == holds
