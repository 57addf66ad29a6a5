"""What a predictive distribution is scored by."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from nanonet.model.intervals import Predictive

pytestmark = pytest.mark.precision("x32", reason="computes in NumPy's float64")


@pytest.mark.parametrize("freedom", [1.5, 4.0, 80.0])
def test_the_score_is_the_integral(freedom):
    mean, deviation = np.array([[1.0], [-2.0], [0.5]]), np.array([[0.3], [2.0], [1.0]])
    y = np.array([[1.2], [3.0], [0.5]])
    found = Predictive(mean, deviation, freedom).crps(y)
    rows = zip(*map(np.ravel, (mean, deviation, y, found)), strict=True)
    for m, s, truth, score in rows:
        of = scipy.stats.t(freedom, m, s)
        square = scipy.integrate.quad
        below, _ = square(lambda t, of=of: of.cdf(t) ** 2, -np.inf, truth)
        above, _ = square(lambda t, of=of: of.sf(t) ** 2, truth, np.inf)
        assert score == pytest.approx(below + above, rel=1e-6)


def test_of_a_cauchy_distribution_it_is_infinite():
    known = Predictive(np.zeros((1, 1)), np.ones((1, 1)), 1.0)
    assert np.isposinf(known.crps(np.ones((1, 1)))).all()
    assert np.isposinf(known.std).all()
