import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from helpers import ITS_OWN_PRECISION, assert_close
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import nanonet.model.rows
from nanonet.estimator import NetClassifier, NetRegressor
from nanonet.network.network import mlp
from nanonet.objectives.losses import mean_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules._parts.registry import NAMED
from nanonet.rules.adam import adam
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.solve.minimize import minimize
from nanonet.table.checks import DataWarning

pytestmark = ITS_OWN_PRECISION


#: A rule that compiles fast, for the checks come with tables of many shapes; some have
#: so many columns that gradient descent's usual rate is too large.
QUICK = dict(rule="adam", starts=1, max_steps=100, random_state=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [NetRegressor, NetClassifier])
def test_scikit_learns_own_checks(estimator, monkeypatch):
    # One length, so fewer programs.
    monkeypatch.setattr(nanonet.model.rows, "padded_length", lambda n: max(512, n))
    results = check_estimator(estimator((3,), **QUICK), on_fail=None)
    assert len(results) > 50
    assert [r["check_name"] for r in results if r["status"] == "failed"] == []
    # This one is skipped for every estimator unless SCIPY_ARRAY_API is set.
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}


@pytest.fixture(scope="module")
def wave():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (60, 2))
    noise = 0.02 * rng.normal(size=60)
    return x, 1e6 * (np.sin(2 * x[:, 0]) + x[:, 1] + noise)


def test_the_usual_rule_learns_and_pickles(wave):
    x, y = wave
    net = NetRegressor((4,), starts=2, random_state=0).fit(x, y)
    assert net.score(x, y) > 0.99
    assert net.status_.converged
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(x), net.predict(x))
    same = NetRegressor((4,), starts=2, random_state=0).fit(x, y)
    np.testing.assert_array_equal(same.predict(x), net.predict(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pipelines_searches_and_frames(wave):
    x, y = wave
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(text="none")
    columns = make_column_transformer((StandardScaler(), ["a", "b"]))
    pipeline = make_pipeline(columns, NetRegressor((3,), **QUICK))
    search = GridSearchCV(pipeline, {"netregressor__l2": [1e-4, 1e4]}, cv=2)
    assert search.fit(frame, y).best_params_ == {"netregressor__l2": 1e-4}
    assert np.isfinite(cross_val_score(pipeline, frame, y, cv=2)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_and_partial_fit_go_on(wave):
    x, y = wave
    net = NetRegressor((3,), **QUICK, warm_start=True).fit(x, y)
    first = net.loss_
    assert net.fit(x, y).loss_curve_[0] == pytest.approx(first)
    assert net.loss_ < first
    part = NetRegressor((3,), random_state=0).partial_fit(x[:50], y[:50])
    before = part.score(x, y)
    for _ in range(20):
        part.partial_fit(x[:50], y[:50])
    assert part.score(x, y) > before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_parts_know_no_evidence(wave):
    with pytest.raises(TypeError, match="l2='evidence' must be a number"):
        NetRegressor((3,), l2="evidence").partial_fit(*wave)


def test_classes_that_come_in_parts():
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    net = NetClassifier((3,), random_state=0)
    net.partial_fit(x[:100], names[:100], classes=np.unique(names))
    for _ in range(30):
        net.partial_fit(x, names)
    assert net.score(x, names) > 0.9
    assert net.predict_proba(x[:2]).shape == (2, 3)
    with pytest.raises(ValueError, match="rose, which is none of the classes"):
        net.partial_fit(x, np.full(150, "rose"))
    with pytest.raises(ValueError, match="classes must be given"):
        NetClassifier().partial_fit(x, names)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_outputs_and_weights(wave):
    x, y = wave
    both = np.column_stack([y, x[:, 0]])
    net = NetRegressor((3,), **QUICK).fit(x, both, sample_weight=np.arange(1.0, 61))
    assert net.predict(x).shape == (60, 2)


def test_a_run_that_is_not_done_warns(wave):
    with pytest.warns(ConvergenceWarning, match="limit of steps"):
        NetRegressor((3,), **QUICK).fit(*wave)


def test_unknown_rules_are_named(wave):
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        NetRegressor(rule="adma").fit(*wave)


def stream(rows=400):
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, (rows, 2))
    y = np.sin(2 * x[:, 0]) * x[:, 1] + 0.05 * rng.normal(size=rows)
    return x, y


def test_batches_of_any_size_are_learnt_from():
    x, y = stream()
    net = NetRegressor((10,), random_state=0)
    rng = np.random.default_rng(0)
    for size in (150, 1, *[10] * 60):
        rows = rng.choice(300, size, replace=False)
        net.partial_fit(x[rows], y[rows])
    net.partial_fit(x[:5], y[:5], sample_weight=np.zeros(5))
    unpenalized = NetRegressor((10,), random_state=0, l2=0.0)
    rng = np.random.default_rng(0)
    for size in (150, 1, *[10] * 60):
        rows = rng.choice(300, size, replace=False)
        unpenalized.partial_fit(x[rows], y[rows])
    assert net.score(x[300:], y[300:]) > unpenalized.score(x[300:], y[300:]) - 0.05


def test_the_state_of_the_rule_that_was_asked_for_is_carried_on():
    x, y = stream(64)
    net = NetRegressor((4,), random_state=0, l2=0.01, rule="adam")
    for _ in range(3):
        net.partial_fit(x, y)
    network = mlp([2, 4, 1], "tanh", "identity", skip=True)
    model = NetRegressor((4,), random_state=0, l2=0.01).partial_fit(x, y).model_
    with jax.enable_x64(True):
        key = jax.random.key(np.random.RandomState(0).randint(2**31 - 1))
        (start,) = jax.random.split(key, 1)
        z = (x - x.mean(0)) / x.std(0)
        J = objective(network, mean_squared_error, z, (y - y.mean()) / y.std(), l2=0.01)
        rule = adam(NAMED["adam"].learning_rate)
        params = network.init(start, dtype=float)
        whole = minimize(J, params, rule, max_steps=30, gtol=0.0)
        first = minimize(J, params, adam(0.01), max_steps=10, gtol=0.0)
    for ours, theirs in ((net.model_, whole), (model, first)):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10),
            ours.params,
            theirs.params,
        )


def test_after_a_fit_each_of_its_networks_goes_on():
    x, y = stream(64)
    net = NetRegressor(
        (4,), l2=0.01, **QUICK | {"rule": "gradient_descent", "starts": 3}
    )
    with pytest.warns(ConvergenceWarning):
        net.fit(x, y)
    fitted = net.model_
    assert len(fitted.members) == 3
    new_x, new_y = stream(70)
    net.partial_fit(new_x[64:], new_y[64:])
    column = fitted.targets[0]
    inputs = zip(new_x[64:].T, fitted.inputs, strict=True)
    z = np.stack([(cells - c.mean) / c.scale for cells, c in inputs], axis=1)
    rule = gradient_descent(NAMED["gradient_descent"].learning_rate)
    with jax.enable_x64(True):
        targets = (new_y[64:] - column.mean) / column.scale
        network = mlp([2, 4, 1], "tanh", "identity")
        J = objective(network, mean_squared_error, z, targets, l2=0.01)
        for before, after in zip(fitted.members, net.model_.members, strict=True):
            params = jax.tree.map(jnp.asarray, before.params)
            expected = minimize(J, params, rule, max_steps=10, gtol=0.0).params
            assert_close(after.params, expected, rtol=1e-9, atol=1e-12)
    assert net.score(x, y) > 0.0
    np.testing.assert_allclose(
        net.predict(x), np.mean([nanonet.predict(m, x) for m in net.model_.members], 0)
    )
    with pytest.raises(ValueError, match="partial_fit went on with it"):
        net.predict_interval(x)


def test_probabilities_that_round_to_zero_have_logarithms():
    x = np.array([[-1.0], [1.0]]).repeat(20, axis=0)
    net = NetClassifier((2,), l2=0.0, **QUICK | {"max_steps": 300})
    with pytest.warns(ConvergenceWarning):
        net.fit(x + 0.01 * np.arange(40)[:, None], np.repeat([0, 1], 20))
    logs = net.predict_log_proba(x)
    np.testing.assert_allclose(logs, np.log(net.predict_proba(x)), rtol=1e-9)
    assert np.isfinite(net.predict_log_proba(1e3 * x)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_float32_in_is_float32_out(wave):
    x, y = wave
    net = NetRegressor((3,), **QUICK).fit(x, y)
    kind = NetClassifier((3,), **QUICK).fit(x, y > np.median(y))
    for predict in (net.predict, kind.predict_proba, kind.predict_log_proba):
        found, exact = predict(x.astype(np.float32)), predict(x)
        assert (found.dtype, exact.dtype) == (np.float32, np.float64)
        rounding = 1e-5 * np.abs(exact).max()
        np.testing.assert_allclose(found, exact, rtol=0, atol=rounding)


def test_a_line_is_as_uncertain_as_the_textbook_says():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 2))
    y = 50 + 9 * (x @ [1.0, -2.0] + rng.normal(size=30))
    net = NetRegressor((), l2=0.0, starts=1, random_state=0).fit(x, y)
    X = np.column_stack([np.ones(30), x])
    inverse = np.linalg.inv(X.T @ X)
    residuals = y - X @ inverse @ X.T @ y
    spread = np.einsum("ij,jk,ik->i", X, inverse, X)
    scale = np.sqrt(np.sum(residuals**2) / 27 * (1 + spread))
    mean, std = net.predict(x, return_std=True)
    np.testing.assert_allclose(mean, y - residuals, rtol=1e-5)
    np.testing.assert_allclose(std, scale * scipy.stats.t.std(27), rtol=1e-5)
    found = net.predict_interval(x, level=0.9)
    np.testing.assert_allclose(
        found.upper, mean + scale * scipy.stats.t.ppf(0.95, 27), rtol=1e-5
    )
    for each in (*net.predict(x.astype(np.float32), return_std=True), found.lower):
        assert each.shape == (30,)
    assert net.predict(x.astype(np.float32), return_std=True)[1].dtype == np.float32
    part = NetRegressor((), random_state=0).partial_fit(x, y)
    with pytest.raises(ValueError, match="partial_fit went on with it"):
        part.predict(x, return_std=True)


def test_noise_that_grows_is_told():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (400, 1))
    y = 50 + 9 * (x[:, 0] + np.exp(0.5 * x[:, 0]) * rng.normal(size=400))
    net = NetRegressor((), l2=0.0, starts=1, noise="heteroscedastic", random_state=0)
    _, std = net.fit(x, y).predict(ends := np.array([[-1.5], [1.5]]), return_std=True)
    np.testing.assert_allclose(std, 9 * np.exp(0.5 * ends[:, 0]), rtol=0.15)
    bounds = net.predict_interval(ends, level=0.9)
    half = scipy.stats.norm.ppf(0.95) * std
    np.testing.assert_allclose((bounds.upper - bounds.lower) / 2, half, rtol=0.01)
    with pytest.raises(ValueError, match="noise='heteroscedastic' needs all rows"):
        net.partial_fit(x, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_folds_give_bounds_and_sets_with_a_guarantee(wave):
    x, y = wave
    net = NetRegressor((), l2=0.0, starts=1, random_state=0, folds=60).fit(x, y)
    X, sides = np.column_stack([np.ones(60), x]), []
    for i in range(60):
        beta = np.linalg.lstsq(np.delete(X, i, 0), np.delete(y, i), rcond=None)[0]
        sides.append((X @ beta, abs(y[i] - X[i] @ beta)))
    found = net.predict_interval(x, level=0.9)
    # ⌊0.1 · 61⌋ = 6, ⌈0.9 · 61⌉ = 55.
    lower = np.sort([centre - r for centre, r in sides], 0)[5]
    upper = np.sort([centre + r for centre, r in sides], 0)[54]
    np.testing.assert_allclose(found.lower, lower, atol=1e-5 * np.ptp(y))
    np.testing.assert_allclose(found.upper, upper, atol=1e-5 * np.ptp(y))
    kind = NetClassifier((), **QUICK, folds=5).fit(x, y > 0)
    sets = kind.predict_set(x, level=0.8)
    assert sets.classes == (False, True)
    assert np.mean(sets.contains[np.arange(60), (y > 0).astype(int)]) > 0.7
    with pytest.raises(ValueError, match="fit with folds=10"):
        NetClassifier((), **QUICK).fit(x, y > 0).predict_set(x)


def test_one_number_of_hidden_units_is_one_layer(wave):
    x, y = wave
    net = NetRegressor(4, skip=True, random_state=0).partial_fit(x, y)
    assert net.model_.network.architecture.sizes == (2, 4, 1)
    assert net.model_.network.architecture.skip
    told = "goes on with one network: .* and a linear part is not network 2-4-2"
    with pytest.raises(ValueError, match=told):
        net.partial_fit(x, np.column_stack([y, y]))


def test_text_is_categories_and_those_of_few_rows_are_one(wave):
    """As an indicator of the one category that has five rows is to a line."""
    x, y = wave
    kind = np.array(["p"] * 50 + ["q"] * 4 + ["r"] * 4 + ["s"] * 2)
    y = y + 1e6 * (kind == "p")
    frame = pd.DataFrame({"a": x[:, 0], "kind": kind})
    given = {"starts": 1, "l2": 0.0, "random_state": 0}
    net = NetRegressor(0, **given, rare=5, skip=True).fit(frame, y)
    assert net.model_.inputs[1].levels == ("p", "rare")
    two = np.column_stack([x[:, 0], kind == "p"])
    by_hand = LinearRegression().fit(two, y)
    np.testing.assert_allclose(net.predict(frame), by_hand.predict(two), rtol=1e-5)
    new = two * [1, 0]  # is rare
    answers = net.predict(frame.assign(kind="never seen"))
    np.testing.assert_allclose(answers, by_hand.predict(new), rtol=1e-5)
    assert np.ptp(net.predict_interval(frame, level=0.9).lower) > 0
    assert net.predict(frame, return_std=True)[1].shape == (60,)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(net)).predict(frame), net.predict(frame)
    )
    told = pytest.raises(ValueError, match="data frame, because 'kind' holds categ")
    with told, pytest.warns(UserWarning, match="valid feature names"):
        net.predict(x)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame.rename(columns={"kind": "sort"}))
    codes = frame.assign(kind=np.where(kind == "p", 1, 2))
    coded = NetRegressor((), **given, categorical=["kind"]).fit(codes, y)
    assert coded.model_.inputs[1].levels == ("1", "2")
    np.testing.assert_allclose(coded.predict(codes), net.predict(frame), rtol=1e-5)
    with pytest.raises(ValueError, match="categorical='b'"):
        NetRegressor(categorical=["b"]).fit(codes, y)
    with pytest.raises(ValueError, match="rare=-1 must be"):
        NetRegressor(rare=-1).fit(frame, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        NetRegressor(rare=5).fit(frame, y[:7])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_is_of_the_same_network_and_classes(wave):
    x, y = wave
    net = NetRegressor((3,), **QUICK, warm_start=True).fit(x, y)
    with pytest.raises(ValueError, match="warm_start is of another network"):
        net.set_params(hidden=(7,)).fit(x, y)
    with pytest.raises(ValueError, match="warm_start is of another network"):
        net.set_params(hidden=(3,)).fit(x[:, :1], y)
    part = NetClassifier((2,)).partial_fit(x, y > 0, classes=[False, True])
    with pytest.raises(ValueError, match="differ from those of the first call"):
        part.partial_fit(x, y > 0, classes=[0, 1, 2])


def test_missing_cells_are_learnt_from_as_by_hand(wave):
    """NaN is what an imputed column and scikit-learn's indicator are to a line."""
    x, y = wave[0].copy(), wave[1]
    x[:, 1] = np.cos(3 * x[:, 1])
    x[::3, 1] = np.nan
    net = NetRegressor((), starts=1, l2=0.0, random_state=0).fit(x, y)
    by_hand = make_pipeline(SimpleImputer(add_indicator=True), LinearRegression())
    by_hand.fit(x, y)
    np.testing.assert_allclose(net.predict(x), by_hand.predict(x), rtol=1e-5)
    assert net.model_.inputs[1].labels() == ["x2", "x2 = missing"]
    with pytest.warns(DataWarning, match="column 0: missing in 1 of 2 rows"):
        answers = net.predict([[np.nan, 0.5], [0.1, np.nan]])
    assert np.isfinite(answers).all()
    part = NetRegressor((2,), random_state=0).partial_fit(x, y)
    part.partial_fit(x[1:3], y[1:3])
    assert part.model_.inputs[1].missing
