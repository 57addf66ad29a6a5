"""Any function, many times: each problem ends where it would have ended alone."""

import subprocess
import sys
from pathlib import Path

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from helpers import count_compilations, with_devices

import nanonet
from nanonet.solve.result import Status

x64_only = pytest.mark.precision("x64")

T = np.linspace(0.1, 3.0, 12)
RNG = np.random.default_rng(3)
TRUTH = np.array([[2.0, 0.7, 0.1], [1.0, 1.5, 0.3], [3.0, 0.4, 0.0], [0.5, 2.5, 0.2]])


def decay(theta, t):
    return theta[..., :1] * np.exp(-theta[..., 1:2] * t) + theta[..., 2:]


COUNTS = decay(TRUTH, T) + 0.01 * RNG.normal(size=(4, 12))
START = np.array([1.0, 1.0, 0.0])


def residuals(theta, t, y):
    return theta[0] * jnp.exp(-theta[1] * t) + theta[2] - y


def test_each_decay_is_what_scipy_finds(x64):
    fits = nanonet.least_squares_many(
        residuals, START, args=(T, COUNTS), in_axes=(None, None, 0)
    )
    assert fits.params.dtype == fits.covariance.dtype == jnp.result_type(float)
    assert fits.converged.all()
    exact = dict(xtol=1e-15, ftol=1e-15, gtol=1e-15)
    for i, y in enumerate(COUNTS):
        best, covariance = scipy.optimize.curve_fit(
            lambda t, *p: decay(np.array(p), t), T, y, START, **exact
        )
        rtol = 1e-6 if x64 else 1e-2
        np.testing.assert_allclose(fits.params[i], best, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(
            fits.covariance[i], covariance, rtol=1e-4 if x64 else 0.05
        )
        square = np.sum((decay(best, T) - y) ** 2) / 2
        np.testing.assert_allclose(fits.value[i], square, rtol=1e-5)


@x64_only
def test_pixels_as_they_come():
    image = COUNTS.reshape(2, 2, 12)
    fits = nanonet.least_squares_many(
        residuals, START, args=(T, image), in_axes=(None, None, 0), shape=(2, 2)
    )
    flat = nanonet.least_squares_many(
        residuals, START, args=(T, COUNTS), in_axes=(None, None, 0)
    )
    assert fits.params.shape == (2, 2, 3)
    assert fits.covariance.shape == (2, 2, 3, 3)
    np.testing.assert_array_equal(fits.params.reshape(4, 3), flat.params)
    # The pixels last, as some cameras have them.
    last = np.moveaxis(image, -1, 0)
    turned = nanonet.least_squares_many(
        residuals, START, args=(T, last), in_axes=(None, None, 1), shape=(2, 2)
    )
    np.testing.assert_array_equal(turned.params, fits.params)
    best = fits.best(2)
    assert best.params.shape == (2, 3)
    assert best.value.tolist() == sorted(fits.value.ravel())[:2]


def poisson(theta, x, y):
    """Minus the logarithm of the likelihood, but for a constant."""
    eta = theta["a"] + theta["b"] * x
    return jnp.mean(jnp.exp(eta) - y * eta)


@pytest.mark.slow
@x64_only
@pytest.mark.parametrize("rule", [None, nanonet.newton(), nanonet.lbfgs()])
def test_each_likelihood_as_minimize_has_it(rule):
    x, y = np.linspace(-1, 1, 9), RNG.poisson(3.0, (3, 9)).astype(float)
    starts = {"a": np.zeros(3), "b": np.array([0.0, 0.5, -0.5])}
    how = dict(rule=rule, max_steps=40, gtol=1e-8)
    fits = nanonet.minimize_many(
        poisson, starts, args=(x, y), in_axes=(0, None, 0), **how
    )
    for i in range(3):
        start = {name: leaf[i] for name, leaf in starts.items()}
        one = nanonet.minimize(poisson, start, args=(x, y[i]), **how)
        assert (fits.status[i], fits.steps[i]) == (one.status, one.steps)
        np.testing.assert_allclose(fits.value[i], one.value, rtol=1e-12)
        np.testing.assert_allclose(fits.params["b"][i], one.params["b"], atol=1e-7)


@x64_only
@pytest.mark.parametrize(
    "limit", [dict(xtol=1e-3), dict(ftol=1e-4), dict(goal=0.01), dict(gtol=1e-2)]
)
@pytest.mark.one_case
def test_each_stops_as_in_minimize(limit):
    def J(theta, c):
        return 0.005 + jnp.sum(c * theta**4) + jnp.sum(theta**2)

    c, starts = np.array([0.1, 1.0, 10.0]), np.ones((3, 2))
    how = dict(rule=nanonet.gradient_descent(0.02), max_steps=500) | limit
    fits = nanonet.minimize_many(J, starts, args=(c,), **how)
    for i in range(3):
        one = nanonet.minimize(J, starts[i], args=(c[i],), **how)
        assert (fits.status[i], fits.steps[i]) == (one.status, one.steps)
    assert len(set(fits.steps.tolist())) == 3


@pytest.mark.slow
@x64_only
def test_within_bounds_of_each_and_of_all():
    upper = np.array([1.0, 1.0, 2.0, 2.0])
    bounds = (np.zeros(3), np.stack([np.full(4, 9.0), upper, np.ones(4)], axis=1))
    fits = nanonet.least_squares_many(
        residuals, START, args=(T, COUNTS), in_axes=(None, None, 0), bounds=bounds
    )
    for i, y in enumerate(COUNTS):
        box = (np.zeros(3) - 1e-300, [9.0, upper[i], 1.0])
        found = scipy.optimize.least_squares(
            lambda p, y=y: decay(p, T) - y, [0.9, 0.9, 0.1], bounds=box, xtol=1e-15
        )
        np.testing.assert_allclose(fits.params[i], found.x, atol=1e-5)
        held = (fits.params[i] == 0) | (fits.params[i] == bounds[1][i])
        expected = nanonet.covariance(
            residuals,
            fits.params[i],
            args=(T, y),
            bounds=(bounds[0], bounds[1][i]),
        )
        np.testing.assert_allclose(fits.covariance[i], expected, rtol=1e-7, atol=1e-20)
        assert (np.diag(fits.covariance[i])[held] == 0).all()
    assert fits.params[1, 1] == 1.0


@x64_only
def test_what_data_do_not_determine_is_infinitely_unsure():
    def line(theta, x, y):
        return theta[0] + theta[1] * x - y

    x = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    fits = nanonet.least_squares_many(
        line, np.zeros(2), args=(x, x**2 + 0.1), in_axes=(None, 0, 0)
    )
    assert np.isfinite(fits.covariance[0]).all()
    assert np.isinf(fits.covariance[1]).all()
    short = nanonet.least_squares_many(
        line, np.zeros(2), args=(x[:, :2], x[:, :2]), in_axes=(None, 0, 0)
    )
    assert np.isinf(short.covariance).all()


@x64_only
def test_one_diverges_alone():
    def J(theta, scale):
        return jnp.log(theta) * scale + theta

    fits = nanonet.minimize_many(
        J,
        np.ones(3),
        nanonet.gradient_descent(jnp.array([0.1, 3.0, 0.1])),
        args=(-1.0,),
        max_steps=300,
    )
    np.testing.assert_allclose(fits.params[[0, 2]], 1.0, rtol=1e-6)
    assert fits.status[[0, 2]].tolist() == [Status.GRADIENT] * 2


@x64_only
def test_new_numbers_of_the_same_shape_compile_nothing():
    def run(scale, rate, steps, gtol):
        nanonet.minimize_many(
            residuals_squared,
            np.tile(START, (4, 1)) * scale,
            nanonet.adam(rate),
            args=(T * scale, COUNTS * scale),
            in_axes=(0, None, 0),
            max_steps=steps,
            gtol=gtol,
        )

    run(1.0, 0.1, 3, 1e-3)
    with count_compilations() as compiled:
        run(2.0, 0.2, 5, 1e-4)
    assert compiled == []


def residuals_squared(theta, t, y):
    return jnp.sum(residuals(theta, t, y) ** 2)


@x64_only
def test_whole_numbers_and_trees_among_the_arguments():
    def J(theta, data, power):
        return jnp.sum((theta - data["y"]) ** 2) * data["weight"] + power * 0.0

    data = {"y": np.arange(6).reshape(3, 2), "weight": 2.0}
    fits = nanonet.minimize_many(J, np.zeros((3, 2)), args=(data, 2))
    np.testing.assert_allclose(fits.params, data["y"], atol=1e-9)
    by_tree = nanonet.minimize_many(
        J,
        np.zeros((3, 2)),
        args=({"y": data["y"].T, "weight": np.array(2.0)}, 2),
        in_axes=(0, {"y": 1, "weight": None}, None),
    )
    np.testing.assert_array_equal(by_tree.params, fits.params)


BAD = {
    "axes": (dict(in_axes=(None, None)), ValueError, "in_axes=.* is not like"),
    "no axis": (dict(in_axes=(None, None, 0.5)), TypeError, "in_axes has 0.5"),
    "nothing own": (dict(in_axes=None), ValueError, r"shape=\(N,\)"),
    "lengths": (dict(in_axes=0), ValueError, r"args\[0\] has shape \(12,\).* of 3"),
    "none": (dict(shape=(0,)), ValueError, "no problems"),
    "shape": (dict(shape=(2, 3)), ValueError, r"args\[1\] has shape \(4, 12\).*2 x 3"),
    "beyond": (dict(in_axes=(None, None, 5)), ValueError, "no axis 5"),
    "rule": (dict(rule="adam"), TypeError, "rule"),
    "steps": (dict(max_steps=-1), ValueError, "max_steps"),
    "gtol": (dict(gtol=-1.0), ValueError, "gtol"),
    "bounds": (dict(bounds=(np.ones((5, 3)), None)), ValueError, "not like params"),
    "params": (dict(params=np.array([1, 2, 3])), TypeError, "int64"),
    "mesh": (
        dict(mesh=jax.sharding.Mesh(np.array(jax.devices()[:1])[None], ("a", "b"))),
        ValueError,
        "mesh has the axes",
    ),
}


@x64_only
@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    how, error, match = BAD[name]
    given = dict(params=START, args=(T, COUNTS), in_axes=(None, None, 0)) | how
    with pytest.raises(error, match=match):
        nanonet.least_squares_many(residuals, **given)


@x64_only
def test_what_is_no_number_and_what_is_traced():
    with pytest.raises(ValueError, match="must return one number"):
        nanonet.minimize_many(lambda p: jnp.stack([p, p]), np.ones(3))

    def inside(a):
        return nanonet.minimize_many(lambda p: a * p**2, np.ones(3)).value

    with pytest.raises(TypeError, match="cannot run inside"):
        jax.jit(inside)(2.0)
    with pytest.raises(TypeError, match="cannot run inside"):
        jax.jit(lambda p: nanonet.minimize_many(lambda p: p**2, p).value)(np.ones(3))


CALLS = """
import nanonet, numpy as np
from helpers import count_compilations
J = lambda p: p**2
for _ in range(2):
    with count_compilations() as compiled:
        nanonet.minimize_many(J, np.ones(2), max_steps=1)
print(compiled)
"""


@pytest.mark.precision("x32")
def test_the_second_call_of_a_process_compiles_nothing():
    """What the first one imports makes jax 0.12 compile anew what came before."""
    run = subprocess.run(
        [sys.executable, "-c", CALLS],
        env=with_devices(1),
        cwd=Path(helpers.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[]\n"


@pytest.mark.precision("x32", reason="it is not about digits")
def test_a_wrong_derivative_is_not_called_the_end_of_the_precision():
    @jax.custom_jvp
    def J(t):
        return jnp.sum((t - 1) ** 2) + 1

    J.defjvp(lambda at, along: (J(*at), -jnp.sum(2 * (at[0] - 1) * along[0])))
    starts = np.linspace(2, 9, 20, dtype=np.float32)[:, None]
    found = nanonet.minimize_many(J, starts, nanonet.newton(), max_steps=200)
    np.testing.assert_array_equal(found.status, Status.NO_DESCENT)
