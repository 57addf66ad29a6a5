"""Fits whose parameters stay within bounds."""

import jax
import numpy as np
import pytest
from helpers import ITS_OWN_PRECISION, count_compilations
from scipy.optimize import lsq_linear

from nanonet.fitting.cross_validation import cross_validate
from nanonet.fitting.fit import fit
from nanonet.network.layers import Layer
from nanonet.network.network import mlp
from nanonet.rules.adam import adam

pytestmark = ITS_OWN_PRECISION

KEY = jax.random.key(0)
LINEAR = mlp([3, 1], output="identity")
RISING = ((Layer(0.0, None),), None)  # the slopes of LINEAR, but not its bias


def table(rows=50, seed=0):
    """y falls with the second column, so that a slope ≥ 0 of it is held at 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)) * [3.0, 0.2, 1.0] + [10.0, 0.0, -5.0]
    return x, x @ [1.0, -2.0, 0.5] + 3 + rng.normal(size=rows)


def rising_line(x, y):
    """The best line of slopes ≥ 0, by scipy."""
    lower = [0, 0, 0, -np.inf]
    columns = np.column_stack([x, np.ones(len(x))])
    solution = lsq_linear(columns, y, (lower, np.inf), tol=1e-14)
    return lambda x: np.column_stack([x, np.ones(len(x))]) @ solution.x


@pytest.mark.parametrize("rule", [None, "lbfgs", "newton", adam(0.02)])
@pytest.mark.one_case
def test_a_line_of_slopes_of_one_sign_is_scipy_s(rule):
    x, y = table()
    found = fit(
        LINEAR, x, y, key=KEY, l2=0.0, starts=2, ftol=0.0, rule=rule, bounds=RISING
    )
    assert found.status.converged
    assert found.result.gradient_norm < 1e-5
    assert found.result.gradient_norm == found.record.gradient_norm[-1]
    np.testing.assert_allclose(found.params[0].w[1], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.predict(x), rising_line(x, y)(x), rtol=1e-5)
    assert not found.result.start_moved  # it was drawn inside


@pytest.mark.parametrize("fixed", [False, True], ids=["held", "fixed"])
def test_what_a_bound_holds_is_left_out_of_evidence_and_intervals(fixed):
    x, y = table()
    bounds = RISING
    if fixed:
        lower, upper = np.full((2, 3, 1), [[[-np.inf]], [[np.inf]]])
        lower[1] = upper[1] = 0
        bounds = ((Layer(lower, None),), (Layer(upper, None),))
    how = dict(key=KEY, starts=1, ftol=0.0)
    found = fit(LINEAR, x, y, **how, bounds=bounds)
    without = fit(mlp([2, 1], output="identity"), x[:, [0, 2]], y, **how)
    np.testing.assert_allclose(found.l2, without.l2, rtol=5e-3)
    for name in ("effective_parameters", "alpha", "beta", "log_evidence"):
        ours, theirs = (getattr(f.evidence, name) for f in (found, without))
        np.testing.assert_allclose(ours, theirs, rtol=5e-3)
    ours = found.predict_interval(x)
    theirs = without.predict_interval(x[:, [0, 2]])
    np.testing.assert_allclose(ours.lower, theirs.lower, rtol=1e-4)
    np.testing.assert_allclose(ours.upper, theirs.upper, rtol=1e-4)


def test_every_fold_is_within_bounds():
    x, y = table()
    found = cross_validate(
        LINEAR, x, y, key=KEY, folds=3, starts=1, l2=0.0, rule="newton", bounds=RISING
    )
    for split in found.splits:
        train = np.setdiff1d(np.arange(len(x)), split.validation)
        expected = rising_line(x[train], y[train])(x[split.validation])
        np.testing.assert_allclose(
            found.prediction[split.validation], expected, rtol=1e-4
        )


def test_a_warm_start_outside_is_moved_inside_and_told():
    x, y = table()
    how = dict(key=KEY, l2=0.0, starts=1)
    free = fit(LINEAR, x, y, **how)
    again = fit(LINEAR, x, y, **how, warm_start=free, bounds=RISING)
    assert again.result.start_moved
    np.testing.assert_allclose(again.predict(x), rising_line(x, y)(x), rtol=1e-4)
    assert not fit(LINEAR, x, y, **how, warm_start=again).result.start_moved


def test_bounds_where_no_start_was_are_reached():
    x, y = table()
    narrow = (np.array([[0.1], [0.2], [0.25]]), np.array([[0.15], [0.2], [0.3]]))
    bounds = tuple((Layer(w, 0.0),) for w in narrow)
    found = fit(LINEAR, x, y, key=KEY, starts=3, bounds=bounds)
    assert np.all(found.starts.params[0].w >= narrow[0])
    assert np.all(found.starts.params[0].w <= narrow[1])
    np.testing.assert_array_equal(found.params[0].b, 0.0)


def test_other_numbers_in_bounds_compile_nothing():
    x, y = table()
    how = dict(key=KEY, l2=0.0, starts=1, rule="newton")
    fit(LINEAR, x, y, **how, bounds=RISING)
    with count_compilations() as compiled:
        fit(LINEAR, x, y, **how, bounds=((Layer(-1.0, None),), 2.0))
    assert compiled == []


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((1.0, 0.0), r"params\[0\].w: 1.0 ≤ θ ≤ 0.0 leaves no room"),
        (({"w": 0.0}, None), "lower is not like params"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(ValueError, match=message):
        fit(LINEAR, *table(), key=KEY, bounds=bounds)
