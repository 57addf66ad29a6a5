"""ROC curves and calibration, against scikit-learn's."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearns_curve

from nanonet.model.probabilities import calibration, roc_curve

pytestmark = pytest.mark.precision("x64", reason="NumPy alone")


@pytest.fixture(params=[0, 1])
def scored(request):
    """Rows of a class and not, and a score with many ties."""
    rng = np.random.default_rng(request.param)
    is_class = rng.uniform(size=300) < 0.3
    score = 1 / (1 + np.exp(-rng.normal(size=300) - is_class))
    return is_class, score.round(2)


def test_a_roc_curve_is_scikit_learns(scored):
    found = roc_curve(*scored)
    false, true, threshold = sklearns_curve(*scored, drop_intermediate=False)
    np.testing.assert_allclose(found.false, false)
    np.testing.assert_allclose(found.true, true)
    np.testing.assert_allclose(found.threshold, threshold)
    assert found.area == pytest.approx(roc_auc_score(*scored), abs=1e-12)


def test_a_roc_curve_needs_both():
    with pytest.raises(ValueError, match="3 of 3 rows are of the class"):
        roc_curve(np.full(3, True), np.arange(3.0))


@pytest.mark.parametrize("bins", [1, 5, 10])
def test_a_calibration_curve_is_scikit_learns(scored, bins):
    found = calibration(*scored, bins)
    seen, said = calibration_curve(*scored, n_bins=bins)
    np.testing.assert_allclose(found.seen, seen)
    np.testing.assert_allclose(found.said, said)
    assert found.rows.sum() == 300
    expected = sum(found.rows * abs(seen - said)) / 300
    assert found.error == pytest.approx(expected)


def test_the_interval_of_a_share_is_wilsons(scored):
    found = calibration(*scored, 10)
    for seen, n, low, high in zip(
        found.seen, found.rows, *found.interval(), strict=True
    ):
        exact = binomtest(round(seen * n), n).proportion_ci(0.95, method="wilson")
        assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-12)
