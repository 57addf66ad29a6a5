import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nanonet.rules.adam import adam
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.momentum import momentum
from nanonet.solve.compare import compare
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

only_x64 = pytest.mark.precision("x64")


def J(theta):
    return theta["u"] ** 2 + 10 * theta["v"] ** 2


@only_x64
def test_each_rule_runs_as_it_does_alone():
    start = {"u": 3.0, "v": 1.0}
    rules = {
        "descent": gradient_descent(0.05),
        "optax": optax.sgd(0.05),
        "quick <b>": gradient_descent(0.09),
        "too fast": gradient_descent(1.0),
    }
    comparison = compare(J, start, rules, max_steps=40, goal=1e-4)
    assert list(comparison.results) == list(comparison.seconds) == list(rules)
    alone = minimize(J, start, rules["descent"], max_steps=40, goal=1e-4)
    result = comparison.results["descent"]
    assert (result.steps, result.status) == (alone.steps, Status.STEP_LIMIT)
    np.testing.assert_array_equal(result.history.value, alone.history.value)
    # u ← (1 - 2α)u and v ← (1 - 20α)v, by hand
    np.testing.assert_allclose(result.value, (3 * 0.9**40) ** 2, rtol=1e-12)
    np.testing.assert_allclose(comparison.results["optax"].value, result.value)

    rows = {row["rule"]: row for row in comparison.rows()}
    assert rows["descent"]["J"] == result.value
    assert rows["descent"]["evaluations"] == 41
    assert rows["too fast"]["status"] is not Status.GOAL
    assert all(row["seconds"] > 0 for row in rows.values())
    lines = str(comparison).splitlines()
    steps = next(
        t for t in range(40) if 9 * 0.82 ** (2 * t) + 10 * 0.8 ** (2 * t) <= 1e-4
    )
    (line,) = (line for line in lines if "quick" in line)
    assert line.split()[:4] == ["quick", "<b>", f"{steps}", f"{steps + 1}"]
    assert line.endswith("J reached the goal.")
    assert "quick &lt;b&gt;" in comparison._repr_html_()

    curves = comparison.plot().lines
    assert [curve.get_label() for curve in curves] == list(rules)
    np.testing.assert_array_equal(curves[0].get_ydata(), result.history.value)


@only_x64
def test_rules_of_a_list_are_named_after_what_made_them():
    rules = [gradient_descent(0.05), adam(0.1, b1=0.8), adam(0.1)]
    comparison = compare(J, {"u": 3.0, "v": 1.0}, rules, max_steps=2)
    assert list(comparison.results) == [
        "gradient_descent(0.05)",
        "adam(0.1, b1=0.8)",
        "adam(0.1)",
    ]


@only_x64
@pytest.mark.parametrize(
    ("rules", "error", "words"),
    [
        ([], ValueError, "rules is empty"),
        (
            [gradient_descent(0.1), optax.sgd(0.1)],
            ValueError,
            r"rules\[1\] has no name",
        ),
        ([adam(0.1), adam(0.1)], ValueError, r"rules\[1\] is adam\(0.1\) once more"),
    ],
)
def test_bad_input(rules, error, words):
    with pytest.raises(error, match=words):
        compare(J, {"u": jnp.ones(()), "v": 1.0}, rules)


@only_x64
def test_a_result_knows_its_rule_and_is_a_tree_like_those_of_others():
    rules = [gradient_descent(0.25), momentum(0.1, form="ewma")]
    ends = [minimize(jnp.square, 1.0, rule, max_steps=2) for rule in rules]
    names = ["gradient_descent(0.25)", "momentum(0.1, form='ewma')"]
    assert [end.rule for end in ends] == names
    both = jax.tree.map(lambda *leaves: np.stack(leaves), *ends)
    assert both.rule is None
    assert minimize(jnp.square, 1.0, optax.sgd(0.1), max_steps=2).rule is None
