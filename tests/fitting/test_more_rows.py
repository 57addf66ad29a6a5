"""The learning curve, against fits of the same rows one by one."""

import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from nanonet.fitting.more_rows import learning_curve
from nanonet.network.network import mlp

pytestmark = pytest.mark.precision("x64", reason="computes in float64 by itself")


def test_errors_fall_with_the_number_of_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 12))
    y = x @ rng.normal(size=12) + rng.normal(size=120)
    network = mlp([12, 1], output="identity")
    found = learning_curve(
        *(network, x, y), key=jax.random.key(0), shares=(1, 0.2), folds=4, starts=1
    )
    assert found.rows.tolist() == [18, 90]
    assert found.measure == "RMSE"
    few, many = found.network.mean(1)
    # Of the noise 1; of p parameters by least squares √(1 + p / (N - p - 1)).
    assert many == pytest.approx(np.sqrt(1 + 13 / 76), abs=0.15)
    assert few > many + 0.2
    assert found.train.mean(1)[0] < 1 < few
    # A network without hidden layers is the linear model.
    np.testing.assert_allclose(found.network, found.linear, rtol=0.02)
    assert repr(found).startswith("LearningCurve: RMSE ")


def test_of_classes_it_is_the_log_loss():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(90, 2))
    y = np.where(x[:, 0] + rng.logistic(size=90) > 0, "yes", "no")
    network = mlp([2, 2], output="softmax")
    found = learning_curve(
        *(network, x, y), key=jax.random.key(0), shares=[1], folds=3, starts=1
    )
    assert (found.rows.tolist(), found.measure) == ([60], "log-loss")
    expected = log_loss(y, LogisticRegression().fit(x, y).predict_proba(x))
    assert found.network.mean() == pytest.approx(expected, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([1.5], "shares=1.5 must be at most 1"),
        ([0.01], "shares=0.01 leaves 1 of 16 rows; 2 are needed"),
    ],
)
def test_shares_are_of_rows(shares, message):
    with pytest.raises(ValueError, match=message):
        learning_curve(
            mlp([1, 1], output="identity"),
            np.arange(20.0)[:, None],
            np.arange(20.0),
            key=jax.random.key(0),
            shares=shares,
        )
