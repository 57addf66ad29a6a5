"""Fits without each fold, and what they guarantee."""

import dataclasses

import jax
import numpy as np
import pytest
from helpers import ITS_OWN_PRECISION, assert_same

from nanonet.fitting.fit import fit
from nanonet.model.storage import StorageError, load_model, save_model
from nanonet.model.uncertainty import predict_interval, predict_set
from nanonet.network.network import mlp

pytestmark = ITS_OWN_PRECISION

KEY = jax.random.key(0)
LINEAR = mlp([2, 1], output="identity")
KINDS = mlp([2, 3], output="softmax")
EXACT = dict(key=KEY, l2=0.0, starts=1, ftol=0.0, gtol=0.0)
NEW = np.array([[0.0, 0.0], [1.0, -1.0], [3.0, 3.0]])


def table(n=30):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(n, 2))
    return x, 5 + x @ [2.0, -1.0] + rng.normal(size=n)


@pytest.fixture(scope="module")
def line():
    return fit(LINEAR, *table(), folds="rows", **EXACT)


def test_a_fold_of_each_row_is_jackknife_plus(line):
    """Beside MAPIE's numbers; see `tests/model/test_conformal.py`."""
    found = line.predict_interval(NEW, level=0.9)
    lower = [3.35467952, 6.51619204, 4.92806808]
    upper = [6.94077828, 10.00630391, 8.71130701]
    np.testing.assert_allclose(found.lower, lower, rtol=1e-6)
    np.testing.assert_allclose(found.upper, upper, rtol=1e-6)
    np.testing.assert_array_equal(found.prediction, line.predict(NEW))


def test_the_fit_itself_is_as_without_folds(line):
    alone = fit(LINEAR, *table(), **EXACT)
    assert_same(line.params, alone.params)
    assert_same(
        line.predict_interval(NEW, method="linearized"), alone.predict_interval(NEW)
    )
    with pytest.raises(ValueError, match="fit with folds=10"):
        alone.predict_interval(NEW, method="cv+")
    with pytest.raises(ValueError, match="fit with folds=10"):
        line.best.predict_interval(NEW, method="cv+")


def test_folds_are_of_the_rows_that_are_learnt_from():
    """In the unit of y, however it is: least squares without each fold, by NumPy."""
    x, y = table(40)
    y = 1e3 * y - 1e5
    found = fit(LINEAR, x, y, folds=5, test=0.25, **EXACT)
    train = found.split.train
    assert len(found.folds.fold) == len(train) == 30
    assert np.bincount(found.folds.fold).tolist() == [6] * 5
    X = np.column_stack([np.ones(40), x])
    lower, upper = [], []
    for row, f in zip(train, found.folds.fold, strict=True):
        rest = train[found.folds.fold != f]
        beta = np.linalg.lstsq(X[rest], y[rest], rcond=None)[0]
        residual, centre = abs(y[row] - X[row] @ beta), beta[0] + NEW @ beta[1:]
        lower.append(centre - residual)
        upper.append(centre + residual)
    interval = found.predict_interval(NEW, level=0.8)
    # ⌊0.2 · 31⌋ = 6, ⌈0.8 · 31⌉ = 25.
    np.testing.assert_allclose(interval.lower, np.sort(lower, 0)[5], rtol=1e-6)
    np.testing.assert_allclose(interval.upper, np.sort(upper, 0)[24], rtol=1e-6)


def test_bounds_with_a_guarantee_are_saved(line, tmp_path):
    save_model(tmp_path / "m", line.model)
    loaded = load_model(tmp_path / "m")
    assert_same(predict_interval(loaded, NEW), line.predict_interval(NEW))
    for method in ("linearized", "cv+"):
        how = dict(level=0.7, method=method)
        assert_same(
            predict_interval(loaded, NEW, **how), line.predict_interval(NEW, **how)
        )
    folds = line.folds
    for change in (
        {"fold": folds.fold + 1},
        {"score": folds.score[:-1]},
        {"share": 2 * folds.share},
        {"inputs": folds.inputs.astype(np.float32)},
        {"targets": 0 * folds.targets},
    ):
        forged = dataclasses.replace(line.model, folds=folds._replace(**change))
        save_model(tmp_path / "m", forged)
        with pytest.raises(StorageError, match="does not describe a model"):
            load_model(tmp_path / "m")


def test_classes_come_in_sets(tmp_path):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 2))
    logits = np.column_stack([0 * x[:, 0], 2 * x[:, 0], 2 * x[:, 1]])
    kind = np.argmax(logits + rng.gumbel(size=(300, 3)), axis=1)
    names = np.array(["a", "b", "c"])[kind]
    found = fit(KINDS, x[:100], names[:100], folds=5, key=KEY, l2=0.01, starts=1)
    sets = found.predict_set(x[100:], level=0.9)
    among = sets.contains[np.arange(200), kind[100:]]
    # 90 %, as far as 100 rows that were learnt from and 200 new ones can tell.
    assert 0.8 < among.mean() < 0.98
    sizes = sets.contains.sum(1)
    assert {1, 2} <= {*sizes.tolist()}
    likeliest = found.predict(x[100:])
    assert all(one in some for one, some in zip(likeliest, sets.labels(), strict=True))
    assert repr(sets) == f"PredictionSet: 200 rows, {sizes.mean():.3g} classes (mean)"
    save_model(tmp_path / "m", found.model)
    loaded = predict_set(load_model(tmp_path / "m"), x[100:], level=0.9)
    assert loaded.labels() == sets.labels()
    with pytest.raises(ValueError, match="of classes there is predict_set"):
        found.predict_interval(x)


def test_what_cannot_be_guaranteed_is_refused(line):
    x, y = table()
    for change, message in [
        ({"folds": 1}, "folds=1 must be at least 2"),
        ({"folds": 31}, "at most the 30 rows"),
        ({"folds": 5, "sample_weight": np.arange(1.0, 31)}, "rows that count alike"),
        ({"folds": 5, "warm_start": line}, "folds=5 with warm_start"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit(LINEAR, x, y, **EXACT, **change)
    with pytest.raises(ValueError, match="predict_set is for classes"):
        line.predict_set(x)
