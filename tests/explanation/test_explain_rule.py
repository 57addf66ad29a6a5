import io
import math
import re

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import valley

import nanonet
from nanonet.explanation.explain_rule import explain_rule
from nanonet.explanation.pages.all import PAGES
from nanonet.rules import adam as adam_rules
from nanonet.rules._parts.registry import NAMED
from nanonet.rules._parts.rule import recipe_of

pytestmark = pytest.mark.precision("x64", reason="formulas are computed in float64")


def square(theta):
    return theta**2


def saddle(p):
    return p["a"] ** 2 - p["b"] ** 2 + p["b"] ** 4


START = {"a": -1.2, "b": 1.0}


def symbols(lines):
    return [str(line.symbol) for line in lines]


def result(lines, symbol):
    return next(line.value for line in lines if line.symbol == symbol)


def test_the_numbers_of_the_notes():
    """Page 4's 10, 1 and 10 again, and θ as worked by hand."""
    explained = explain_rule(nanonet.adam(0.1), square, 5.0, 3)
    first = explained["θ", 1]
    assert symbols(first) == [
        *("J(1)", "g(1)", "v₁(1)", "v₂(1)", "v̂₁(1)", "v̂₂(1)", "Δθ(1)", "θ(2)")
    ]
    assert [result(first, name) for name in ("g(1)", "v₁(1)", "v̂₁(1)")] == (
        pytest.approx([10, 1, 10], rel=1e-15)
    )
    assert str(first[2].formula) == "β₁·v₁(0) + (1 − β₁)·g(1)"
    assert str(first[2].numbers) == "0.9·0 + 0.1·10"
    assert str(first[4].numbers) == "1/0.1"
    theta = [explained["θ", step][-1].value for step in (1, 2, 3)]
    np.testing.assert_allclose(
        theta, [4.9000000001, 4.800057756868857, 4.700213291333392], rtol=1e-14
    )
    assert explained.constants == {"β₁": 0.9, "β₂": 0.999, "ε": 1e-8, "α": 0.1}


def test_where_epsilon_stands():
    notes = explain_rule(nanonet.adam(0.1, eps=0.0, eps_root=1e-8), square, 5.0, 1)
    assert str(notes["θ", 1][-2].formula) == "−α·v̂₁(1)/√(v̂₂(1) + ε)"
    paper = explain_rule(nanonet.adam(0.1), square, 5.0, 1)
    assert str(paper["θ", 1][-2].formula) == "−α·v̂₁(1)/(√v̂₂(1) + ε)"


def test_momentum_by_hand():
    """Page 5 with α = 0.1, β = 0.5 on θ² from 5: g = 10, then that of the new θ."""
    hand = {
        "standard": ("α·g(1)", "θ(1) − v(1)", [1, 1.3], [4, 2.7]),
        "negated": ("α·g(1)", "θ(1) + v(1)", [-1, -1.3], [4, 2.7]),
        "ewma": ("(1 − β)·g(1)", "θ(1) − α·v(1)", [5, 7], [4.5, 3.8]),
    }
    for form, (pushed, moved, v, theta) in hand.items():
        rule = nanonet.momentum(0.1, beta=0.5, form=form)
        explained = explain_rule(rule, square, 5.0, 2)
        first, second = explained["θ", 1], explained["θ", 2]
        assert str(first[2].formula).endswith(pushed)
        assert str(first[3].formula) == moved
        assert [first[2].value, second[2].value] == pytest.approx(v, rel=1e-14)
        assert [first[3].value, second[3].value] == pytest.approx(theta, rel=1e-14)


def test_newton_on_one_parameter_is_a_quotient():
    def quartic(theta):
        return (theta - 3) ** 4 + theta

    rule = nanonet.newton(safeguard=False)
    lines = explain_rule(rule, quartic, 5.0, 1)["θ", 1]
    assert symbols(lines) == ["J(1)", "g(1)", "H(1)", "θ(2)"]
    assert str(lines[1].formula) == "J′(θ(1))"
    assert str(lines[-1].numbers) == "5 − 33/48"
    assert lines[-1].value == 5 - 33 / 48


def test_levenberg_marquardt_by_hand():
    """R = θ² - 4 at 3: A = 6, r = 5, p = -30/(36 + 0.1·36), J = ½r²."""

    def r(theta):
        return jnp.stack([theta**2 - 4])

    lines = explain_rule(nanonet.levenberg_marquardt(), r, 3.0, 1)["θ", 1]
    p = -30 / 39.6
    there = ((3 + p) ** 2 - 4) ** 2 / 2
    predicted = (3.6 * p - 30) * p / 2
    rho = (12.5 - there) / predicted
    assert result(lines, "p(1)") == pytest.approx(p, rel=1e-14)
    assert result(lines, "ρ(1)") == pytest.approx(rho, rel=1e-12)
    mu = 0.1 * max(1 / 10, 1 - (2 * rho - 1) ** 3)
    assert result(lines, "μ(1)") == pytest.approx(mu, rel=1e-12)
    assert result(lines, "ν(1)") == 2


def falling(count):
    return 0.001 / (count + 1)


RULES = [
    nanonet.scale_by_wolfe_search(),
    nanonet.gradient_descent(falling),
    nanonet.momentum(0.001),
    nanonet.momentum(0.001, form="negated"),
    nanonet.momentum(0.001, form="ewma", nesterov=True),
    nanonet.sgd(0.001),
    nanonet.sgd(0.001, momentum=0.9, nesterov=True),
    nanonet.rmsprop(0.1),
    nanonet.rmsprop(0.1, eps_in_sqrt=False, bias_correction=True),
    nanonet.rmsprop(0.01, centered=True, momentum=0.5, nesterov=True),
    # In the first step v̂ - m̂² is 0 but for rounding, which a small ε would enlarge.
    nanonet.rmsprop(0.01, centered=True, momentum=0.5, bias_correction=True, eps=100.0),
    nanonet.adagrad(0.1),
    nanonet.adam(0.1, eps=0.0, eps_root=1e-8),
    nanonet.adam(0.1, nesterov=True),
    nanonet.adamw(0.1, weight_decay=0.1, mask={"a": True, "b": False}),
    nanonet.amsgrad(0.1),
    nanonet.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False),
    nanonet.newton(safeguard=False, learning_rate=0.5),
    nanonet.newton(),
    nanonet.newton_cg(),
    nanonet.gauss_newton(),
    nanonet.gauss_newton(safeguard=False),
    nanonet.levenberg_marquardt(geodesic=True),
    nanonet.barzilai_borwein(0.001),
    nanonet.barzilai_borwein(0.001, 2, safeguard=False),
    nanonet.bfgs(),
    nanonet.lbfgs(2),
]


def name_of(rule):
    return re.sub("<function (.*) at .*?>", r"\1", recipe_of(rule).name)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_the_rule_does_what_its_page_says(rule):
    """Formulas in NumPy, from the rule's numbers of before, give those of after."""
    explained = explain_rule(rule, valley, START, 4)
    rows = explained.rows()
    moved = [row for row in rows if row["symbol"] in ("a(5)", "b(5)", "θ(5)")]
    assert len(moved) == (2 if PAGES[recipe_of(rule).constructor].each else 1)
    for row in rows:
        if row["difference"] is not None:
            scale = np.max(np.abs(row["result"]))
            assert row["difference"] <= 1e-13 * max(scale, 1), row
    assert explained.values[0] == pytest.approx(12.1, rel=1e-15)
    assert explained.values[-1] != explained.values[0]


def test_every_rule_with_a_name_has_a_page():
    known = {recipe_of(rule).constructor for rule in RULES}
    assert known == {*PAGES} - {nanonet.secant}
    for name, rule in NAMED.items():
        made = rule.make() if rule.learning_rate is None else rule.make(0.1)
        assert recipe_of(made).constructor in PAGES, name


def test_the_secant_method_by_hand():
    """J′ = 2θ from 5 with α = 0.1: θ = 4, then α = 1/J″ = ½ and the minimum."""
    explained = explain_rule(nanonet.secant(0.1), square, 5.0, 2)
    lines = explained["θ", 2]
    assert symbols(lines) == ["J(2)", "g(2)", "s(2)", "y(2)", "α(2)", "θ(3)"]
    assert str(lines[-2].formula) == "s(2)/y(2)"
    assert [line.value for line in lines[2:]] == [-1, -2, 0.5, 0]


def test_a_trust_region_at_a_saddle():
    """At (1, 0) Newton's step is (-1, 0); p is as long as Δ = 1, p₀ = (-½, 0)."""
    lines = explain_rule(nanonet.newton(), saddle, {"a": 1.0, "b": 0.0}, 1)["θ", 1]
    assert result(lines, "σ(1)") == pytest.approx(2, abs=1e-14)
    p = result(lines, "p(1)")
    assert np.abs(p) == pytest.approx([0.5, math.sqrt(3) / 2], rel=1e-14)
    assert lines[-2].symbol == "θ(2)"
    assert lines[-2].difference < 1e-15


def test_bfgs_learns_the_secant_equation():
    lines = explain_rule(nanonet.bfgs(), valley, START, 3)["θ", 3]
    B, s, y = (result(lines, symbol) for symbol in ("B(3)", "s(3)", "y(3)"))
    np.testing.assert_allclose(B @ y, s, rtol=1e-12)
    np.testing.assert_allclose(B, B.T, rtol=1e-12)


def test_a_rule_that_does_otherwise_is_found_out(monkeypatch):
    monkeypatch.setattr(adam_rules, "corrected", lambda v, weight: v)
    explained = explain_rule(nanonet.adam(0.25, nesterov=True), square, 5.0, 1)
    assert explained.difference > 0.1


def test_what_is_shown():
    explained = explain_rule(nanonet.momentum(0.001), valley, START, 4)
    text = str(explained)
    assert "─ step 2, b ─" in text
    assert re.search(r" b\(2\) = b\(1\) − v\(1\) = 1 − \(-0.044\) = 1.044 +\d", text)
    assert explained["b"].rows() == [
        r for r in explained.rows() if r["parameter"] == "b"
    ]
    frame = explained.to_frame()
    assert set(frame["symbol"]) >= {"J(1)", "g(4)", "v(4)", "a(5)", "b(5)"}
    latex = explained["b"].to_latex()
    assert r"b^{(2)} &= b^{(1)} - v^{(1)} = 1 - \left(-0.044\right) = 1.044" in latex
    assert latex.count("{") == latex.count("}")
    assert not re.search("[∂·−βθΔ]", latex)
    html = explained._repr_html_()
    assert "<style" not in html
    assert "v<sup>(1)</sup>" in html
    assert repr(explained).startswith("RuleSteps of momentum(0.001): J from 12.1 to ")


def test_vectors_and_matrices_are_shown_in_80_columns():
    from rich.console import Console

    explained = explain_rule(nanonet.bfgs(), valley, START, 3)
    page = io.StringIO()
    Console(width=80, file=page).print(explained)
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    whole = " ".join(line.strip() for line in lines)
    assert (
        "(I − ρ(2)·s(2) y(2)ᵀ) B₀(2) (I − ρ(2)·y(2) s(2)ᵀ) + ρ(2)·s(2) s(2)ᵀ" in whole
    )
    assert r"\begin{bmatrix}1 & 0 \\ 0 & 1\end{bmatrix}" in explained.to_latex()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"rule": nanonet.ewma(0.9)}, ValueError, r"rule is ewma\(0.9\), and .* adam"),
        ({"rule": optax.adam(0.1)}, ValueError, "made of others"),
        ({"steps": 0}, ValueError, "steps=0 must be ≥ 1"),
        ({"steps": 101}, ValueError, "more than explain_rule writes"),
        ({"params": np.array(5)}, TypeError, "params is of int"),
        ({"fun": lambda x, y: x * y}, TypeError, r"fun takes \(x, y\)"),
        ({"params": math.nan}, ValueError, "params holds nan"),
        ({"params": 1 + 2j}, TypeError, "complex"),
        ({"fun": jnp.log, "params": -1.0}, ValueError, "before step 1"),
        ({"rule": nanonet.levenberg_marquardt()}, ValueError, "needs the residuals"),
    ],
)  # fmt: skip
def test_bad_input(change, error, words):
    arguments = {"rule": nanonet.adam(0.1), "fun": square, "params": 5.0, "steps": 1}
    with pytest.raises(error, match=words):
        explain_rule(**(arguments | change))


def test_a_whole_number_is_a_start():
    whole, point = (explain_rule(nanonet.adam(0.1), square, p, 1) for p in (5, 5.0))
    assert whole.values == point.values
