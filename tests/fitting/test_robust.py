"""Outliers: weights that lead to themselves again minimize a robust loss."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from helpers import ITS_OWN_PRECISION
from scipy.optimize import least_squares, minimize

from nanonet.fitting import run
from nanonet.fitting.cross_validation import cross_validate
from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.network.network import mlp
from nanonet.objectives.losses import huber, student_t
from nanonet.solve.result import Status

pytestmark = ITS_OWN_PRECISION

KEY = jax.random.key(0)
LINE = mlp([2, 1], output="identity")
CURVE = mlp([1, 5, 1], "tanh", "identity")


def table(rows=60):
    """A plane, and noise with heavy tails."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 2))
    return x, x @ [30.0, -10.0] + 5 + 4 * rng.standard_t(2, rows)


def wave(rows=100):
    """A curve, and 10 % of its rows gone wrong; the others are told."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-2, 2, (rows, 1))
    clean = np.sin(2 * x[:, 0])
    wrong = np.arange(rows) % 10 == 3
    return x, clean + 0.1 * rng.normal(size=rows) + 8 * wrong, wrong


def line_of(theta, x):
    return x @ theta[:2] + theta[2]


@pytest.fixture(scope="module")
def by_huber():
    return fit(LINE, *table(), key=KEY, starts=1, l2=0.0, loss="huber", ftol=0.0)


def test_huber_is_scipys_at_the_scale_that_it_finds(by_huber):
    x, y = table()
    sigma = by_huber.robust.sigma
    expected = least_squares(
        lambda theta: line_of(theta, x) - y, np.zeros(3), loss="huber",
        f_scale=1.345 * sigma, xtol=1e-12, ftol=1e-12, gtol=1e-12,
    ).x  # fmt: skip
    found, r = by_huber.predict(x), y - line_of(expected, x)
    np.testing.assert_allclose(found, line_of(expected, x), atol=1e-3 * sigma)
    # That of the normal distribution whose quartiles lie so far apart.
    usual = np.median(np.abs(r)) / scipy.stats.norm.ppf(0.75)
    np.testing.assert_allclose(sigma, usual, rtol=0.02)
    far = np.abs(r) > 1.36 * sigma
    assert 0 < far.sum() < 30
    np.testing.assert_array_less(by_huber.robust.weight[far], 1)


@pytest.mark.parametrize("far", [8, 500])
def test_evidence_takes_no_outlier_for_noise(far):
    """However far off it is; a curve stays known to within the noise of its rows."""
    x, y, wrong = wave(80)
    found = fit(CURVE, x, y + (far - 8) * wrong, key=KEY, starts=2, loss="huber")
    assert 0.07 < found.robust.sigma < 0.15
    truth = np.sin(2 * x[:, 0])
    assert np.sqrt(np.mean((found.predict(x) - truth) ** 2)) < 0.05


@pytest.mark.parametrize("loss", ["huber", "student_t"])
def test_no_outlier_keeps_a_rival_from_learning_a_line(loss):
    """A network of a line alone and the linear model are as good, however it is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = x @ [2.0, -1.0] + 0.1 * rng.normal(size=60) + 500 * (np.arange(60) % 10 == 3)
    found = fit(LINE, x, y, key=KEY, starts=1, loss=loss, test=0.25)
    [skill] = found.skill
    assert skill.network < 0.3 < skill.baseline
    np.testing.assert_allclose(skill.linear, skill.network, rtol=0.2)
    assert skill.verdict == "a network was hardly needed"


def test_student_s_t_is_of_maximum_likelihood():
    x, y = table()
    found = fit(LINE, x, y, key=KEY, starts=1, l2=0.0, loss=student_t, ftol=0.0)

    best = most_likely_line(x, y)
    sigma = np.exp(best[3])
    np.testing.assert_allclose(found.robust.sigma, sigma, rtol=5e-3)
    np.testing.assert_allclose(found.predict(x), line_of(best, x), atol=5e-3 * sigma)


def test_losses_are_those_of_scipy_and_slope_as_the_weights_say():
    u = np.linspace(-6, 6, 25)
    with jax.enable_x64(True):
        value = jax.vmap(lambda u: huber(u, jnp.zeros(())))(jnp.asarray(u))
        np.testing.assert_allclose(value, scipy.special.huber(1.345, u), rtol=1e-12)
        value = jax.vmap(lambda u: student_t(u, jnp.zeros(())))(jnp.asarray(u))
    usual = scipy.stats.t.logpdf(0, 4) - scipy.stats.t.logpdf(u, 4)
    np.testing.assert_allclose(value, usual, rtol=1e-12, atol=1e-12)


def test_a_tenth_of_rows_gone_wrong_does_little_harm():
    """Of other rows, beside the curve itself: squares are drawn off, these are not."""
    x, y, wrong = wave()
    new = np.linspace(-2, 2, 50)
    errors = {}
    for loss in (None, "huber", "student_t"):
        found = fit(CURVE, x, y, key=KEY, starts=1, l2=1e-3, loss=loss, test=[0, 3])
        off = found.predict(new[:, None]) - np.sin(2 * new)
        errors[loss] = np.sqrt(np.mean(off**2))
    assert errors["huber"] < errors[None] / 4
    assert errors["student_t"] < errors[None] / 8
    weight = found.robust.weight
    np.testing.assert_array_equal(weight[:4:3], 1)
    assert weight[found.split.train][wrong[found.split.train]].max() < 0.01


def most_likely_line(x, y):
    """By Student's distribution of 4 degrees of freedom: w, b, ln σ."""

    def energy(theta):
        at = x @ theta[:-2] + theta[-2]
        return -scipy.stats.t.logpdf(y, 4, at, np.exp(theta[-1])).sum()

    start = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y)[0]
    return minimize(energy, np.append(start, 1.0), tol=1e-9).x


def test_outliers_among_the_rows_held_out_do_not_hide_what_was_learnt():
    """The linear model and the constant are of maximum likelihood, too."""
    x, y, wrong = wave()
    # A linear model's penalty is nothing beside that slope.
    y += 5 * x[:, 0] + 42 * wrong
    held = np.arange(100) % 10 < 4
    assert wrong[held].sum() == 10
    found = fit(CURVE, x, y, key=KEY, starts=1, l2=1e-3, loss="student_t",
                test=np.flatnonzero(held))  # fmt: skip
    (skill,) = found.skill
    slope, bias, _ = most_likely_line(x[~held], y[~held])
    middle = scipy.stats.t.fit(y[~held], f0=4)[1]
    answers = (found.predict(x[held]), slope * x[held, 0] + bias, np.full(40, middle))
    truth, sigma = y[held], found.robust.sigma
    medians = [np.median(np.abs(of - truth)) for of in answers]
    assert skill.measure == "median absolute error"
    told = skill.network, skill.linear, skill.baseline
    np.testing.assert_allclose(told, medians, rtol=5e-3)
    losses = [
        scipy.stats.t.logpdf(0, 4) - scipy.stats.t.logpdf((of - truth) / sigma, 4)
        for of in answers
    ]
    np.testing.assert_allclose(skill.losses, np.mean(losses, axis=1), rtol=5e-3)
    t = [scipy.stats.ttest_rel(of, losses[0]).statistic for of in losses[1:]]
    np.testing.assert_allclose((skill.lead, skill.lead_over_baseline), t, rtol=0.01)
    assert skill.verdict == "a network was needed"
    squares = [(of - truth) ** 2 for of in answers]
    assert np.mean(squares[0]) > 0.95**2 * np.mean(squares[1])  # they hide it
    by_name = {score.name: score for score in found.scores}
    assert by_name["median absolute error"].test == pytest.approx(skill.network)
    assert by_name["median absolute error"].baseline == pytest.approx(skill.baseline)
    spread = scipy.stats.median_abs_deviation(truth)
    expected = 1 - (medians[0] / spread) ** 2
    assert by_name["robust R²"].test == pytest.approx(expected)
    assert by_name["RMSE"].test == pytest.approx(np.sqrt(np.mean(squares[0])))


def test_rows_left_out_count_by_the_loss_that_was_asked_for():
    """Its mean, and how it rises where a column is shuffled, in units of the noise."""
    x, y = table()
    found = cross_validate(LINE, x, y, key=KEY, folds=2, starts=1, l2=0.0, loss=huber)
    for mean, fold, split in zip(found.losses, found.fits, found.splits, strict=True):
        u = (found.prediction - y)[split.test] / fold.robust.sigma
        assert mean == pytest.approx(scipy.special.huber(1.345, u).mean(), rel=1e-9)
    first, split = found.fits[0], found.splits[0]
    np.testing.assert_allclose(first.own_weights, 1, rtol=1e-12)
    rows = x[split.test], y[split.test]
    [by_a, by_b] = first.importances(*rows, key=KEY, repeats=20).mean

    def mean_loss(x):
        u = (first.predict(x) - rows[1]) / first.robust.sigma
        return scipy.special.huber(1.345, u).mean()

    # All orders of a column are alike: the mean over all pairs of rows.
    at = [np.column_stack([np.full(30, a), rows[0][:, 1]]) for a in rows[0][:, 0]]
    expected = np.mean([mean_loss(of) for of in at]) - mean_loss(rows[0])
    assert by_a == pytest.approx(expected, rel=0.15)
    assert by_a > by_b > 0


def test_the_time_limit_is_of_all_fits_together():
    x, y, _ = wave()
    found = fit(CURVE, x, y, key=KEY, starts=1, loss="huber", time_limit=0.0)
    assert found.status is Status.TIME_LIMIT
    assert found.result.steps == 0
    with pytest.raises(ValueError, match="time_limit"):
        fit(CURVE, x, y, key=KEY, starts=1, loss="huber", time_limit=-1.0)


def test_a_fit_that_is_cut_short_leaves_the_one_before(monkeypatch):
    """Here the third, after no step at all."""
    whole, fits = run._fit_splits, []

    def cut(network, splits, tables, sigmas, settings, *, key):
        limit = 0.0 if len(fits) == 2 else None
        settings = dataclasses.replace(settings, time_limit=limit)
        fits.append(whole(network, splits, tables, sigmas, settings, key=key))
        return fits[-1]

    monkeypatch.setattr(run, "_fit_splits", cut)
    x, y, wrong = wave()
    found = fit(CURVE, x, y, key=KEY, starts=1, l2=1e-3, loss="huber")
    assert len(fits) == 3
    assert found.status is Status.TIME_LIMIT
    [second] = fits[1]
    assert found.result.steps == second.result.steps > 0
    np.testing.assert_array_equal(found.predict(x), second.predict(x))
    weight = found.examples.sample_weight
    np.testing.assert_array_equal(found.robust.weight, weight)
    assert weight[wrong].max() < weight[~wrong].mean()


def test_intervals_are_refused_but_those_of_folds(by_huber):
    x, y = table()
    assert "Robust: huber" in repr(by_huber)
    with pytest.raises(ValueError, match="loss='huber' takes the noise to be other"):
        by_huber.predict_interval(x)
    assert by_huber.model.noise is None
    assert by_huber.model.robust_loss == "huber"
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(y=y)
    found = fit_table(frame, "y", hidden=(), l2=0.0, loss="huber", starts=1, folds=2)
    ends = found.predict_interval(frame, level=0.9)
    assert 0.8 < np.mean((ends.lower <= y) & (y <= ends.upper)) <= 1


@pytest.mark.parametrize(
    ("y", "arguments", "message"),
    [
        (np.ones(60), {"loss": "hubert"}, "loss='hubert' is unknown; did you mean"),
        (np.ones((60, 2)), {"loss": "huber"}, "for one target, and y has 2"),
        (np.ones(60), {"loss": "huber", "checkpoint": "c"}, "is several runs"),
    ],
)
def test_what_robust_losses_are_not_for(y, arguments, message):
    network = mlp([2, y[0].size], output="identity")
    with pytest.raises(ValueError, match=message):
        fit(network, table()[0], y, key=KEY, **arguments)
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4] * 3, "kind": list("abca") * 3})
    with pytest.raises(ValueError, match="loss='student_t' is for numbers"):
        fit_table(frame, "kind", loss="student_t")
    with pytest.raises(ValueError, match="target_transform='auto' with loss='huber'"):
        fit_table(frame, "a", loss="huber", target_transform="auto")
