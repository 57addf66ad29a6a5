import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from helpers import ITS_OWN_PRECISION

from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.model.conformal import of_folds
from nanonet.model.model import predict
from nanonet.model.storage import load_model, save_model
from nanonet.network.network import mlp
from nanonet.objectives.losses import cross_entropy
from nanonet.objectives.objective import objective
from nanonet.rules._parts.registry import NAMED
from nanonet.solve.result import Status
from nanonet.table.encoding import encode, read_cells
from nanonet.table.read import TableError, read_table

pytestmark = ITS_OWN_PRECISION


QUICK = {"rule": "gradient_descent", "starts": 1, "max_steps": 20}


def wave(rows=120):
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, rows)
    colour = rng.choice(["red", "blue"], rows)
    y = 1e6 * (np.sin(2 * x) + (colour == "red"))
    return pd.DataFrame({"x": x, "colour": colour, "y": y})


@pytest.mark.slow
def test_iris_is_learnt_over_many_seeds():
    # Issue's own bar, with the rule that compiles once: 94 % over 20 seeds.
    frame = read_table("iris")
    fits = [
        fit_table(
            frame,
            "species",
            rule="gradient_descent",
            max_steps=1000,
            l2=0.01,
            starts=1,
            key=jax.random.key(seed),
        )
        for seed in range(20)
    ]
    accuracies = [fit.scores[0].test for fit in fits]
    assert [fit.scores[0].name for fit in fits] == ["accuracy"] * 20
    assert np.mean(accuracies) >= 0.94
    assert {fit.scores[0].baseline for fit in fits} <= {12 / 38, 13 / 38}


def test_a_function_is_learnt_whatever_its_units():
    found = fit_table(wave(), "y", starts=2)
    r_squared, rmse = found.scores
    assert r_squared.test > 0.98
    assert rmse.test < 0.15 * rmse.baseline
    assert rmse.baseline > 1e5


def test_scores_agree_with_their_definitions():
    frame = wave()
    found = fit_table(frame, "y", **QUICK)
    r_squared, rmse = found.scores
    prediction, y = predict(found.model, frame), frame["y"].to_numpy()
    # Both parts together: Σ(ŷ - y)² over all rows.
    total = (
        len(found.split.train) * rmse.train**2 + len(found.split.test) * rmse.test**2
    )
    np.testing.assert_allclose(total, np.sum((prediction - y) ** 2), rtol=1e-9)
    assert r_squared.baseline <= 0  # no constant beats the held-out rows' own mean


def test_the_held_out_part_is_stratified_and_the_rest_sets_the_scale():
    frame = pd.DataFrame(
        {"x": np.arange(40.0) ** 2, "kind": ["a"] * 28 + ["b"] * 8 + ["c"] * 4}
    )
    found = fit_table(frame, "kind", test=0.25, **QUICK)
    assert (len(found.split.train), len(found.split.test)) == (30, 10)
    assert found.scores[0].baseline == 0.7  # 7 + 2 + 1 rows are held out
    (column,) = found.model.inputs
    assert column.mean != frame["x"].mean()


def test_j_is_the_mean_over_the_training_rows_alone():
    frame = read_table("iris")
    found = fit_table(frame, "species", l2=0.5, test=0.5, **QUICK)
    model, result = found.model, found.result
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, result.params)
        penalty = sum(np.sum(np.square(layer.w)) for layer in result.params) / 4
        mean = float(result.value) - penalty
        x = jnp.asarray(encode(model.inputs, frame))
        y = jnp.asarray(encode(model.targets, frame))
        whole = float(objective(model.network, cross_entropy, x, y)(params))
    assert len(found.split.train) == len(found.split.test) == 75
    assert mean != pytest.approx(whole, rel=1e-6)
    assert mean == pytest.approx(whole, rel=0.3)


def test_a_table_is_learnt_as_its_matrix_is():
    frame = read_table("iris")
    x = frame.drop(columns="species").to_numpy(float)
    how = {"key": jax.random.key(3), "test": 0.25, "starts": 2, "max_steps": 30}
    table = fit_table(frame, "species", **how)
    network = mlp([4, 10, 3], "tanh", "softmax", skip=True)
    matrix = fit(network, x, frame["species"], **how)
    assert table.scores == matrix.scores
    np.testing.assert_array_equal(table.record.value, matrix.record.value)
    np.testing.assert_array_equal(table.predict(frame), matrix.predict(x))
    key = jax.random.key(1)
    importances = [each.importances(key=key, repeats=2) for each in (table, matrix)]
    np.testing.assert_array_equal(importances[0].values, importances[1].values)
    assert importances[0].names == tuple(frame.columns[:4])


def test_the_categories_of_a_column_are_shuffled_together():
    frame = wave()
    found = fit_table(frame, "y", starts=1)
    important = found.importances(key=jax.random.key(0), repeats=5)
    assert important.names == ("x", "colour")
    assert important.values.shape == (2, 5)
    again = found.importances(frame, frame["y"], key=jax.random.key(0), repeats=5)
    assert again.mean.min() > 0


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_missing_cells_are_filled_by_the_rows_learnt_from(tmp_path):
    frame = wave(40)
    frame.loc[::5, "x"] = np.nan
    frame.loc[2::7, "colour"] = None
    few = {"hidden": 2, "skip": False, "starts": 1, "max_steps": 5}
    found = fit_table(frame, "y", **few, folds=2)
    x, indicator = frame["x"].to_numpy(), frame["x"].isna().to_numpy()
    z, _, _ = found.examples.scaled()
    known = x[found.split.train][~indicator[found.split.train]]
    by_hand = np.where(indicator, 0, (x - known.mean()) / known.std())
    np.testing.assert_allclose(z[:, 0], by_hand, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(z[:, 1], indicator)
    np.testing.assert_array_equal(z[:, -1], frame["colour"].isna())
    importances = found.importances(key=jax.random.key(0), repeats=2)
    assert importances.names == ("x", "colour")
    save_model(tmp_path / "model", found.model)
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(predict(loaded, frame), found.predict(frame))
    cells = read_cells(found.inputs, frame)
    answers = of_folds(loaded.member, loaded.folds, cells)
    params = jax.tree.map(np.asarray, loaded.folds.params)
    for f, (mean, scale) in enumerate(loaded.folds.inputs):
        z = np.where(np.isnan(cells), 0, (cells - mean) / scale)
        (w, b), (v, c) = [(layer.w[f, 0], layer.b[f, 0]) for layer in params]
        centre, unit = loaded.folds.targets[f]
        of_fold = (np.tanh(z @ w + b) @ v + c) * unit + centre
        np.testing.assert_allclose(answers[:, f], of_fold, rtol=1e-9, atol=1e-12)


def test_old_keywords_work_and_warn():
    frame = read_table("iris")
    with pytest.warns(DeprecationWarning, match="write key=… for seed="):
        old = fit_table(frame, "species", seed=3, test=0.5, **QUICK)
    with pytest.warns(DeprecationWarning, match="write test=… for test_fraction="):
        new = fit_table(
            frame, "species", key=jax.random.key(3), test_fraction=0.5, **QUICK
        )
    assert old.result.value == new.result.value


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_labels_that_are_one_number_are_one_class():
    frame = wave(40).assign(two=["0", "0.0", "1", "1.00"] * 10)
    found = fit_table(frame, "two", ignore=["y"], **QUICK)
    assert found.targets[0].levels == ("0", "1")
    assert found.examples.y.sum(0).tolist() == [20, 20]


def test_the_seed_decides_everything():
    frame = read_table("iris")
    first, again, other = (
        fit_table(frame, "species", key=jax.random.key(seed), **QUICK)
        for seed in (3, 3, 4)
    )
    assert first.scores == again.scores
    assert float(first.result.value) == float(again.result.value)
    assert float(first.result.value) != float(other.result.value)


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_targets_tell_the_task():
    frame = wave(20).assign(two=[0, 1] * 10, three=[0, 1, 2, 1] * 5)
    assert fit_table(frame, "three", **QUICK).targets[0].levels is None
    named = fit_table(frame, "three", categorical=["three"], **QUICK)
    assert named.targets[0].levels == ("0", "1", "2")
    two = fit_table(frame, "two", ignore=["y"], categorical=["three"], **QUICK)
    assert two.targets[0].levels == ("0", "1")
    assert [column.name for column in two.model.inputs] == ["x", "colour", "three"]
    assert [column.width for column in two.model.inputs] == [1, 2, 3]


@pytest.mark.parametrize("rule", ["gradient_descent", "momentum", "rmsprop", "adam"])
def test_every_named_rule_learns_at_its_usual_rate(rule):
    how = {"starts": 1, "max_steps": 300}
    found = fit_table(read_table("iris"), "species", rule=rule, **how)
    assert found.scores[0].train > 0.94
    rate = NAMED[rule].learning_rate
    same = fit_table(
        read_table("iris"), "species", rule=rule, learning_rate=rate, **how
    )
    assert same.result.value == found.result.value


def test_a_diverging_run_keeps_the_best_parameters():
    found = fit_table(wave(), "y", rule="gradient_descent", learning_rate=1e6, starts=1)
    assert found.result.status is Status.NON_FINITE
    assert np.isfinite(found.scores[1].test)


def test_time_is_limited():
    found = fit_table(wave(), "y", time_limit=0.0, starts=1)
    assert found.result.status is Status.TIME_LIMIT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": 1.0}, "'y' holds 1.0 in every row"),
        ({"x": 1.0}, "'x' holds 1.0 in every row"),
        ({"x": [f"row {i}" for i in range(12)]}, "'x' holds another text in every row"),
        ({"y": ["a"] * 11 + ["b"]}, "class 'b' of 'y' has 1 row; at least 2"),
        ({"x": ["2024-01-31", "2024-02-01"] * 6}, "'x' holds what looks like dates"),
        ({"x": ["1/2/24 10:30", "13/2/24 8:00"] * 6}, "looks like dates, such as"),
        ({"x": ["1,234", "12,345.5"] * 6}, "'x' .*thousands, .*'1,234'.* 1234.5 for"),
        ({"x": ["1 234", "1 234 567"] * 6}, "numbers with separators of thousands"),
        ({"y": ["0,5", "1,5"] * 6}, "'y' .*decimal commas, such as '0,5': write 1.5"),
    ],
)
def test_tables_that_teach_nothing(change, message):
    with pytest.raises(TableError, match=message):
        fit_table(wave(12).assign(**change), "y")


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_what_looks_like_a_date_may_be_a_category():
    frame = wave(40).assign(colour=["2024-01-31", "2024-02-01"] * 20)
    found = fit_table(frame, "y", categorical=["colour"], **QUICK)
    (levels,) = (c.levels for c in found.inputs if c.name == "colour")
    assert levels == ("2024-01-31", "2024-02-01")


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_columns_whose_names_are_numbers():
    frame = wave(40).drop(columns="colour").set_axis([0, "y"], axis="columns")
    frame[1] = frame[0] ** 2
    found = fit_table(frame, "y", **QUICK)
    swapped = frame[[1, "y", 0]]
    np.testing.assert_array_equal(found.predict(swapped), found.predict(frame))


def test_numbers_that_are_told_apart_as_text_alone():
    frame = wave(12).assign(id=[str(10**24 + i) for i in range(12)])
    with pytest.raises(TableError, match="'id' holds numbers that float64 cannot tell"):
        fit_table(frame, "y")


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_too_few_rows_or_columns():
    with pytest.raises(TableError, match="the table has 3 rows; at least 4 are needed"):
        fit_table(wave(120)[:3].assign(y=[1, 2, 3]), "y", ignore=["colour"])
    fit_table(pd.DataFrame({"x": [1, 2, 3, 4], "y": [1, 2, 3, 5]}), "y", **QUICK)
    with pytest.raises(TableError, match="no column is left to predict 'y' from"):
        fit_table(wave(), "y", ignore=["x", "colour"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "z"}, "target='z' is unknown"),
        ({"ignore": ["colours"]}, "ignore='colours' is unknown; did you mean 'colour'"),
        ({"categorical": ["X"]}, "categorical='X' is unknown"),
        ({"rule": "adma"}, "rule='adma' is unknown; did you mean 'adam'"),
        ({"learning_rate": -1.0, "rule": "gradient_descent"}, "learning_rate"),
        ({"l2": -1.0}, "l2"),
        ({"hidden": -1}, "sizes"),
        ({"test": 1.0}, "test"),
        ({"max_steps": -1}, "max_steps"),
        ({"time_limit": -1.0}, "time_limit"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_table(wave(), **{"target": "y", **arguments})
