import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from nanonet.fitting.fit_table import fit_table
from nanonet.model.model import predict
from nanonet.objectives.losses import cross_entropy
from nanonet.objectives.objective import objective
from nanonet.rules._parts.registry import RULES
from nanonet.solve.result import Status
from nanonet.table.read import TableError, read_table


@pytest.fixture(autouse=True, params=[False], ids=["x32"])
def x64(request):
    """Off, so that what is tested has to turn float64 on by itself."""
    with jax.enable_x64(request.param):
        yield request.param


QUICK = {"rule": "gradient_descent", "max_steps": 20}


def wave(rows=120):
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, rows)
    colour = rng.choice(["red", "blue"], rows)
    y = 1e6 * (np.sin(2 * x) + (colour == "red"))
    return pd.DataFrame({"x": x, "colour": colour, "y": y})


def test_iris_is_learnt_over_many_seeds():
    # Issue's own bar, with the rule that compiles once: 94 % over 20 seeds.
    frame = read_table("iris")
    fits = [
        fit_table(frame, "species", rule="gradient_descent", max_steps=1000, seed=seed)
        for seed in range(20)
    ]
    accuracies = [fit.scores[0].held_out for fit in fits]
    assert [fit.scores[0].name for fit in fits] == ["accuracy"] * 20
    assert np.mean(accuracies) >= 0.94
    assert {fit.scores[0].baseline for fit in fits} == {1 / 3}


def test_a_function_is_learnt_whatever_its_units():
    fit = fit_table(wave(), "y", l2=1e-4)
    r_squared, rmse = fit.scores
    assert r_squared.held_out > 0.98
    assert rmse.held_out < 0.15 * rmse.baseline
    assert rmse.baseline > 1e5


def test_scores_agree_with_their_definitions():
    frame = wave()
    fit = fit_table(frame, "y", **QUICK)
    r_squared, rmse = fit.scores
    prediction, y = predict(fit.model, frame), frame["y"].to_numpy()
    # Both parts together: Σ(ŷ - y)² over all rows.
    total = fit.train_rows * rmse.train**2 + fit.held_out_rows * rmse.held_out**2
    np.testing.assert_allclose(total, np.sum((prediction - y) ** 2), rtol=1e-9)
    assert r_squared.baseline <= 0  # no constant beats the held-out rows' own mean


def test_the_held_out_part_is_stratified_and_the_rest_sets_the_scale():
    frame = pd.DataFrame(
        {"x": np.arange(40.0) ** 2, "kind": ["a"] * 28 + ["b"] * 8 + ["c"] * 4}
    )
    fit = fit_table(frame, "kind", test_fraction=0.25, **QUICK)
    assert (fit.train_rows, fit.held_out_rows) == (30, 10)
    assert fit.scores[0].baseline == 0.7  # 7 + 2 + 1 rows are held out
    (column,) = fit.model.inputs
    assert column.mean != frame["x"].mean()


def test_j_is_the_mean_over_the_training_rows_alone():
    frame = read_table("iris")
    fit = fit_table(frame, "species", l2=0.5, test_fraction=0.5, **QUICK)
    model, result = fit.model, fit.result
    with jax.enable_x64(True):
        penalty = sum(np.sum(np.square(layer.w)) for layer in result.params) / 4
        mean = float(result.value) - penalty
        x = jnp.hstack([jnp.asarray(c.encode(frame[c.name])) for c in model.inputs])
        y = jnp.asarray(model.target.encode(frame["species"]))
        whole = float(objective(model.network, cross_entropy, x, y)(result.params))
    assert fit.train_rows == fit.held_out_rows == 75
    assert mean != pytest.approx(whole, rel=1e-6)
    assert mean == pytest.approx(whole, rel=0.3)


def test_the_seed_decides_everything():
    frame = read_table("iris")
    first, again, other = (
        fit_table(frame, "species", seed=seed, **QUICK) for seed in (3, 3, 4)
    )
    assert first.scores == again.scores
    assert float(first.result.value) == float(again.result.value)
    assert float(first.result.value) != float(other.result.value)


@pytest.mark.filterwarnings("ignore::nanonet.table.checks.DataWarning")
def test_targets_tell_the_task():
    frame = wave(20).assign(two=[0, 1] * 10, three=[0, 1, 2, 1] * 5)
    assert fit_table(frame, "three", **QUICK).model.target.levels is None
    named = fit_table(frame, "three", categorical=["three"], **QUICK)
    assert named.model.target.levels == ("0", "1", "2")
    two = fit_table(frame, "two", ignore=["y"], categorical=["three"], **QUICK)
    assert two.model.target.levels == ("0", "1")
    assert [column.name for column in two.model.inputs] == ["x", "colour", "three"]
    assert [column.width for column in two.model.inputs] == [1, 2, 3]


@pytest.mark.parametrize("rule", RULES)
def test_every_named_rule_learns_at_its_usual_rate(rule):
    fit = fit_table(read_table("iris"), "species", rule=rule, max_steps=500)
    assert fit.learning_rate == RULES[rule].learning_rate
    assert fit.scores[0].train > 0.94


def test_a_diverging_run_keeps_the_best_parameters():
    fit = fit_table(wave(), "y", rule="gradient_descent", learning_rate=1e6)
    assert fit.result.status is Status.NON_FINITE
    assert np.isfinite(fit.scores[1].held_out)


def test_time_is_limited():
    fit = fit_table(wave(), "y", time_limit=0.0)
    assert fit.result.status is Status.TIME_LIMIT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": 1.0}, "'y' holds 1.0 in every row"),
        ({"x": 1.0}, "'x' holds 1.0 in every row"),
        ({"x": [f"row {i}" for i in range(12)]}, "'x' holds another text in every row"),
        ({"y": ["a"] * 11 + ["b"]}, "class 'b' of 'y' has 1 row; at least 2"),
    ],
)
def test_tables_that_teach_nothing(change, message):
    with pytest.raises(TableError, match=message):
        fit_table(wave(12).assign(**change), "y")


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
        ({"hidden": 0}, "sizes"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"max_steps": -1}, "max_steps"),
        ({"time_limit": -1.0}, "time_limit"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_table(wave(), **{"target": "y", **arguments})
