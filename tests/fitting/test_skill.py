"""A network beside a linear model and a constant; the linear models beside others'."""

import jax
import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import multivariate_normal, ttest_rel
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.preprocessing import StandardScaler

from nanonet.fitting.cross_validation import cross_validate
from nanonet.fitting.fit import fit
from nanonet.fitting.linear import logistic, ridge
from nanonet.fitting.skill import Skill, _paired_t
from nanonet.network.network import mlp

pytestmark = pytest.mark.precision("x64", reason="computes in float64 by itself")


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(x), y / np.std(y)


def iris():
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def test_the_penalty_of_ridge_is_that_of_the_largest_evidence():
    x, y = (of[:60] for of in diabetes())

    def covariance(logs):  # of y, with a flat prior for its mean
        alpha, beta = np.exp(logs)
        return 1e6 + x @ x.T / alpha + np.eye(len(x)) / beta

    def lost(logs):
        return -multivariate_normal(np.zeros(len(x)), covariance(logs)).logpdf(y)

    alpha, beta = np.exp(minimize(lost, [0.0, 0.0], method="Nelder-Mead").x)
    expected = Ridge(alpha / beta).fit(x, y).predict(x)
    found = ridge(x, y[:, None], np.ones(len(x)), x)[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert np.std(expected - LinearRegression().fit(x, y).predict(x)) > 0.1


def test_a_row_of_weight_2_of_the_linear_models_is_two_rows():
    x, y = (of[:60] for of in diabetes())
    twice, s = np.r_[np.arange(60), np.arange(20)], np.repeat([2.0, 1.0], [20, 40])
    found = ridge(x, y[:, None], s, x)
    expected = ridge(x[twice], y[twice, None], np.ones(80), x)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    x, y = iris()
    twice, s = np.r_[np.arange(150), np.arange(75)], np.repeat([2.0, 1.0], 75)
    found = logistic(x, np.eye(3)[y], s, x)
    expected = logistic(x[twice], np.eye(3)[y[twice]], np.ones(225), x)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_logistic_regression_is_scikit_learns_with_the_penalty_of_the_evidence():
    x, y = iris()
    found = logistic(x, np.eye(3)[y], np.ones(len(x)), x)

    def fitted(alpha):
        return LogisticRegression(C=1 / alpha, tol=1e-9, max_iter=10_000).fit(x, y)

    def excess(log_alpha):  # of γ / Σw² over α; the Hessian by differences
        alpha = np.exp(log_alpha)
        model, X = fitted(alpha), np.c_[x, np.ones(len(x))]
        theta = np.c_[model.coef_, model.intercept_].ravel()
        prior = alpha * np.tile([1, 1, 1, 1, 1e-6], 3)

        def slope(theta):
            e = np.exp(X @ theta.reshape(3, 5).T)
            p = e / e.sum(1, keepdims=True)
            return ((p - np.eye(3)[y]).T @ X).ravel() + prior * theta

        H = np.array([slope(theta + h) - slope(theta - h) for h in 1e-5 * np.eye(15)])
        known = 1 - alpha * np.diag(np.linalg.inv(H / 2e-5))
        return known[prior == alpha].sum() / np.sum(model.coef_**2) - alpha

    model = fitted(np.exp(brentq(excess, -4, 1, xtol=1e-3)))
    np.testing.assert_allclose(found, model.predict_proba(x), atol=0.003)
    assert abs(model.predict_proba(x) - np.eye(3)[y]).max() > 0.3


def test_columns_that_say_nothing_leave_logistic_regression_with_the_shares():
    rng = np.random.default_rng(0)
    x, y = np.zeros((40, 3)), rng.integers(0, 2, 40)
    found = logistic(x, np.eye(2)[y], np.ones(40), x)
    np.testing.assert_allclose(found[:, 1], y.mean(), atol=1e-5)
    with pytest.raises(ValueError, match="of 999 numbers on 2 classes is too large"):
        logistic(np.zeros((5, 999)), np.eye(2)[y[:5]], np.ones(5), np.zeros((5, 999)))


@pytest.fixture(scope="module")
def crossed():
    """Four folds of a curve that no line follows."""
    x = np.random.default_rng(0).uniform(-2, 2, (80, 1))
    y = 5 + np.sin(3 * x[:, 0]) + 0.05 * np.cos(50 * x[:, 0])
    network = mlp([1, 6, 1], "tanh", "identity")
    key = jax.random.key(0)
    return x, y, cross_validate(network, x, y, key=key, folds=4, starts=1)


def test_skill_is_of_the_same_rows_left_out(crossed):
    x, y, found = crossed
    (skill,) = found.skill
    line, constant = np.empty(80), np.empty(80)
    for train, _, test in found.splits:
        line[test] = LinearRegression().fit(x[train], y[train]).predict(x[test])
        constant[test] = y[train].mean()
    assert (skill.target, skill.rows, skill.measure) == ("y", 80, "RMSE")
    expected = root_mean_squared_error(y, found.prediction)
    assert skill.network == pytest.approx(expected, rel=1e-9)
    assert skill.linear == pytest.approx(root_mean_squared_error(y, line), rel=0.01)
    assert skill.baseline == pytest.approx(root_mean_squared_error(y, constant))
    t = ttest_rel((constant - y) ** 2, (found.prediction - y) ** 2).statistic
    assert skill.lead_over_baseline == pytest.approx(t)
    assert skill.verdict == "a network was needed"
    assert str(skill) in repr(found)


def test_skill_of_a_fit_is_of_its_test_rows_or_its_folds(crossed):
    x, y, whole = crossed
    fold = whole.fits[0]
    with pytest.raises(ValueError, match=r"no rows were held out: fit with test=0\.25"):
        _ = fold.skill
    network, key = mlp([1, 6, 1], "tanh", "identity"), jax.random.key(0)
    found = fit(network, x, y, key=key, folds=4, starts=1, max_steps=60)
    (skill,) = found.skill
    expected = np.sqrt(np.mean(found.folds.score**2))
    assert skill.network == pytest.approx(expected, rel=1e-9)
    assert (skill.rows, skill.verdict) == (80, "a network was needed")
    some = np.arange(0, 80, 4)
    found = fit(network, x, y, key=key, test=some, starts=1, max_steps=60)
    (skill,) = found.skill
    assert skill.rows == 20
    expected = root_mean_squared_error(y[some], found.predict(x[some]))
    assert skill.network == pytest.approx(expected, rel=1e-9)


def test_skill_of_classes():
    x, y = iris()
    names = np.array(["a", "b", "c"])[y]
    test = np.arange(0, 150, 3)
    network, key = mlp([4, 3], output="softmax"), jax.random.key(0)
    found = fit(network, x, names, key=key, test=test, starts=1)
    (skill,) = found.skill
    p = found.predict_probabilities(x[test])
    assert skill.measure == "accuracy"
    assert skill.losses[0] == pytest.approx(log_loss(names[test], p))
    assert skill.network == np.mean(found.predict(x[test]) == names[test])
    _, counts = np.unique(names[found.split.train], return_counts=True)
    usual = "abc"[np.argmax(counts)]
    assert skill.baseline == np.mean(names[test] == usual)
    # A network without hidden layer is logistic regression, its evidence the same.
    assert skill.losses[1] == pytest.approx(skill.losses[0], rel=0.05)
    assert skill.verdict == "a network was hardly needed"
    text = str(skill)
    assert text.startswith("On 50 rows it has not seen the network is right for ")
    assert text.endswith(": a network was hardly needed.")


@pytest.mark.parametrize(
    ("losses", "leads", "verdict"),
    [
        ((1.0, 2.0, 3.0), (2.5, 4.0), "a network was needed"),
        ((1.0, 1.2, 3.0), (1.0, 4.0), "the network may be better, but so few rows do "),
        ((1.0, 1.02, 3.0), (1.0, 4.0), "a network was hardly needed"),
        ((1.0, 1.02, 3.0), (4.0, 9.0), "a network was hardly needed"),
        ((1.0, 0.95, 3.0), (-4.0, 9.0), "a network was hardly needed"),
        ((1.0, 0.5, 3.0), (-3.0, 4.0), "the linear model is better"),
        ((1.0, 0.9, 1.1), (3.0, 1.5), "nothing was learnt that these rows bear out"),
        ((1.0, np.nan, 3.0), (np.nan, 4.0), "it has learnt something"),
    ],
)
def test_verdicts(losses, leads, verdict):
    scores = np.sqrt(losses)
    skill = Skill("y", 100, "RMSE", *scores, losses, *leads)
    assert skill.verdict.startswith(verdict)
    assert ("linear" in str(skill)) == bool(np.isfinite(losses[1]))


def test_a_constant_lead_is_beyond_chance_and_none_is_none():
    one, two = np.ones(4), np.full(4, 2.0)
    assert _paired_t(one, two) == np.inf
    assert _paired_t(one, one) == 0
    assert np.isnan(_paired_t(one[:1], two[:1]))
