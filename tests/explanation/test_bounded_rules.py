"""`explain_rule` of a run within bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import valley

import nanonet
from nanonet.explanation.explain_rule import explain_rule
from nanonet.rules._parts.rule import recipe_of

pytestmark = pytest.mark.precision("x64", reason="formulas are computed in float64")


def square(theta):
    return theta**2


START = {"a": -1.2, "b": 1.0}
BOUNDS = (None, {"a": -0.9, "b": 1.0})

RULES = [
    nanonet.momentum(0.001),
    nanonet.adam(0.1, nesterov=True),
    nanonet.barzilai_borwein(0.001),
    nanonet.newton(safeguard=False),
    nanonet.newton(),
    nanonet.newton_cg(),
    nanonet.gauss_newton(),
    nanonet.gauss_newton(safeguard=False),
    nanonet.levenberg_marquardt(geodesic=True),
    nanonet.bfgs(),
    nanonet.lbfgs(2),
    nanonet.scale_by_wolfe_search(),
]


def name_of(rule):
    return recipe_of(rule).name


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_the_rule_does_what_its_page_says(rule):
    # In its third step d·Hd is a difference of numbers that are almost equal.
    steps = 2 if name_of(rule) == "newton_cg()" else 4
    explained = explain_rule(rule, valley, START, steps, bounds=BOUNDS)
    for row in explained.rows():
        if row["difference"] is not None:
            scale = np.max(np.abs(row["result"]))
            assert row["difference"] <= 1e-13 * max(scale, 1), row
    text = str(explained)
    assert "bounds: a ≤ -0.9, b ≤ 1;" in text
    assert any(mark in text for mark in ("free b(", "free θ(", " F(1) ", " F₁(1) "))
    assert explained.values[-1] < explained.values[0]


@pytest.mark.parametrize("rule", [RULES[1], RULES[8], RULES[9]], ids=name_of)
@pytest.mark.one_case
def test_it_goes_where_least_squares_goes(rule):
    explained = explain_rule(rule, valley, START, 4, bounds=BOUNDS)
    start = jax.tree.map(jnp.asarray, START)
    run = nanonet.least_squares(valley, start, rule, bounds=BOUNDS, max_steps=4, gtol=0)
    values = run.history.value
    np.testing.assert_allclose(explained.values[: len(values)], values, rtol=1e-12)


def test_a_projection_by_hand():
    """θ² from 5 with α = 0.3: to 2, and then not to 0.8 but to 1."""
    rule = nanonet.gradient_descent(0.3)
    explained = explain_rule(rule, square, 5.0, 2, bounds=(1.0, None))
    (*_, first), (*_, free, last) = explained["θ", 1], explained["θ", 2]
    assert (str(first.symbol), first.value) == ("θ(2)", 2)
    assert (str(free.symbol), free.rule) == ("free θ(3)", None)
    assert free.value == pytest.approx(0.8, rel=1e-15)
    assert str(last.formula) == "max(free θ(3), 1)"
    assert str(last.numbers) == "max(0.8, 1)"
    assert last.value == last.rule == 1


def test_the_step_among_the_free_ones_by_hand():
    """J = ½θᵀHθ - (3, 8)·θ, H = [[4, 1], [1, 2]], from 0, where θ₁ ≤ 0 is held.

    BFGS, which begins down ∇J, then has the free one alone.
    """
    H, b = np.array([[4.0, 1.0], [1.0, 2.0]]), np.array([3.0, 8.0])

    def bowl(theta):
        return theta @ H @ theta / 2 - b @ theta

    bounds = (None, jnp.array([0.0, jnp.inf]))
    explained = explain_rule(nanonet.newton_cg(), bowl, jnp.zeros(2), 1, bounds=bounds)
    lines = {str(line.symbol): line for line in explained["θ", 1]}
    assert lines["F(1)"].value.tolist() == [0, 1]
    assert lines["g_F(1)"].value.tolist() == [0, -8]
    assert lines["H_F(1)"].value.tolist() == [[0, 0], [0, 2]]
    assert lines["p(1)"].value.tolist() == [0, 4]
    assert explained["θ", 1][-1].value.tolist() == [0, 4]


def test_a_search_that_meets_a_bound():
    """Armijo's fall is that of the step which is left: ∇J·(P(θ + αp) - θ)."""
    rule = nanonet.bfgs()
    lines = explain_rule(rule, valley, START, 1, bounds=(None, {"a": -1.05, "b": 1.0}))
    found = {str(line.symbol): line for line in lines["θ", 1]}
    g = np.array([-107.8, -44.0])
    assert found["f₁(1)"].value == pytest.approx(g[0] * 0.15, rel=1e-12)
    assert str(found["Armijo₁(1)"].formula) == "J₁(1) ≤ J(1) + 10⁻⁴·f₁(1)"
    assert found["Armijo₁(1)"].value is True
    assert found["J₁(1)"].value == pytest.approx(2.6265625, rel=1e-14)
    np.testing.assert_allclose(found["θ(2)"].value, [-1.05, 1.0], rtol=1e-15)


def test_a_start_outside_is_moved_inside():
    explained = explain_rule(nanonet.bfgs(), square, 5.0, 2, bounds=(None, 3.0))
    assert explained["θ", 1][0].value == 9
    assert explained["θ", 2][-1].value == pytest.approx(0, abs=1e-12)


def test_bad_bounds():
    with pytest.raises(ValueError, match="lower must be at most upper"):
        explain_rule(nanonet.bfgs(), square, 5.0, 2, bounds=(3.0, 1.0))
