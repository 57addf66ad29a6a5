"""Networks whose outputs see the inputs directly: a linear model is in them."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from helpers import ITS_OWN_PRECISION
from scipy.optimize import minimize as scipy_minimize
from scipy.special import log_softmax

from nanonet.fitting.cross_validation import cross_validate
from nanonet.fitting.evidence import evidence
from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.fitted import Fit
from nanonet.fitting.linear import ridge
from nanonet.model.storage import load_model, save_model
from nanonet.model.uncertainty import predict_interval
from nanonet.network.layers import Layer
from nanonet.network.network import mlp
from nanonet.objectives.objective import objective

pytestmark = ITS_OWN_PRECISION

KEY = jax.random.key(0)
NETWORK = mlp([3, 4, 1], "tanh", "identity", skip=True)


def table(rows=50):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)) * [3.0, 0.2, 1.0] + [10.0, 0.0, -2.0]
    return x, x @ [0.5, -8.0, 1.0] + 4 + rng.normal(size=rows)


def standardized(x):
    return (x - x.mean(0)) / x.std(0)


@pytest.fixture(scope="module")
def line() -> Fit:
    return fit(NETWORK, *table(), key=KEY, starts=2)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_without_hidden_units_it_is_the_textbook_s_linear_model(l2):
    """Their weights held at 0 by λ; J = mean r² + ½ λ Σ s², of standardized columns."""
    x, y = table()
    found = fit(NETWORK, x, y, key=KEY, l2=(1e9, l2), starts=1, ftol=0.0, gtol=1e-12)
    z, n = standardized(x), len(x)
    s = np.linalg.solve(2 / n * z.T @ z + l2 * np.eye(3), 2 / n * z.T @ (y - y.mean()))
    np.testing.assert_allclose(found.predict(x), y.mean() + z @ s, atol=1e-7)
    np.testing.assert_allclose(found.params[-1].s[:, 0] * y.std(), s, atol=1e-7)
    if l2 == 0:
        X = np.column_stack([x, np.ones(n)])
        expected = X @ np.linalg.lstsq(X, y)[0]
        np.testing.assert_allclose(found.predict(x), expected, atol=1e-7)


def test_without_hidden_units_it_is_logistic_regression():
    x, y = table()
    classes = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    network = mlp([3, 4, 3], "tanh", "softmax", skip=True)
    found = fit(
        network, x, classes, key=KEY, l2=(1e9, 0.01), starts=1, ftol=0.0, gtol=1e-10
    )
    z = standardized(x)

    def logits(theta):
        return z @ theta[:9].reshape(3, 3) + theta[9:]

    def energy(theta):
        of_rows = log_softmax(logits(theta), axis=1)[np.arange(len(x)), classes]
        return -np.mean(of_rows) + 0.01 / 2 * np.sum(theta[:9] ** 2)

    expected = logits(scipy_minimize(energy, np.zeros(12), tol=1e-10).x)
    np.testing.assert_allclose(
        np.log(found.predict_probabilities(x)), log_softmax(expected, axis=1), atol=1e-4
    )


def test_evidence_shrinks_hidden_units_that_nothing_is_left_for(line):
    """Of a straight line it comes to ridge regression of the largest evidence."""
    x, y = table()
    hidden, skip = line.l2
    assert hidden > 100 * skip
    expected = ridge(standardized(x), y[:, None], np.ones(len(x)), standardized(x))
    np.testing.assert_allclose(line.predict(x), expected[:, 0], atol=0.01 * y.std())
    assert 3.5 < line.evidence.effective_parameters < 4.5
    np.testing.assert_array_equal(line.evidence.alpha.shape, (2,))


def test_every_other_start_is_a_network_without_skips():
    """As a network without has the same J, minimum and evidence at the same place."""
    x = np.linspace(-3, 3, 40)[:, None]
    y = 2 * x[:, 0] + np.sin(2 * x[:, 0]) + 0.1 * np.cos(31 * x[:, 0])
    found = fit(mlp([1, 3, 1], "tanh", "identity", skip=True), x, y, key=KEY)
    l2 = found.starts.l2
    np.testing.assert_array_equal(l2[:, 1] == 1e6, [False, True, False, True, False])
    assert len({*l2[::2, 0]}) == len({*l2[1::2, 0]}) == 1
    assert {*found.members} & {0, 2, 4}
    assert {*found.members} & {1, 3}
    z, target = standardized(x), standardized(y)[:, None]
    with jax.enable_x64(True):
        first, last = (jax.tree.map(lambda of: of[1], of) for of in found.starts.params)
        assert np.max(np.abs(last.s)) < 1e-6
        plain = jax.tree.map(jnp.asarray, (first, Layer(last.w, last.b)))
        weights = jnp.ones(len(x))
        network = mlp([1, 3, 1], "tanh", "identity")
        J = objective(network, x=z, y=target, l2=l2[1, 0], sample_weight=weights)
        slope = jax.grad(J)(plain)
        known, _ = jax.jit(evidence)(J, plain)
    assert max(np.max(np.abs(leaf)) for leaf in jax.tree.leaves(slope)) < 1e-4
    np.testing.assert_allclose(known.log_evidence, -found.starts.score[1], rtol=1e-4)


def test_each_fold_has_two_penalties():
    x, y = table()
    found = cross_validate(NETWORK, x, y, key=KEY, folds=2, starts=2)
    assert found.l2.shape == (2, 2)
    np.testing.assert_array_less(100 * found.l2[:, 1], found.l2[:, 0])
    assert np.corrcoef(found.prediction, y)[0, 1] > 0.9


@pytest.mark.parametrize("how", [{"starts": 3}, {"starts": 4, "l2": (0.1, 0.1)}])
def test_starts_with_skips_alone(how):
    """A few starts are of one kind; and so is each, whose penalty is given."""
    found = fit(NETWORK, *table(), key=KEY, **how)
    assert np.all(found.starts.l2 < 1e6)
    assert np.all(np.max(np.abs(found.starts.params[1].s), axis=1) > 0.1)


@pytest.mark.parametrize("known", [np.nan, 2.0])
def test_evidence_of_two_kinds_of_weights_is_the_density_of_y(known):
    """Of a linear model y ~ N(0, I/β + XXᵀ/α₂ + 11ᵀ/α₁), and MacKay's γ of its own."""
    x, y = table()
    z, y, l2 = standardized(x), (y - y.mean()) / y.std(), (0.7, 0.2)
    n = len(z)
    s = np.linalg.solve(2 / n * z.T @ z + l2[1] * np.eye(3), 2 / n * z.T @ y)
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.zeros_like, NETWORK.init(KEY))
        params = (params[0], params[1]._replace(s=jnp.asarray(s)[:, None]))
        weights = jnp.ones(n)
        J = objective(NETWORK, x=z, y=y[:, None], l2=l2, sample_weight=weights)
        found, (_, new) = jax.jit(evidence)(J, params, None, known)
    unit = 2 / n  # J = 2/n E_D + l2 E_W
    energy = np.sum((y - z @ s) ** 2) / 2 + l2[1] / unit * np.sum(s**2) / 2
    beta = n / 2 / energy if np.isnan(known) else known
    alpha = beta / unit * np.array(l2)
    np.testing.assert_allclose(found.beta, beta, rtol=1e-6)
    np.testing.assert_allclose(found.alpha, alpha, rtol=1e-6)
    covariance = np.eye(n) / beta + z @ z.T / alpha[1] + 1 / alpha[0]
    expected = scipy.stats.multivariate_normal.logpdf(y, np.zeros(n), covariance)
    np.testing.assert_allclose(found.log_evidence, expected, rtol=1e-5)
    d = np.linalg.eigvalsh(z.T @ z)
    gamma = np.sum(d / (d + l2[1] / unit))
    np.testing.assert_allclose(found.effective_parameters, gamma + 1, rtol=1e-4)
    noise = (n - gamma - 1) / np.sum((y - z @ s) ** 2)
    noise = noise if np.isnan(known) else known
    np.testing.assert_allclose(new, unit * gamma / np.sum(s**2) / noise, rtol=1e-4)


def test_what_no_line_can_tell_is_left_to_hidden_units():
    x = np.linspace(-3, 3, 60)[:, None]
    y = 2 * x[:, 0] + np.sin(2 * x[:, 0])
    found = fit(mlp([1, 5, 1], "tanh", "identity", skip=True), x, y, key=KEY, starts=2)
    assert np.max(np.abs(found.predict(x) - y)) < 0.05


def test_a_table_s_linear_part_is_saved_drawn_and_told(tmp_path):
    x, y = table(40)
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=y)
    found = fit_table(frame, "y", skip=True, hidden=3, starts=2, folds=2, test=0.25)
    assert "3-3-1, tanh and identity, and a linear part" in repr(found)
    assert ", of skips " in repr(found)
    save_model(tmp_path / "m", found.model)
    loaded = load_model(tmp_path / "m")
    for method in ("linearized", "cv+"):
        for is_, was in zip(
            jax.tree.leaves(predict_interval(loaded, frame, method=method)),
            jax.tree.leaves(found.predict_interval(frame, method=method)),
            strict=True,
        ):
            np.testing.assert_allclose(is_, was, rtol=1e-12)
    assert len(found.best.model.plot().texts) > 6
    # Hidden units that evidence has switched off are not in its equation.
    assert re.fullmatch(r"y = .*·a .*·b .*·c", str(found.equation()))
    line = fit_table(frame, "y", skip=True, hidden=0, starts=1)
    assert line.network == mlp([3, 1], "tanh", "identity")
    X, Y = x[line.split.train], y[line.split.train]
    z, n = standardized(X), len(X)
    curve = 2 / n * z.T @ z + line.l2 * np.eye(3)
    s = np.linalg.solve(curve, 2 / n * z.T @ (Y - Y.mean())) / X.std(0)
    np.testing.assert_allclose(line.predict(frame), Y.mean() + (x - X.mean(0)) @ s)


def test_where_it_rises_it_rises_by_the_skip_too():
    x, y = table()
    found = fit(
        NETWORK, x, y, key=KEY, starts=1, max_steps=60, monotone=[-1, 0, 0]
    )  # against the data
    assert np.all(found.derivatives(x)[:, 0, 0] <= 0)
    assert float(found.params[-1].s[0, 0]) == 0


@pytest.mark.parametrize(
    ("network", "l2", "message"),
    [
        (mlp([3, 1], output="identity"), (1.0, 2.0), "for a network with skip=True"),
        (NETWORK, (1.0, -2.0), "l2=-2.0 must be ≥ 0"),
        (NETWORK, (1.0, np.inf), "l2=inf must be finite"),
        (NETWORK, (1.0, 2.0, 3.0), "l2=.* must be one number, or two"),
    ],
)
def test_penalties_that_are_none(network, l2, message):
    with pytest.raises(ValueError, match=message):
        objective(network, None, *table(), l2=l2)
    if len(l2) == 2:
        with pytest.raises(ValueError, match=message):
            fit(network, *table(), key=KEY, l2=l2)
