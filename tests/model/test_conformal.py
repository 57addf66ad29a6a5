"""CV+ and jackknife+ beside the paper's formulas, and beside MAPIE's numbers."""

import jax
import numpy as np
import pytest
from helpers import ITS_OWN_PRECISION

from nanonet.model.conformal import Folds, class_set, cv_plus, guaranteed, rank
from nanonet.network.layers import Layer
from nanonet.network.network import mlp

pytestmark = ITS_OWN_PRECISION

LINEAR = mlp([2, 1], output="identity")
NEW = np.array([[0.0, 0.0], [1.0, -1.0], [3.0, 3.0]])

#: MAPIE 1.6.0, `CrossConformalRegressor(LinearRegression(), method="plus")`, of the
#: table below, with `LeaveOneOut()` and with `PredefinedSplit(np.arange(30) % 5)`.
MAPIE = {
    ("rows", 0.8): [
        [3.59741618, 6.73598655, 5.80339626],
        [6.61619598, 9.85897851, 8.46326291],
    ],
    ("rows", 0.9): [
        [3.35467952, 6.51619204, 4.92806808],
        [6.94077828, 10.00630391, 8.71130701],
    ],
    ("five", 0.8): [
        [3.48933756, 6.57387299, 5.33235687],
        [6.75750717, 9.81146278, 9.02379756],
    ],
    ("five", 0.9): [
        [3.24186822, 6.41311229, 4.65542873],
        [7.05623578, 10.1923401, 9.49600704],
    ],
}
FOLD = {"rows": np.arange(30), "five": np.arange(30) % 5}


def table(n=30, seed=11):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, 5 + x @ [2.0, -1.0] + rng.normal(size=n)


def folds_by_hand(x, y, fold, *, unit=1.0):
    """Least squares without each fold; of inputs and targets in another unit."""
    w, b, scores = [], [], np.empty((len(x), 1))
    for f in range(fold.max() + 1):
        out = fold == f
        X = np.column_stack([np.ones(len(x)), x])
        beta = np.linalg.lstsq(X[~out], y[~out], rcond=None)[0]
        scores[out, 0] = abs(y[out] - X[out] @ beta)
        w.append(beta[1:, None])
        b.append(beta[:1])
    k = len(w)
    # A second start that got stuck, and is of no account.
    layer = Layer(
        np.stack([np.array(w), np.full((k, 2, 1), np.nan)], 1),
        np.stack([(np.array(b) - 7) / unit, np.zeros((k, 1))], 1),
    )
    share = np.tile([1.0, 0.0], (k, 1))
    inputs = np.tile(np.array([[0.0, 0.0], [unit, unit]]), (k, 1, 1))
    targets = np.tile([[7.0], [unit]], (k, 1, 1))
    return Folds((layer,), share, inputs, targets, fold, scores)


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("which", FOLD)
def test_bounds_are_mapies(which, level):
    folds = folds_by_hand(*table(), FOLD[which], unit=3.0)
    found = cv_plus(LINEAR, folds, NEW, level)
    expected = np.array(MAPIE[which, level])
    np.testing.assert_allclose(np.array(found)[..., 0], expected, rtol=1e-8)


def test_bounds_hold_as_often_as_the_theorem_says():
    """Of 200 tables of 30 rows, without a word on how y is distributed."""
    rng = np.random.default_rng(0)
    inside = {"rows": [], "five": []}
    for seed in range(200):
        x, y = table(seed=seed)
        y += np.where(rng.random(30) < 0.1, 30 * rng.standard_cauchy(30), 0)
        new, truth = table(50, seed=seed + 1000)
        truth += np.where(rng.random(50) < 0.1, 30 * rng.standard_cauchy(50), 0)
        for which, fold in FOLD.items():
            lower, upper = cv_plus(LINEAR, folds_by_hand(x, y, fold), new, 0.8)
            within = (lower[:, 0] <= truth) & (truth <= upper[:, 0])
            inside[which].append(np.mean(within))
    for which, shares in inside.items():
        error = np.std(shares) / np.sqrt(200)
        least = guaranteed(0.8, 30, int(FOLD[which].max()) + 1)
        assert np.mean(shares) > least + 4 * error
    # And as a rule the level itself, here 25 / 31.
    shares = inside["rows"]
    assert abs(np.mean(shares) - 25 / 31) < 4 * np.std(shares) / np.sqrt(200)


def test_few_rows_say_nothing_of_high_levels():
    folds = folds_by_hand(*table(10), np.arange(10))
    lower, upper = cv_plus(LINEAR, folds, NEW, 0.92)
    assert np.all(lower == -np.inf)
    assert np.all(upper == np.inf)
    # The 10-th of 10 is the largest.
    lower, upper = cv_plus(LINEAR, folds, NEW, 10 / 11)
    assert np.isfinite([lower, upper]).all()


def test_ranks_are_not_rounded_wrong():
    for n in range(1, 60):
        for percent in range(1, 100):
            exact = -(-percent * (n + 1) // 100)
            assert rank(percent / 100, n) == exact
    for level in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="level="):
            rank(level, 10)


def test_an_answer_that_is_no_number_is_bounded_by_nothing():
    folds = folds_by_hand(*table(), FOLD["five"])
    folds.params[0].b[:] = np.nan
    lower, upper = cv_plus(LINEAR, folds, NEW, 0.8)
    assert np.all(np.isneginf(lower))
    assert np.all(np.isposinf(upper))


@pytest.mark.parametrize("classes", [2, 3])
def test_sets_are_those_of_the_formula(classes):
    """Counted one by one; two classes by one sigmoid."""
    rng = np.random.default_rng(3)
    outputs = 1 if classes == 2 else classes
    network = mlp([2, outputs], output="sigmoid" if classes == 2 else "softmax")
    layer = Layer(rng.normal(size=(4, 1, 2, outputs)), rng.normal(size=(4, 1, outputs)))
    fold, score = rng.integers(0, 4, 25), rng.random((25, 1))
    folds = Folds(
        (layer,),
        np.ones((4, 1)),
        np.tile(np.array([[0.0, 0.0], [1.0, 1.0]]), (4, 1, 1)),
        np.tile([[0.0], [1.0]], (4, 1, 1)),
        fold,
        score,
    )
    x, alpha = rng.normal(size=(12, 2)), 0.5
    expected = np.zeros((12, classes), bool)
    for row in range(12):
        for c in range(classes):
            less = 0
            for i in range(25):
                z = x[row] @ layer.w[fold[i], 0] + layer.b[fold[i], 0]
                if classes == 2:
                    p = 1 / (1 + np.exp(-z[0]))
                    p = [1 - p, p][c]
                else:
                    p = np.exp(z[c]) / np.exp(z).sum()
                less += score[i, 0] < 1 - p
            expected[row, c] = less < (1 - alpha) * 26
    found = class_set(network, folds, x, 1 - alpha)
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.mean() < 1


def test_folds_are_a_pytree():
    folds = folds_by_hand(*table(), FOLD["five"])
    assert len(jax.tree.leaves(folds)) == 7
