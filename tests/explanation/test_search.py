"""The trials of a line search, as `explain_rule` shows them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import valley

import nanonet
from nanonet.explanation.explain_rule import explain_rule

pytestmark = pytest.mark.precision("x64", reason="formulas are computed in float64")

STEPS = 8
START = {"a": -1.071338746322222, "b": 0.7231901098189695}
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def J(theta):
    a, b = theta
    return 50 * (b - a**2) ** 2 + (1 - a) ** 2 / 2


def slope_of(theta):
    a, b = theta
    return np.array([-200 * a * (b - a**2) + a - 1, 100 * (b - a**2)])


def lines_of(explained, step):
    """The lines by symbol, as "J1"; without the step."""
    lines = explained["θ", step]
    return {str(line.symbol).split("(")[0].translate(LOWERED): line for line in lines}


@pytest.fixture(scope="module")
def pages():
    with jax.enable_x64(True):
        explained = explain_rule(nanonet.bfgs(), valley, START, STEPS)
    return [lines_of(explained, step) for step in range(1, STEPS + 1)]


def test_every_trial_by_hand(pages):
    """J and its slope in NumPy, and both conditions, which the last trial satisfies.

    There are as many trials as `minimize` counts.
    """
    theta, count = np.array([START["a"], START["b"]]), 0
    there = theta
    for page in pages:
        p, g = page["p"].value, slope_of(theta)
        alphas = [line.value for name, line in page.items() if name[:-1] == "α"]
        count += len(alphas)
        for k, alpha in enumerate(alphas, 1):
            there = theta + alpha * p
            assert page[f"J{k}"].value == pytest.approx(J(there), rel=1e-12)
            slope = slope_of(there) @ p
            assert page[f"J′{k}"].value == pytest.approx(slope, rel=1e-10)
            armijo = J(there) <= J(theta) + 1e-4 * alpha * (g @ p)
            flat = abs(slope) <= 0.9 * abs(g @ p)
            assert page[f"Armijo{k}"].value is bool(armijo)
            assert page[f"Wolfe{k}"].value is bool(flat)
            assert (armijo and flat) == (k == len(alphas))
        assert page["α"].value == alphas[-1]
        theta = page["θ"].value
        np.testing.assert_allclose(there, theta, rtol=1e-14)
    start = jax.tree.map(jnp.asarray, START)
    run = nanonet.least_squares(valley, start, nanonet.bfgs(), max_steps=STEPS)
    assert count == run.evaluations - 1


def test_where_a_parabola_and_a_cubic_are_least(pages):
    """In the last step, from J and J′ at 0, J at α₁ = 1, and then J at α₂."""
    page = pages[-1]
    number = {name: line.value for name, line in page.items()}
    square = number["J1"] - number["J"] - number["J′ₚ"]
    assert number["α2"] == pytest.approx(
        max(-number["J′ₚ"] / (2 * square), 0.1), rel=1e-12
    )
    assert "cubic" in page["α3"].formula
    powers = np.array([number["α1"], number["α2"]])[:, None] ** [2, 3]
    rest = [
        number[f"J{k}"] - number["J"] - number["J′ₚ"] * number[f"α{k}"] for k in (1, 2)
    ]
    square, cube = np.linalg.solve(powers, rest)
    least = np.roots([3 * cube, 2 * square, number["J′ₚ"]])
    curvature = 6 * cube * least + 2 * square
    assert number["α3"] == pytest.approx(least[curvature > 0][0], rel=1e-9)


def test_a_fall_that_rounding_hides():
    """J′ = θ from 1, but J rises by two of its roundings."""

    def noisy(theta):
        fixed = jax.lax.stop_gradient(theta**2 / 2)
        return 1e8 + 3e-8 * (fixed != 0.5) + theta**2 / 2 - fixed

    explained = explain_rule(nanonet.newton_cg(), noisy, 1.0, 1)
    lines = [line for line in explained["θ", 1] if isinstance(line.value, bool)]
    found = [(str(line.symbol), line.value) for line in lines]
    assert found == [
        ("Armijo₁(1)", False),
        ("hidden₁(1)", True),
        ("hidden₁(1)", True),
        ("Wolfe₁(1)", True),
    ]
    assert explained["θ", 1][-1].value == 0
    assert str(lines[0].numbers) == "1e+08 ≤ 1e+08 + 10⁻⁴·1·(-1)"
    assert "⇔ 0 ≤ (2·10⁻⁴ − 1)·(-1) : holds" in str(explained)
    assert r"\iff 0 \le 0.9 \cdot" not in explained.to_latex()  # |0|, not 0
    assert r": \text{fails}" in explained.to_latex()


def test_a_search_that_finds_nothing():
    """At the minimum, but for rounding."""
    start = {"a": 1.000000001, "b": 0.999999999}
    explained = explain_rule(nanonet.bfgs(), valley, start, 4)
    lost = lines_of(explained, 4)
    assert lost["α"].formula == "none that makes J fall"
    assert lost["α"].value == lost["α"].rule == 0
    np.testing.assert_array_equal(lost["θ"].value, lines_of(explained, 3)["θ"].value)
