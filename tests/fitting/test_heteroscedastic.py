"""Noise that depends on the inputs: rows count by it, and intervals are as wide."""

import jax
import numpy as np
import pandas as pd
import pytest
from helpers import ITS_OWN_PRECISION
from scipy.optimize import minimize
from scipy.stats import norm

from nanonet.fitting.cross_validation import cross_validate
from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.heteroscedastic import fitted_trend
from nanonet.fitting.more_rows import learning_curve
from nanonet.model.storage import load_model, save_model
from nanonet.model.uncertainty import predict_interval
from nanonet.network.network import mlp

pytestmark = ITS_OWN_PRECISION

KEY = jax.random.key(0)
LINE = mlp([1, 1], output="identity")
CURVE = mlp([1, 8, 1], "tanh", "identity")


def sigma_at(x):
    """From 0.1 to 1."""
    return 0.1 * 10 ** ((x + 2) / 4)


def wave(rows=300):
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, (rows, 1))
    return x, np.sin(2 * x[:, 0]) + sigma_at(x[:, 0]) * rng.normal(size=rows)


def covered(interval, x):
    """The probability of a new y within, in each third of the range, as it is."""
    middle, sigma = np.sin(2 * x[:, 0]), sigma_at(x[:, 0])
    ends = [(end - middle) / sigma for end in (interval.lower, interval.upper)]
    thirds = np.split(norm.cdf(ends[1]) - norm.cdf(ends[0]), 3)
    return [float(np.mean(third)) for third in thirds]


@pytest.fixture(scope="module")
def of_wave():
    return fit(CURVE, *wave(), key=KEY, starts=2, noise="heteroscedastic")


def test_coverage_is_level_where_the_noise_grows_tenfold(of_wave):
    new = np.linspace(-2, 2, 600)[:, None]
    of_thirds = covered(of_wave.predict_interval(new), new)
    np.testing.assert_allclose(of_thirds, 0.95, atol=0.04)
    starts = covered(of_wave.predict_interval(new, method="starts"), new)
    np.testing.assert_allclose(starts, 0.95, atol=0.06)
    ratio = of_wave.noise_at(new) / sigma_at(new[:, 0])
    assert 0.75 < ratio.min() < ratio.max() < 1.33
    usual = fit(CURVE, *wave(), key=KEY, starts=2)
    of_thirds = covered(usual.predict_interval(new), new)
    assert of_thirds[0] > 0.99
    assert of_thirds[2] < 0.88
    assert np.ptp(usual.noise_at(new)) == 0
    assert "Heteroscedastic: σ from 0.1" in repr(of_wave)
    weight, sigma = of_wave.heteroscedastic.weight, of_wave.heteroscedastic.sigma
    np.testing.assert_allclose(of_wave.noise_at(wave()[0]), sigma, rtol=1e-9)
    # 1/σ², of another fit than the last one, from which it hardly differs.
    np.testing.assert_allclose(weight * sigma**2, np.mean(weight * sigma**2), rtol=0.1)
    np.testing.assert_allclose(of_wave.own_weights, 1, rtol=1e-12)


def test_a_curve_that_a_constant_noise_would_hide_is_found():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 120)
    y = np.sin(2 * x) + sigma_at(x) * rng.normal(size=120)
    kinds, idle = rng.choice(list("abc"), 120), rng.normal(size=120)
    frame = pd.DataFrame({"x": x, "kind": kinds, "idle": idle, "y": y})
    usual = fit_table(frame, "y", starts=2, skip=False)
    assert usual.skill[0].verdict.startswith("nothing was learnt")
    found = fit_table(frame, "y", starts=2, noise="heteroscedastic")
    assert found.skill[0].verdict == "a network was needed"


def test_it_is_saved_with_the_model(of_wave, tmp_path):
    new = np.linspace(-3, 3, 7)[:, None]
    save_model(tmp_path / "m", of_wave.model)
    found = predict_interval(load_model(tmp_path / "m"), new, level=0.8)
    expected = of_wave.predict_interval(new, level=0.8)
    for pair in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_array_equal(*pair)
    width = found.upper - found.lower
    assert width[5] > 4 * width[1]


def test_of_a_line_it_is_scipys_of_maximum_likelihood():
    rng = np.random.default_rng(3)
    x = rng.normal(size=600)
    y = 1e3 * (2 + 3 * x + np.exp(0.7 * x - 0.3 * x**2) * rng.normal(size=600))

    def energy(theta):
        w, b, *trend = theta
        return -norm.logpdf(y / 1e3, b + w * x, np.exp(np.polyval(trend, x))).sum()

    best = minimize(energy, [3.0, 2, 0, 0, 0], tol=1e-9).x
    found = fit(LINE, x[:, None], y, key=KEY, starts=1, l2=0.0,
                noise="heteroscedastic")  # fmt: skip
    at = np.linspace(-2, 2, 9)
    sigma = 1e3 * np.exp(np.polyval(best[2:], at))
    # The trend has a penalty: it is less steep by less than its standard error, 0.09.
    np.testing.assert_allclose(found.noise_at(at[:, None]), sigma, rtol=0.05)
    w, b = best[:2] * 1e3
    # Its standard error is 60; least squares are twice as far off as that.
    np.testing.assert_allclose(found.predict([[0.0], [1.0]]), [b, b + w], atol=6)
    plain = np.polyfit(x, y, 1)
    assert abs(plain[0] - w) > 12
    ends = found.predict_interval(at[:, None], level=0.9)
    half = norm.ppf(0.95) * sigma
    np.testing.assert_allclose((ends.upper - ends.lower) / 2, half, rtol=0.05)


def test_the_trend_is_that_of_the_likelihood_and_rows_count():
    """Of squared errors that have a tenth of the rows' own weights twice."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(500, 2))
    squares = np.exp(1 + z[:, 0] - 0.5 * z[:, 1] ** 2) * rng.chisquare(1, 500)
    s = np.where(np.arange(500) < 50, 2.0, 1.0)

    def energy(theta):
        logs = theta[0] + z @ theta[1:3] + z**2 @ theta[3:]
        return np.sum(s * (logs + squares * np.exp(-logs))) / 2

    best = minimize(energy, np.zeros(5), tol=1e-9).x
    found = fitted_trend(z, squares, s)
    np.testing.assert_allclose(found[:5], best, atol=0.05)
    twice = np.r_[np.arange(500), np.arange(50)]
    again = fitted_trend(z[twice], squares[twice], np.ones(550))
    np.testing.assert_allclose(found, again, atol=1e-3)


def test_the_trend_is_true_on_average():
    rng, found = np.random.default_rng(0), []
    for _ in range(40):
        z = rng.normal(size=(300, 2))
        squares = np.exp(1 + z[:, 0] - 0.5 * z[:, 1] ** 2) * rng.chisquare(1, 300)
        found.append(fitted_trend(z, squares, np.ones(300))[:5])
    error = np.std(found, axis=0) / np.sqrt(40)
    off = np.mean(found, axis=0) - [1, 1, 0, 0, -0.5]
    assert np.max(np.abs(off)) < 0.07
    assert np.max(np.abs(off / error)) < 3.5


def test_rows_without_error_do_no_harm():
    x = np.linspace(-1, 1, 20)
    found = fit(LINE, x[:, None], 3 * x, key=KEY, starts=1, l2=0.0,
                noise="heteroscedastic")  # fmt: skip
    ends = found.predict_interval([[0.5]])
    np.testing.assert_allclose([ends.lower[0], ends.upper[0]], 1.5, rtol=1e-6)


def test_folds_have_intervals_of_their_own():
    x, y = wave()
    y += 2 * x[:, 0] - np.sin(2 * x[:, 0])
    found = cross_validate(LINE, x, y, key=KEY, folds=2, starts=1,
                           noise="heteroscedastic")  # fmt: skip
    usual = cross_validate(LINE, x, y, key=KEY, folds=2, starts=1)
    (sure,), (as_ever,) = found.certainty(), usual.certainty()
    assert 0.92 < sure.coverage < 0.98
    assert sure.crps < as_ever.crps
    # A learning curve ends in the same fits.
    curve = learning_curve(LINE, x, y, key=KEY, shares=[1], folds=2, starts=1,
                           noise="heteroscedastic")  # fmt: skip
    for errors, same in ((found.prediction - y, True), (usual.prediction - y, False)):
        folds = [np.sqrt(np.mean(errors[split.test] ** 2)) for split in found.splits]
        assert np.allclose(curve.network, folds, rtol=1e-6) == same


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": "hetero"}, "noise='hetero' is unknown"),
        ({"loss": "huber"}, "squared errors, which loss='huber' leaves"),
        ({"folds": 5}, "folds=5 with noise='heteroscedastic'"),
        ({"checkpoint": "c"}, "noise='heteroscedastic' is several runs"),
        ({"y": np.ones((300, 2))}, "is for one target, and y has 2"),
    ],
)
def test_what_it_is_not_for(arguments, message):
    x, y = wave()
    given = {"y": y, "noise": "heteroscedastic"} | arguments
    network = mlp([1, given["y"].size // 300], output="identity")
    with pytest.raises(ValueError, match=message):
        fit(network, x, key=KEY, **given)


def test_tables_it_is_not_for():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4] * 3, "kind": list("abca") * 3})
    with pytest.raises(ValueError, match="noise='heteroscedastic' is for numbers"):
        fit_table(frame, "kind", noise="heteroscedastic")
    with pytest.raises(ValueError, match="target_transform='auto' with noise='heter"):
        fit_table(frame, "a", noise="heteroscedastic", target_transform="auto")
