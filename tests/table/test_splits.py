import numpy as np
import pytest

from nanonet.table.columns import Column, scaling, standardize
from nanonet.table.splits import k_folds, split_rows

pytestmark = pytest.mark.precision("x32", reason="all of this is NumPy")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


CLASSES = np.repeat([0, 1, 2], [50, 30, 20])


def test_parts_hold_every_row_once_and_each_class_alike(rng):
    parts = split_rows(100, validation=0.2, test=0.1, classes=CLASSES, rng=rng)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    assert [len(part) for part in parts] == [70, 20, 10]
    for part in parts:
        share = np.bincount(CLASSES[part], minlength=3) / len(part)
        np.testing.assert_allclose(share, [0.5, 0.3, 0.2], atol=1.01 / len(part))


def test_folds_hold_every_row_once_and_each_class_alike(rng):
    folds = k_folds(100, 7, classes=CLASSES, rng=rng)
    tests = np.concatenate([split.test for split in folds])
    np.testing.assert_array_equal(np.sort(tests), np.arange(100))
    for train, validation, test in folds:
        assert len(validation) == 0
        assert len(test) in (14, 15)
        np.testing.assert_array_equal(np.sort([*train, *test]), np.arange(100))
        counts = np.bincount(CLASSES[test], minlength=3)
        np.testing.assert_allclose(counts, np.array([50, 30, 20]) / 7, atol=1.01)


def test_rows_may_be_given(rng):
    given = np.zeros(6, bool)
    given[[1, 4]] = True
    train, validation, test = split_rows(6, validation=[5, 0], test=given, rng=rng)
    assert train.tolist() == [2, 3]
    assert validation.tolist() == [0, 5]
    assert test.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"validation": 0.5, "test": 0.5}, "take all 6 rows"),
        ({"validation": [0, 0]}, "validation names a row twice"),
        ({"test": [6]}, "test names a row outside 0 to 5"),
        ({"test": [0.5, 0.1]}, "test must be a share"),
        ({"test": [1], "validation": [1]}, "both in the validation and the test"),
        ({"test": 1.0}, "test"),
    ],
)
def test_bad_parts(parts, message, rng):
    with pytest.raises(ValueError, match=message):
        split_rows(6, **parts, rng=rng)


@pytest.mark.parametrize("k", [1, 7])
def test_bad_folds(k, rng):
    with pytest.raises(ValueError, match="folds"):
        k_folds(6, k, rng=rng)


def test_weights_count_rows_in_the_scaling(rng):
    x = rng.normal(size=(5, 2)) * [1e-12, 1e12]
    columns = standardize([Column("a"), Column("b")], x, np.array([1.0, 2, 0, 1, 3]))
    mean, scale = scaling(columns)
    repeated = x[[0, 1, 1, 3, 4, 4, 4]]
    np.testing.assert_allclose(mean, repeated.mean(0), rtol=1e-13)
    np.testing.assert_allclose(scale, repeated.std(0), rtol=1e-13)


def test_squares_do_not_overflow_and_constants_have_no_scale():
    x = np.array([[1e200, 0.1, -1e-300], [-1e200, 0.1, 1e-300]])
    x = np.vstack([x, x, x])
    mean, scale = scaling(standardize([Column(name) for name in "abc"], x))
    np.testing.assert_allclose(mean, [0, 0.1, 0], atol=1e-15)
    np.testing.assert_allclose(scale, [1e200, 1, 1e-300], rtol=1e-14)
