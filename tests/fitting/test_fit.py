import dataclasses
import functools
import os
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
import scipy.stats
from helpers import ITS_OWN_PRECISION, assert_same, count_compilations
from sklearn.datasets import load_iris
from sklearn.inspection import permutation_importance
from sklearn.linear_model import BayesianRidge, LinearRegression
from threadpoolctl import threadpool_info, threadpool_limits

from nanonet.fitting import training
from nanonet.fitting.batch import Batch
from nanonet.fitting.checkpoint import CheckpointError
from nanonet.fitting.cross_validation import cross_validate
from nanonet.fitting.fit import fit
from nanonet.model.model import predict
from nanonet.model.storage import load_model, save_model
from nanonet.model.uncertainty import predict_interval
from nanonet.network.network import Network, mlp
from nanonet.objectives.penalty import l2_penalty
from nanonet.rules.adam import adam
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.momentum import momentum
from nanonet.solve import history
from nanonet.solve.result import Status
from nanonet.table.checks import DataWarning

pytestmark = ITS_OWN_PRECISION


KEY = jax.random.key(0)
LINEAR = mlp([2, 1], output="identity")
CURVED = mlp([2, 3, 1], "tanh", "identity")


def table(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)) * [3.0, 0.2] + [10.0, 0.0]
    y = np.sin(x[:, 0] - 10) + 5 * x[:, 1] + 0.3 * rng.normal(size=rows)
    return x, y


@pytest.fixture(scope="module")
def line():
    """A linear network without penalty: least squares, which textbooks know all of."""
    return fit(LINEAR, *table(), key=KEY, l2=0.0, starts=1, ftol=0.0, gtol=0.0)


@pytest.fixture(scope="module")
def curve():
    x, y = table(200)
    return fit(CURVED, x, y, key=KEY, starts=3, test=0.25)


def test_intervals_are_the_textbook_s_for_a_linear_network(line):
    x, y = table()
    new, _ = table(7, seed=1)
    X, X0 = (np.column_stack([np.ones(len(rows)), rows]) for rows in (x, new))
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    s = np.sqrt(np.sum((y - X @ beta) ** 2) / (60 - 3))
    half = s * np.sqrt(1 + np.einsum("ij,jk,ik->i", X0, inverse, X0))
    for level in (0.95, 0.5):
        found = line.predict_interval(new, level=level)
        t = scipy.stats.t.ppf((1 + level) / 2, 60 - 3)
        np.testing.assert_allclose(found.prediction, X0 @ beta, rtol=1e-6)
        np.testing.assert_allclose(found.upper, X0 @ beta + t * half, rtol=1e-6)
        np.testing.assert_allclose(found.lower, X0 @ beta - t * half, rtol=1e-6)


def test_derivatives_are_in_the_units_of_the_table(line):
    x, y = table()
    slopes = LinearRegression().fit(x, y).coef_
    found = line.derivatives(x[:3])
    np.testing.assert_allclose(found, np.tile(slopes, (3, 1, 1)), rtol=1e-6)


def test_importances_are_scikit_learns(line):
    x, y = table()
    model = LinearRegression().fit(x, y)
    theirs = permutation_importance(
        model, x, y, scoring="neg_mean_squared_error", n_repeats=400, random_state=0
    )
    ours = line.importances(x, y, key=KEY, repeats=400)
    standard_error = np.hypot(theirs.importances_std, ours.deviation) / np.sqrt(400)
    assert np.all(abs(ours.mean - theirs.importances_mean) < 4 * standard_error)
    # Of least squares, the mean over all permutations is known.
    exact = 2 * model.coef_**2 * x.var(0)
    assert np.all(abs(ours.mean - exact) < 4 * ours.deviation / np.sqrt(400))


def test_evidence_is_that_of_bayesian_ridge():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 4))
    y = x @ [1.0, -2.0, 0.0, 0.1] + 0.5 * rng.normal(size=50)
    network = Network(
        lambda *, key, dtype=None: {"w": jax.random.normal(key, (4,), dtype)},
        lambda params, x: x @ params["w"],
    )
    found = fit(network, x, y, key=KEY, standardize=False, starts=1, ftol=0.0)
    flat = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0.0)
    ridge = BayesianRidge(
        fit_intercept=False, compute_score=True, tol=1e-10, max_iter=1000, **flat
    ).fit(x, y)
    evidence = found.evidence
    # l2 has settled to a thousandth; the evidence is flat there.
    np.testing.assert_allclose(evidence.alpha, ridge.lambda_, rtol=2e-3)
    np.testing.assert_allclose(evidence.beta, ridge.alpha_, rtol=1e-4)
    np.testing.assert_allclose(found.predict(x), ridge.predict(x), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(evidence.log_evidence, ridge.scores_[-1], atol=1e-5)
    sizes = np.linalg.eigvalsh(x.T @ x) * ridge.alpha_
    gamma = np.sum(sizes / (sizes + ridge.lambda_))
    np.testing.assert_allclose(evidence.effective_parameters, gamma, rtol=1e-3)


@pytest.mark.slow
def test_the_units_of_a_table_make_no_difference(curve):
    x, y = table(200)
    unit, offset = np.array([1e-12, 1e12]), np.array([1e-9, -1e13])
    other = fit(CURVED, x * unit + offset, 1e12 * y - 5, key=KEY, starts=3, test=0.25)
    expected = 1e12 * curve.predict(x) - 5
    np.testing.assert_allclose(
        other.predict(x * unit + offset), expected, atol=1e-4 * 1e12
    )


def test_a_function_is_learnt_and_the_record_tells_how(curve):
    x, y = table(200)
    rows = curve.split.test
    assert len(rows) == 50
    error = np.mean((curve.predict(x[rows]) - y[rows]) ** 2)
    assert error < 0.2  # the noise has variance 0.09, y has 1.6
    record, scale = curve.record, curve.targets[0].scale
    assert curve.status.converged
    np.testing.assert_array_equal(record.steps, np.arange(curve.result.steps + 1))
    assert record.gradient_norm[-1] < record.gradient_norm[0]
    assert np.all(record.damping > 0)
    assert np.isnan(record.validation).all()
    assert -curve.evidence.log_evidence == curve.starts.score.min()
    penalty = curve.l2 * float(l2_penalty(curve.params))
    train = curve.split.train
    of_best = curve.best.predict(x[train])
    in_train = np.mean((of_best - y[train]) ** 2) / scale**2
    np.testing.assert_allclose(curve.result.value, in_train + penalty, rtol=1e-6)


def members_by_hand(found, x):
    """What each start that predicts answers, by NumPy."""
    means, scales = ([getattr(c, k) for c in found.inputs] for k in ("mean", "scale"))
    (w1, b1), (w2, b2) = jax.tree.map(np.asarray, found.starts.params)
    z, m = (x - means) / scales, list(found.members)
    a = np.tanh(z @ w1[m] + b1[m, None])
    return a @ w2[m] + b2[m, None]


def test_the_mean_of_the_starts_is_predicted(curve):
    x, _ = table(50, seed=2)
    assert sorted(curve.members) == [0, 1, 2]
    assert curve.members[0] == np.argmin(curve.starts.score)
    (target,) = curve.targets
    # All three found one minimum; here they are apart.
    params = jax.tree.map(
        lambda leaf: (
            leaf * (1 + 0.02 * np.arange(3).reshape(3, *[1] * (leaf.ndim - 1)))
        ),
        curve.starts.params,
    )
    starts = dataclasses.replace(curve.starts, params=params)
    curve = dataclasses.replace(curve, starts=starts)
    answers = target.mean + target.scale * members_by_hand(curve, x)[..., 0]
    np.testing.assert_allclose(curve.predict(x), answers.mean(0), rtol=1e-12)
    np.testing.assert_allclose(curve.best.predict(x), answers[0], rtol=1e-12)
    assert np.std(answers, 0).max() > 0.1
    alone = [dataclasses.replace(curve, members=(m,)) for m in curve.members]
    slopes = np.mean([each.derivatives(x) for each in alone], 0)
    np.testing.assert_allclose(curve.derivatives(x), slopes, rtol=1e-9)
    # All have the penalty of the best, so that a search that ended badly does no harm.
    np.testing.assert_array_equal(curve.starts.l2, curve.l2)
    # The law of total variance, of intervals at one standard deviation of a Gaussian.
    level = scipy.stats.norm.cdf(1) - scipy.stats.norm.cdf(-1)
    halves = [np.ptp(bounds_of(each, x, level), axis=0) / 2 for each in alone]
    within = np.mean(np.square(halves), 0)
    half = np.ptp(bounds_of(curve, x, level), axis=0) / 2
    # Student's t of nearly equal degrees of freedom is left out of the comparison.
    np.testing.assert_allclose(half**2, within + answers.var(0), rtol=2e-2)
    assert np.all(half**2 > within)


@pytest.mark.parametrize(("steps", "agreed"), [(20, True), (10_000, False)])
def test_starts_that_do_not_settle_keep_no_other_waiting(monkeypatch, steps, agreed):
    monkeypatch.setattr(training, "STEPS_OF_SEARCH", steps)
    found = fit(CURVED, *table(), key=KEY, starts=3, max_steps=40)
    assert (found.starts.l2 == found.l2).all() == agreed


def bounds_of(found, x, level):
    interval = found.predict_interval(x, level=level)
    return np.stack([interval.lower, interval.upper])


def test_a_start_that_got_stuck_predicts_nothing():
    x = np.linspace(-3, 3, 100)[:, None]
    y = np.sin(2 * x[:, 0]) + 0.01 * np.random.default_rng(0).normal(size=100)
    network = mlp([1, 3, 1], "tanh", "identity")
    how = dict(rule="lbfgs", l2=1e-5, starts=8, max_steps=150)
    found = fit(network, x, y, key=jax.random.key(1), **how)
    stuck = found.starts.score > 1.5 * found.starts.score.min()
    assert 0 < stuck.sum() < 8
    assert sorted(found.members) == np.flatnonzero(~stuck).tolist()


def test_the_record_ends_where_the_run_did():
    x, y = table(100)
    how = {"key": KEY, "l2": 0.01, "test": 0.25, "validation": 0.0}
    found = fit(CURVED, x, y, **how, rule=adam(0.05), starts=1, max_steps=30)
    for rows, curve in (
        (found.split.train, found.record.train),
        (found.split.test, found.record.test),
    ):
        error = np.mean((found.predict(x[rows]) - y[rows]) ** 2)
        scale = y[found.split.train].std()
        np.testing.assert_allclose(curve[-1], error / scale**2, rtol=1e-9)
        assert len(curve) == 31


def test_starts_spread_and_curvature_give_intervals_alike(curve):
    x, y = table(2000, seed=9)
    for method in ("linearized", "starts"):
        found = curve.predict_interval(x, method=method)
        low, high = found.lower, found.upper
        # One table of 75 rows: σ is known to 1/√(2·75), so that 95 % are 91 to 98,
        # and 2,000 rows tell the share to a half.
        assert 0.91 - 0.015 < np.mean((low < y) & (y < high)) < 0.98 + 0.015


def test_validation_stops_and_its_best_is_kept():
    x, y = table(40)
    found = fit(
        CURVED,
        x,
        y,
        key=KEY,
        rule=adam(0.1),
        l2=0.0,
        validation=0.3,
        test=[0, 1],
        patience=20,
        starts=2,
        sample_weight=np.arange(1.0, 41),
    )
    curve = found.record.validation
    assert found.status is Status.VALIDATION
    assert len(curve) == np.argmin(curve) + 20 + 1
    rows = found.split.validation
    error = (found.best.predict(x[rows]) - y[rows]) / found.targets[0].scale
    mean = np.average(error**2, weights=rows + 1.0)
    np.testing.assert_allclose(mean, curve.min(), rtol=1e-9)
    np.testing.assert_allclose(found.starts.score.min(), curve.min(), rtol=1e-12)
    assert not set(found.split.test) & {*found.split.train, *rows}


def test_a_row_of_weight_two_counts_as_two(line):
    x, y = table(30)
    twice = np.repeat(np.arange(30), 2)
    weighted = fit(LINEAR, x, y, key=KEY, sample_weight=np.full(30, 2.0), starts=1)
    repeated = fit(LINEAR, x[twice], y[twice], key=KEY, starts=1)
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-6)
    np.testing.assert_allclose(
        weighted.evidence.log_evidence, repeated.evidence.log_evidence, rtol=1e-6
    )


def test_classes_of_any_kind():
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    network = mlp([4, 3, 3], "tanh", "softmax")
    found = fit(network, x, names, key=KEY, starts=2)
    assert np.mean(found.predict(x) == names) > 0.96
    z = members_by_hand(found, x)
    e = np.exp(z - z.max(-1, keepdims=True))
    by_hand = np.mean(e / e.sum(-1, keepdims=True), 0)
    np.testing.assert_allclose(found.predict_probabilities(x), by_hand, atol=1e-12)
    assert list(found.classes) == ["setosa", "versicolor", "virginica"]
    p = found.predict_probabilities(x)
    np.testing.assert_allclose(p.sum(1), 1)
    one_hot = fit(network, x, np.eye(3)[y], key=KEY, starts=2)
    np.testing.assert_allclose(one_hot.predict_probabilities(x), p, rtol=1e-9)
    assert one_hot.predict(x).dtype.kind == "i"
    with pytest.raises(ValueError, match="intervals are for numbers"):
        found.predict_interval(x)
    important = found.importances(x, names, key=KEY, repeats=2).mean
    assert important[2:].min() > important[:2].max()  # the petals tell


def test_two_classes_by_one_sigmoid():
    x, y = load_iris(return_X_y=True)
    x, y = x[:100], y[:100] == 1
    found = fit(mlp([4, 1]), x, y, key=KEY, rule=adam(0.1), starts=1, max_steps=99)
    np.testing.assert_array_equal(found.predict(x), y)
    assert found.predict_probabilities(x).shape == (100, 2)
    assert found.importances(x, y, key=KEY).mean.max() > 0


def test_new_labels_in_a_series_are_those_of_an_array():
    x, y = table(40)
    kind = np.where(y > 0, "P", "Q")
    found = fit(mlp([2, 1]), x, kind, key=KEY, starts=1, max_steps=5)
    series = found.importances(x, pd.Series(kind), key=KEY)
    array = found.importances(x, kind, key=KEY)
    np.testing.assert_array_equal(series.values, array.values)


def test_folds_are_fits_of_their_own():
    x, y = table(33)
    found = cross_validate(LINEAR, x, y, key=KEY, folds=3, starts=1, l2=0.0)
    for split, loss in zip(found.splits, found.losses, strict=True):
        model = LinearRegression().fit(x[split.train], y[split.train])
        np.testing.assert_allclose(
            found.prediction[split.test], model.predict(x[split.test]), rtol=1e-4
        )
        error = y[split.test] - found.prediction[split.test]
        np.testing.assert_allclose(loss, np.mean(error**2))
    # The textbook's intervals of the rows left out, for each fold's degrees of freedom.
    within, halves = np.empty(33, bool), np.empty(33)
    for split in found.splits:
        X, X0 = (
            np.column_stack([np.ones(len(rows)), x[rows]])
            for rows in (split.train, split.test)
        )
        inverse = np.linalg.inv(X.T @ X)
        freedom = len(X) - 3
        residuals = y[split.train] - X @ inverse @ X.T @ y[split.train]
        s = np.sqrt(np.sum(residuals**2) / freedom)
        half = s * np.sqrt(1 + np.einsum("ij,jk,ik->i", X0, inverse, X0))
        halves[split.test] = scipy.stats.t.ppf(0.85, freedom) * half
        error = abs(y[split.test] - found.prediction[split.test])
        within[split.test] = error < halves[split.test]
    (certain,) = found.certainty(0.7)
    assert certain.coverage == within.mean()
    np.testing.assert_allclose(certain.width, 2 * halves.mean(), rtol=1e-4)
    assert 0 < certain.crps < found.losses.max() ** 0.5


def test_nothing_is_lost_at_a_limit():
    x, y = table()
    for limit, status in [
        ({"max_steps": 0}, Status.STEP_LIMIT),
        ({"time_limit": 0.0}, Status.TIME_LIMIT),
    ]:
        found = fit(LINEAR, x, y, key=KEY, l2=0.0, starts=1, **limit)
        assert found.status is status
        assert np.isfinite(found.predict(x)).all()


def test_a_run_that_explodes_keeps_its_best():
    x, y = table()
    found = fit(LINEAR, x, y, key=KEY, rule=adam(1e200), l2=0.0, starts=1)
    assert found.status is Status.NON_FINITE
    assert (
        found.result.value == found.record.value[np.isfinite(found.record.value)].min()
    )
    assert np.isfinite(found.predict(x)).all()


def test_a_rule_s_state_may_hold_random_keys():
    x, y = table(40)
    rule = optax.noisy_sgd(0.05, key=jax.random.key(0))
    found = fit(LINEAR, x, y, key=KEY, rule=rule, starts=2, max_steps=20)
    assert found.result.steps == 20
    assert found.record.value[-1] < found.record.value[0]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("rule", [None, adam(0.05)], ids=["evidence", "adam"])
def test_a_killed_run_goes_on_to_the_same_numbers(rule, tmp_path, monkeypatch):
    x, y = table(100)
    path = tmp_path / "run"
    how = dict(key=KEY, rule=rule, starts=3, test=0.25, max_steps=150)
    monkeypatch.setattr(history, "MOST_POINTS", 40)
    whole = fit(CURVED, x, y, **how)
    assert len(whole.record.steps) <= 42
    assert whole.record.steps[-1] == whole.result.steps
    monkeypatch.setattr(training, "SECONDS_PER_CHECKPOINT", 0.0)
    write, written = training.write_checkpoint, []

    def write_and_die(*arguments):
        write(*arguments)
        written.append(path.stat().st_size)
        if len(written) == 2:
            raise Killed

    monkeypatch.setattr(training, "write_checkpoint", write_and_die)
    with pytest.raises(Killed):
        fit(CURVED, x, y, **how, checkpoint=path)
    resumed = fit(CURVED, x, y, **how, checkpoint=path)
    assert_same(resumed.record, whole.record)
    np.testing.assert_array_equal(resumed.predict(x), whole.predict(x))
    assert resumed.status is whole.status
    with pytest.raises(CheckpointError, match="of another run"):
        fit(CURVED, x, y + 1, **how, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="no checkpoint of nanonet"):
        fit(CURVED, x, y, **how, checkpoint=path)


def scaled_error(prediction, target, *, by=1.0):
    return by * jnp.mean((prediction - target) ** 2)


def test_any_function_is_a_loss():
    x, y = table(40)
    how = dict(key=KEY, l2=0.0, starts=1, max_steps=3, rule=adam(0.1))
    plain = fit(LINEAR, x, y, **how)
    for loss in (functools.partial(scaled_error), jax.jit(scaled_error)):
        found = fit(LINEAR, x, y, **how, loss=loss, standardize=False)
        again = fit(LINEAR, x, y, **how, standardize=False)
        np.testing.assert_allclose(found.predict(x), again.predict(x), rtol=1e-12)
    assert plain.result.steps == 3


def test_a_loss_of_one_number_per_output_learns_from_the_training_rows_alone():
    x = np.linspace(-2, 2, 40)[:, None]
    y = np.where(x[:, 0] < 0, x[:, 0], 50.0)
    how = dict(key=KEY, starts=1, rule=adam(0.05), max_steps=50, l2=0.0)
    how |= dict(test=np.flatnonzero(x[:, 0] >= 0), standardize=False)
    network = mlp([1, 3, 1], "tanh", "identity")
    per_output, summed = (
        fit(network, x, y, loss=loss, **how)
        for loss in (lambda p, t: (p - t) ** 2, lambda p, t: jnp.sum((p - t) ** 2))
    )
    np.testing.assert_allclose(per_output.predict(x), summed.predict(x), rtol=1e-9)
    important = [each.importances(key=KEY).mean for each in (per_output, summed)]
    np.testing.assert_allclose(*important, rtol=1e-9)


def lambda_of(power):
    return lambda prediction, target: jnp.mean(jnp.abs(prediction - target) ** power)


def own_network(factor):
    return Network(
        lambda *, key, dtype=None: {"w": jnp.zeros(2, dtype)},
        lambda params, x: factor * x @ params["w"],
    )


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"rule": optax.adam(0.1)}, {"rule": optax.adam(0.5)}),
        ({"rule": momentum(0.1)}, {"rule": momentum(0.1, nesterov=True)}),
        ({"rule": gradient_descent(0.1)}, {"rule": optax.sgd(0.1)}),
        ({"loss": lambda_of(2)}, {"loss": lambda_of(4)}),
        (
            {"loss": functools.partial(scaled_error, by=1.0)},
            {"loss": functools.partial(scaled_error, by=2.0)},
        ),
        ({"network": own_network(1.0)}, {"network": own_network(2.0)}),
        ({"gtol": 1e-9}, {"gtol": 1e-8}),
        ({"bounds": (-1.0, 1.0)}, {"bounds": (-2.0, 1.0)}),
    ],
)
@pytest.mark.one_case
def test_a_checkpoint_is_of_one_run_alone(first, other, tmp_path):
    x, y = table(40)
    how = {"network": LINEAR, "rule": adam(0.1), "l2": 0.0, "starts": 1, "key": KEY}

    def run(**changed):
        return fit(x=x, y=y, checkpoint=tmp_path / "c", **how | changed)

    run(**first, max_steps=2)
    assert run(**first, max_steps=4).result.steps == 4
    with pytest.raises(CheckpointError, match="of another run"):
        run(**other, max_steps=4)


def test_a_checkpoint_of_what_has_no_identity_is_refused(tmp_path):
    class Opaque:
        __slots__ = ()

        def __call__(self, prediction, target):
            return jnp.mean((prediction - target) ** 2)

    x, y = table(40)
    with pytest.raises(ValueError, match="cannot be told from another Opaque"):
        fit(LINEAR, x, y, key=KEY, loss=Opaque(), l2=0.0, checkpoint=tmp_path / "c")


def test_an_identity_is_the_same_in_every_process():
    code = (
        "import jax, jax.numpy as jnp, optax\n"
        "from nanonet.fitting.checkpoint import fingerprint\n"
        "from nanonet.network.network import mlp\n"
        "network = mlp([1, 2], jax.nn.gelu, jnp.tanh)\n"
        "names = {'b', 'a', 'c'}\n"
        "print(fingerprint(network.architecture, optax.adam(0.1), lambda: names))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    }
    assert len(printed) == 1


@pytest.mark.parametrize("parts", [{}, {"validation": 0.2}])
def test_sound_fits_pass_with_debug_nans(parts):
    x, y = table(40)
    with jax.debug_nans(True):
        found = fit(LINEAR, x, y, key=KEY, rule=adam(0.1), starts=1, **parts)
        evidence = fit(LINEAR, x, y, key=KEY, starts=1, **parts)
    for each in (found, evidence):
        assert np.isnan(each.record.test).all()
        assert np.isnan(each.record.validation).any() == (not parts)
    assert np.isnan(found.record.damping).all()
    assert np.isfinite(evidence.record.damping).all()


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.one_case
def test_sound_fits_pass_with_strict_promotion(classes):
    x, y = table()
    y = np.where(y > 0, "up", "down") if classes else y
    network = mlp([2, 3, 2], "tanh", "softmax") if classes else CURVED
    options = {"key": KEY, "starts": 1, "max_steps": 20, "test": 0.25}
    with jax.numpy_dtype_promotion("strict"):
        found = fit(network, x, y, **options)
        answers = found.predict(x)
    expected = fit(network, x, y, **options).predict(x)
    assert len(answers) == 60
    assert np.all(answers == expected) if classes else np.allclose(answers, expected)


def test_a_fit_inside_jit_is_refused():
    x, y = table(40)
    with pytest.raises(TypeError, match="fit looks at its results from Python"):
        jax.jit(lambda x: fit(LINEAR, x, y, key=KEY).params)(x)


def test_a_checkpoint_that_is_no_file(tmp_path):
    for path in (tmp_path, "/dev/null"):
        with pytest.raises(CheckpointError, match=f"{path} is no regular file"):
            fit(LINEAR, X, Y, key=KEY, l2=0.0, checkpoint=path)


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame(X, columns=["a", "a"])
    with pytest.raises(ValueError, match="x has several columns 'a'"):
        fit(LINEAR, frame, Y, key=KEY)


def test_importances_check_their_rows(line):
    x, y = table()
    with pytest.raises(ValueError, match="x has 60 rows, but y has 5"):
        line.importances(x, y[:5], key=KEY)
    x, y = load_iris(return_X_y=True)
    found = fit(
        mlp([4, 3], output="softmax"), x, y.astype(str), key=KEY, starts=1, max_steps=1
    )
    with pytest.raises(ValueError, match="y, row 0: 0 is none of '0', '1', '2'"):
        found.importances(x, y, key=KEY)


def test_a_warm_start_goes_on_and_is_checked(line):
    x, y = table()
    again = fit(LINEAR, x, y, key=KEY, l2=0.0, ftol=0.0, warm_start=line)
    assert again.result.steps <= 1
    of_model = fit(LINEAR, x, y, key=KEY, l2=0.0, max_steps=0, warm_start=line.model)
    np.testing.assert_array_equal(of_model.predict(x), line.predict(x))
    with pytest.raises(ValueError, match="warm_start is of another network"):
        fit(CURVED, x, y, key=KEY, warm_start=line)
    classify = mlp([2, 2], output="softmax")
    how = {"key": KEY, "starts": 1, "max_steps": 0}
    old = fit(classify, x, np.where(y > 0, "P", "Q"), **how)
    other = (
        r"warm_start was fitted to other targets: \[\('P', 'Q'\)\], not \[\(0, 1\)\]"
    )
    with pytest.raises(ValueError, match=other):
        fit(classify, x, np.where(y > 0, 1, 0), **how, warm_start=old)


def test_a_fit_is_short_pickles_and_is_a_pytree(curve):
    assert len(repr(curve)) < 300
    again = pickle.loads(pickle.dumps(curve))
    x, _ = table(200)
    np.testing.assert_array_equal(again.predict(x), curve.predict(x))
    assert again.model.network == curve.model.network
    assert again.best.model.network == curve.network
    doubled = jax.tree.map(lambda leaf: leaf, curve)
    np.testing.assert_array_equal(doubled.predict(x), curve.predict(x))


def test_warnings_name_the_callers_line():
    x = np.column_stack([X[:, 0], np.ones(6)])
    for learn in (fit, cross_validate):
        how = {"folds": 2} if learn is cross_validate else {}
        with pytest.warns(DataWarning) as caught:
            learn(LINEAR, x, Y, key=KEY, starts=1, max_steps=0, **how)
        assert {warning.filename for warning in caught} == {__file__}


X = np.arange(12.0).reshape(6, 2) ** 2
Y = np.array([0.0, 1, 0, 2, 1, 3])


def altered(position, value, dtype=float):
    x = X.astype(dtype)
    x[position] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (altered((3, 1), np.nan), Y, "x has 3 numbers in a row, since .* 'x2' are m"),
        (altered((slice(None), 1), np.nan), Y, "column 'x2' holds no value"),
        (altered((0, 0), -np.inf), Y, "x, row 0, column 0: -inf is infinite"),
        (altered((2, 1), "red", object), Y, "x, row 2, column 1: 'red' is not a num"),
        (pd.DataFrame(altered((2, 1), None, object), columns=["a", "b"]), Y, "'b'"),
        (X, altered(0, 0)[:, 0] * np.nan, "y, row 0, column 0.*in 6 of 6 rows"),
        (X, Y[:5], "x has 6 rows, but y has 5"),
        (X[:, :1], Y, "x has 1 columns, but the network has 2 inputs"),
        (X, X, "y has 2 columns, but the network has 1 outputs"),
        (X[:1], Y[:1], "x has 1 row"),
        (X[0], Y, r"shape \(2,\); it must be \[rows, columns\]"),
        (X[:0], Y[:0], "x has 0 rows"),
        (X, None, "y cannot be None"),
    ],
)
def test_tables_that_teach_nothing(x, y, message):
    with pytest.raises(ValueError, match=message):
        fit(LINEAR, x, y, key=KEY)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a"] * 6, "y holds only one class, 'a'"),
        (["a", "b", "c"] * 2, "y has 3 classes, but the network has 2 outputs"),
        (["a", None] * 3, "y, row 1: the class is missing"),
        ([1, "a"] * 3, "cannot be sorted"),
        (np.ones((6, 2)), "y, row 0"),
    ],
)
def test_classes_that_teach_nothing(y, message):
    y = np.array(y, object) if isinstance(y, list) else y
    with pytest.raises(ValueError, match=message):
        fit(mlp([2, 2], output="softmax"), X, y, key=KEY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l2": "bayes"}, "l2='bayes' must be a number"),
        ({"l2": -1.0}, "l2"),
        ({"sample_weight": [1.0]}, "sample_weight"),
        ({"sample_weight": np.zeros(6)}, "is zero everywhere"),
        ({"starts": 0}, "starts"),
        ({"patience": 0}, "patience"),
        ({"max_steps": -1}, "max_steps"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"validation": 1.5}, "validation"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(LINEAR, X, Y, key=KEY, **arguments)


def test_columns_are_known_by_name():
    x, y = table()
    frame = pd.DataFrame(x, columns=["length", "width"])
    found = fit(LINEAR, frame, y, key=KEY, starts=1)
    swapped = frame[["width", "length"]]
    np.testing.assert_array_equal(found.predict(swapped), found.predict(frame))
    with pytest.raises(ValueError, match="the table has no column 'width'"):
        found.predict(frame.rename(columns={"width": "breadth"}))
    with pytest.raises(ValueError, match=r"3 columns, but .* 2 \(length, width\)"):
        found.predict(np.ones((4, 3)))


def test_warnings_of_what_tells_nothing():
    columns = np.column_stack([X[:, 0], np.full(6, 4.0), X[:, 0]])
    network = mlp([3, 1], output="identity")
    with pytest.warns(DataWarning) as caught:
        fit(network, columns, Y, key=KEY, starts=1, max_steps=0)
    text = " ".join(str(warning.message) for warning in caught)
    assert "column 1 holds 4 in every row" in text
    assert "column 2 holds the same as column 0" in text
    with pytest.warns(DataWarning, match="has 13 parameters, but only 6 rows"):
        fit(CURVED, X, Y, key=KEY, starts=1, max_steps=0)


def test_a_fit_is_a_model_to_save(curve, tmp_path):
    x, _ = table()
    save_model(tmp_path / "m", curve.model)
    loaded = load_model(tmp_path / "m")
    np.testing.assert_array_equal(predict(loaded, x), curve.predict(x))
    np.testing.assert_array_equal(
        predict(loaded.members[0], x), predict(curve.best.model, x)
    )
    for method in ("linearized", "starts"):
        how = {"level": 0.8, "method": method}
        assert_same(
            predict_interval(loaded, x, **how), curve.predict_interval(x, **how)
        )
    assert repr(loaded).startswith("Model: committee of 3 networks 2-3-1, tanh and")
    assert [column.name for column in loaded.inputs] == ["x1", "x2"]


def test_several_outputs():
    x, y = table()
    both = np.column_stack([y, 1e6 * x[:, 0] - y])
    found = fit(mlp([2, 2], output="identity"), x, both, key=KEY, l2=0.0, starts=1)
    model = LinearRegression().fit(x, both)
    np.testing.assert_allclose(found.predict(x), model.predict(x), rtol=1e-6, atol=1e-5)
    unit = x.std(0) / both.std(0)[:, None]
    slopes = found.derivatives(x[:1])[0] * unit
    np.testing.assert_allclose(slopes, model.coef_ * unit, atol=1e-5)
    assert found.predict_interval(x).lower.shape == (60, 2)
    model = found.model
    assert_same(predict_interval(model, x), found.predict_interval(x))
    assert model.members[0].noise.factor.shape == (1, 6, 6)


def test_a_model_without_a_degree_of_freedom_has_no_intervals():
    x, y = table(4)
    with pytest.warns(DataWarning, match="more|only"):
        found = fit(CURVED, x, y, key=KEY, l2=0.0, starts=1, max_steps=20)
    with pytest.raises(ValueError, match="no degree of freedom"):
        found.predict_interval(x)
    with pytest.raises(ValueError, match="the model has no intervals"):
        predict_interval(found.model, x)


def test_new_numbers_compile_nothing_anew(line):
    x, y = table(50, seed=4)
    key = jax.random.key(8)
    with count_compilations() as compiled:
        fit(LINEAR, x, 2 * y, key=key, l2=0.01, starts=1, validation=0.0)
    assert compiled == []
    assert jnp.zeros(()).dtype == jnp.float32


def test_answers_are_short_and_pytrees(curve):
    x, _ = table()
    interval, important = curve.predict_interval(x), curve.importances(key=KEY)
    for answer, text in [
        (interval, "Interval: 60 predictions, ±"),
        (important, "Importances: x"),
        (curve.starts, "Starts: 3, of scores"),
        (curve.evidence, "Evidence: γ = "),
        (curve.scores[0], "Score(name='R²'"),
    ]:
        assert text in repr(answer)
        assert len(repr(answer)) < 120
        doubled = jax.tree.map(lambda leaf: 2 * leaf, answer)
        assert type(doubled) is type(answer)
    assert important.ranked()[0][1] == important.mean.max()


def test_a_cross_validation_is_drawn():
    x, y = table(33)
    how = {"key": KEY, "folds": 3, "starts": 1, "l2": 0.0, "max_steps": 1}
    found = cross_validate(LINEAR, x, y, **how)
    drawn = [line.get_ydata() for line in found.plot().lines]
    assert any(np.array_equal(found.prediction, each) for each in drawn)
    kind = np.where(y > 0, 1.0, 0.0)  # classes, though they are numbers
    found = cross_validate(mlp([2, 2], output="softmax"), x, kind, **how)
    counts = [int(text.get_text()) for text in found.plot().texts]
    assert sum(counts) == 33


def test_lapack_has_one_thread_while_a_fit_runs_and_its_own_again_after_it(monkeypatch):
    def threads():
        info = threadpool_info()
        return {of["num_threads"] for of in info if of["user_api"] == "blas"}

    seen, advance = set(), Batch.advance

    def watched(*given):
        seen.update(threads())
        return advance(*given)

    monkeypatch.setattr(Batch, "advance", watched)
    x = np.linspace(-1, 1, 20)[:, None]
    with threadpool_limits(2, user_api="blas"):
        fit(mlp([1, 1], output="identity"), x, x[:, 0], key=KEY, starts=1)
        assert threads() == {2}
    assert seen == {1}
