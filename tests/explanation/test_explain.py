import html.parser
import io
import itertools
import math
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rich.console
from jax.flatten_util import ravel_pytree

from nanonet.explanation.explain import explain
from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.network import Network, TwoTwoOne, mlp, two_two_one
from nanonet.objectives.losses import (
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)
from nanonet.objectives.objective import objective

only_x64 = pytest.mark.precision("x64")


def notes():
    return TwoTwoOne(1.0, -1.0, 1.0, -1.0, 2.0, 2.0, b3=0.0, b4=1.0, b5=-3.0)


def mazur():
    """Mazur's example: w1, w2 lead to h1, w3, w4 to h2, and so on."""
    params = (
        Layer(jnp.array([[0.15, 0.25], [0.20, 0.30]]), jnp.array([0.35, 0.35])),
        Layer(jnp.array([[0.40, 0.50], [0.45, 0.55]]), jnp.array([0.60, 0.60])),
    )
    return mlp([2, 2, 2]), params, [0.05, 0.10], [0.01, 0.99]


def explain_squares(*args, **kwargs):
    """By the error of the notes, which is Mazur's too."""
    return explain(*args, loss=half_squared_error, **kwargs)


MAZUR = {
    "w_x1_h1": (4.38567734e-4, 0.149780716),
    "w_x2_h1": (8.77135469e-4, 0.19956143),
    "w_x1_h2": (4.97712735e-4, 0.24975114),
    "w_x2_h2": (9.95425471e-4, 0.29950229),
    "w_h1_o1": (0.082167040564, 0.35891648),
    "w_h2_o1": (0.082667627848, 0.40866619),
    "w_h1_o2": (-0.022602540477, 0.51130127),
    "w_h2_o2": (-0.022740242216, 0.56137012),
}


def rounds_to(value, published):
    """Equal to the last published digit."""
    digits = re.sub(r"e.*|[-.]", "", f"{published!r}").lstrip("0")
    return f"{value:.{len(digits)}g}" == f"{published:.{len(digits)}g}"


@only_x64
def test_mazurs_numbers():
    chain = explain_squares(*mazur(), learning_rate=0.5)
    for symbol, (slope, new) in MAZUR.items():
        assert rounds_to(chain[symbol].value, slope), symbol
        assert rounds_to(chain[symbol].new, new), symbol
    forward = {each.symbol: each.value for each in chain.forward}
    assert rounds_to(forward["out_h1"], 0.59326999)
    assert rounds_to(forward["out_h2"], 0.59688438)
    assert rounds_to(forward["ŷ1"], 0.75136507)
    assert rounds_to(forward["ŷ2"], 0.77292847)
    assert rounds_to(chain.value, 0.298371109)


@only_x64
def test_mazurs_slip():
    """The published E after a step, 0.291027924, is that of the new weights."""
    network, params, x, y = mazur()
    J = objective(network, half_squared_error, x, y)
    right, slip = (
        explain_squares(network, params, x, y, learning_rate=0.5, back_through=weights)
        for weights in ("old", "new")
    )
    assert rounds_to(J(right.step(biases=False)), 0.29102777369)
    assert rounds_to(J(slip.step(biases=False)), 0.29102792391)
    assert slip["w_h1_o1"].value == right["w_h1_o1"].value
    assert abs(slip["w_x1_h1"].value - slip["w_x1_h1"].autograd) > 1e-5
    assert slip["w_x1_h1"].paths[0].factors[2].formula == "w_h1_o1⁺"
    assert slip["w_x1_h1"].paths[0].factors[2].value == right["w_h1_o1"].new
    assert "mistake" in str(slip)
    assert "mistake" not in str(right)


def test_the_chain_of_the_notes():
    """Page 3, and w1 of the issue, worked by hand from the notes' equations."""
    chain = explain_squares(two_two_one(), notes(), [0.0, 1.0], 1.0, learning_rate=0.5)
    (path,) = chain["w3"].paths
    assert [factor.symbol for factor in path.factors] == [
        "∂J/∂ŷ",
        "∂ŷ/∂z_o1",
        "∂z_o1/∂out_h1",
        "∂out_h1/∂z_h1",
        "∂z_h1/∂w3",
    ]
    assert [factor.formula for factor in path.factors] == [
        "ŷ − y",
        "ŷ·(1 − ŷ)",
        "w5",
        "out_h1·(1 − out_h1)",
        "x2",
    ]
    h1, h2 = 1 / (1 + math.exp(-1)), 0.5
    answer = 1 / (1 + math.exp(-(2 * h1 + 2 * h2 - 3)))
    factors = [answer - 1, answer * (1 - answer), 2, h1 * (1 - h1), 1]
    # float32: the forward pass is rounded to 6e-8, and ŷ - y keeps its digits
    np.testing.assert_allclose([f.value for f in path.factors], factors, rtol=1e-6)
    np.testing.assert_allclose(chain["w3"].value, math.prod(factors), rtol=1e-6)
    assert chain["w1"].value == 0  # x1 = 0
    np.testing.assert_allclose(chain["w3"].new, 1 - 0.5 * math.prod(factors), rtol=1e-6)
    assert [each.parameter for each in chain.derivatives] == list(TwoTwoOne._fields)
    narrow = jax.tree.map(jnp.float32, notes())
    chain = explain_squares(two_two_one(), narrow, [0.0, 1.0], 1.0, learning_rate=0.5)
    stepped, held = chain.step(), chain.step(biases=False)
    assert isinstance(stepped, TwoTwoOne)
    assert stepped.b5.dtype == jnp.float32
    assert stepped.b5 != -3
    assert held.b5 == -3
    assert held.w5 == stepped.w5 != 2


def random_params(rng, sizes):
    return tuple(
        Layer(
            jnp.array(rng.normal(size=(n_in, n_out))), jnp.array(rng.normal(size=n_out))
        )
        for n_in, n_out in itertools.pairwise(sizes)
    )


def with_skips(rng, params):
    *first, (w, b) = params
    s = rng.normal(size=(len(params[0].w), len(b)))
    return (*first, SkipLayer(w, jnp.array(s), b))


NETWORKS = {
    "several outputs and rows": ([2, 3, 2], "tanh", "identity", mean_squared_error, 2),
    "deep": ([1, 2, 2, 1], "softplus", "sigmoid", binary_cross_entropy, 1),
    "classes": ([2, 3, 3], "relu", "softmax", cross_entropy, 2),
    "softmax by factors": ([1, 3, 2], "softmax", "softmax", half_squared_error, 1),
    "entropy by factors": ([3, 2], "identity", "sigmoid", cross_entropy, 1),
    "skips": ([2, 2, 1, 2], "tanh", "softmax", half_squared_error, 2),
}  # fmt: skip


@only_x64
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.one_case
def test_products_are_the_finite_differences_of_J(name):
    sizes, hidden, output, loss, rows = NETWORKS[name]
    skip = name == "skips"
    network = mlp(sizes, hidden, output, skip=skip)
    rng = np.random.default_rng(1)
    params = random_params(rng, sizes)
    params = with_skips(rng, params) if skip else params
    x, y = rng.normal(size=(rows, sizes[0])), rng.uniform(size=(rows, sizes[-1]))
    chain = explain(network, params, x, y, loss=loss)

    theta, unravel = ravel_pytree(params)
    J = objective(network, loss, x, y)
    J_of_many = jax.jit(jax.vmap(lambda theta: J(unravel(theta))))
    h = 1e-5  # truncation h², rounding 1e-16/h
    points = theta[None] + h * np.vstack(
        [np.eye(len(theta)), -np.eye(len(theta)), 0 * theta]
    )
    *pairs, J_here = J_of_many(points)
    differences = -np.diff(np.reshape(pairs, (2, -1)), axis=0)[0] / (2 * h)
    np.testing.assert_allclose(chain.value, J_here, rtol=1e-12)
    values = [each.value for each in chain.derivatives]
    np.testing.assert_allclose(values, differences, rtol=1e-6, atol=1e-9)
    autograd = [each.autograd for each in chain.derivatives]
    np.testing.assert_allclose(values, autograd, rtol=1e-12, atol=1e-15)
    for each in chain.derivatives:
        total = sum(path.product for path in each.paths)
        np.testing.assert_allclose(each.value, total / rows, rtol=1e-12)


@only_x64
def test_several_examples_are_the_mean_of_each():
    x, y = [[0.0, 1.0], [1.0, 1.0]], [1.0, 0.0]
    both = explain_squares(two_two_one(), notes(), x, y)
    single = [
        explain_squares(two_two_one(), notes(), *row) for row in zip(x, y, strict=True)
    ]
    for each in both.derivatives:
        values = [chain[each.parameter].value for chain in single]
        np.testing.assert_allclose(each.value, np.mean(values), rtol=1e-13)
        assert [path.row for path in each.paths] == [0, 1]
    assert both.value == np.mean([chain.value for chain in single])
    assert "= 1/2·Σ((ŷ − y)" in str(both)


@only_x64
def test_units_of_several_hidden_layers_are_numbered_by_layer():
    params = random_params(np.random.default_rng(0), [1, 2, 2, 1])
    chain = explain_squares(mlp([1, 2, 2, 1]), params, [1.0], 0.0)
    paths = chain["w_x1_h1.2"].paths
    through = [path.factors[2].symbol for path in paths]
    assert through == ["∂z_o1/∂out_h2.1", "∂z_o1/∂out_h2.2"]
    assert paths[0].factors[4].formula == "w_h1.2_h2.1"
    frame = chain.to_frame()
    numbers = frame.groupby(["parameter", "path"])["number"].prod()
    assert len(numbers) == 2 * (2 + 2) + (4 + 2) + (2 + 1)
    by_parameter = numbers.groupby("parameter").sum()
    for each in chain.derivatives:
        np.testing.assert_allclose(by_parameter[each.parameter], each.value, rtol=1e-12)


def skipping():
    """Two inputs, one hidden unit, one output that sees the inputs, too."""
    params = (
        Layer(jnp.array([[0.5], [-1.0]]), jnp.array([0.25])),
        SkipLayer(jnp.array([[2.0]]), jnp.array([[3.0], [-4.0]]), jnp.array([0.5])),
    )
    return mlp([2, 1, 1], "tanh", "identity", skip=True), params, [1.5, -2.0], 1.0


@only_x64
def test_skips_by_hand():
    """z = a w + x s + b, δ = ŷ - y, ∂J/∂s = δ x; what lies below knows no skips."""
    chain = explain_squares(*skipping(), learning_rate=0.5)
    out = math.tanh(1.5 * 0.5 + -2.0 * -1.0 + 0.25)
    delta = 2 * out + 1.5 * 3 + -2.0 * -4 + 0.5 - 1
    below = delta * 2 * (1 - out**2)
    by_hand = {
        "w_x1_h1": below * 1.5,
        "w_x2_h1": below * -2,
        "b_h1": below,
        "w_h1_o1": delta * out,
        "w_x1_o1": delta * 1.5,
        "w_x2_o1": delta * -2,
        "b_o1": delta,
    }
    found = {str(each.parameter): each.value for each in chain.derivatives}
    assert list(found) == list(by_hand)
    np.testing.assert_allclose([*found.values()], [*by_hand.values()], rtol=1e-12)
    stepped = chain.step()[-1].s
    np.testing.assert_allclose(
        stepped[:, 0], [3 - 0.75 * delta, -4 + delta], rtol=1e-12
    )
    assert [str(factor.symbol) for factor in chain["w_x2_o1"].paths[0].factors] == [
        "∂J/∂ŷ",
        "∂ŷ/∂z_o1",
        "∂z_o1/∂w_x2_o1",
    ]


@only_x64
def test_skips_are_shown_beside_the_weights_of_the_hidden_units():
    chain = explain_squares(*skipping())
    text, shown = str(chain), chain._repr_html_()
    assert "= out_h1·w_h1_o1 + x1·w_x1_o1 + x2·w_x2_o1 + b_o1 = " in text
    assert "·2 + 1.5·3 + (-2)·(-4) + 0.5 = " in text
    assert "= (ŷ − y) · 1 · x2\n" in text
    assert "x<sub>2</sub>·w<sub>x2,o1</sub>" in shown
    latex = chain.to_latex("w_x2_o1")
    slope = r"\frac{\partial z_{o_{1}}}{\partial w_{x_{2},o_{1}}}"
    assert latex.splitlines()[1].endswith(rf"{slope} \\")
    assert r"\left(\hat{y} - y\right) \cdot 1 \cdot x_{2}" in latex


class Cells(html.parser.HTMLParser):
    """The text of each table row; counts the tags that are open."""

    def __init__(self):
        super().__init__()
        self.rows, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "tr" in self.open:
            self.rows[-1] += f"{data} "


@only_x64
def test_what_is_shown():
    chain = explain_squares(*mazur(), learning_rate=0.5)
    text = str(chain)
    assert max(map(len, text.splitlines())) <= 120
    assert "= (ŷ1 − y1) · ŷ1·(1 − ŷ1) · w_h1_o1 · out_h1·(1 − out_h1) · x1\n" in text
    assert "+ (-0.217072) · 0.17551 · 0.5 · 0.241301 · 0.05\n" in text
    assert "= w_x1_h1 − α·∂J/∂w_x1_h1 = 0.15 − 0.5·0.000438568 = 0.149780716" in text
    assert repr(chain) == (
        "ChainRule of 12 parameters, half_squared_error, J = 0.298371"
    )

    cells = Cells()
    cells.feed(chain._repr_html_())
    assert cells.open == []
    shown = [" ".join(row.split()) for row in cells.rows]
    assert "+ (-0.217072) · 0.17551 · 0.5 · 0.241301 · 0.05" in shown
    assert re.search("= 0.00043856773. autograd 0.00043856773", " ".join(shown))
    assert sum(", difference" in row for row in shown) == 12

    latex = chain.to_latex("w_x1_h1")
    assert r"&= \frac{\partial J}{\partial \hat{y}_{1}} \cdot" in latex
    assert r"w_{x_{1},h_{1}}^{\text{new}} &= w_{x_{1},h_{1}} - \alpha" in latex
    assert latex.count("{") == latex.count("}")
    assert not re.search("[∂·−αŷ]|w_x", latex)
    assert chain._repr_latex_() == f"$${chain.to_latex()}$$"
    again = pickle.loads(pickle.dumps(chain))
    assert (str(again), again.to_latex()) == (text, chain.to_latex())


def test_the_usual_loss_is_explained_where_none_is_given():
    assert explain(two_two_one(), notes(), [0.0, 1.0], 1.0).loss == (
        "binary_cross_entropy"
    )
    network = mlp([1, 2], output="softmax")
    params = random_params(np.random.default_rng(0), [1, 2])
    assert explain(network, params, [1.0], [0.0, 1.0]).loss == "cross_entropy"


def bad(**changes):
    arguments = {"network": two_two_one(), "params": notes(), "x": [0.0, 1.0], "y": 1.0}
    return lambda: explain(**(arguments | changes))


def bare():
    return Network(two_two_one().init, two_two_one().apply)


def large():
    params = random_params(np.random.default_rng(0), [4, 12, 12, 3])
    return explain(mlp([4, 12, 12, 3]), params, np.ones(4), np.ones(3))


def wide():
    """(40 + 1)·40 paths through the hidden unit, 2·40 and 40·40 skips."""
    params = random_params(np.random.default_rng(0), [40, 1, 40])
    params = with_skips(np.random.default_rng(0), params)
    return explain(mlp([40, 1, 40], skip=True), params, np.ones(40), np.ones(40))


def saturated():
    network = mlp([1, 1], output="relu")
    params = (Layer(jnp.full((1, 1), -1.0), jnp.zeros(1)),)
    return explain(network, params, [1.0], [1.0], loss=cross_entropy)


@only_x64
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (bad(params=notes()._replace(w5=math.nan)), ValueError, "w5 holds nan"),
        (bad(params=notes()._replace(w5=np.array(1))), TypeError, "w5 is of int"),
        (bad(params=notes()._replace(w5=jnp.ones(2))), ValueError, "w5 has shape"),
        (bad(params={"w": 1.0}), ValueError, "must be a tree like network.init"),
        (bad(x=[0.0, 1.0, 2.0]), ValueError, "network has 2 inputs"),
        (bad(x=[0.0, math.inf]), ValueError, "x holds inf"),
        (bad(y=[[1.0], [2.0]]), ValueError, "y has shape"),
        (bad(network=bare()), ValueError, "no architecture"),
        (bad(loss=jnp.subtract), ValueError, "it knows half_squared_error"),
        (bad(network=mlp([2, 2, 1], jnp.sin)), ValueError, "softmax, by name"),
        (bad(learning_rate=-1.0), ValueError, "learning_rate=-1.0 must be ≥ 0"),
        (bad(back_through="new"), ValueError, "needs a learning_rate"),
        (bad(back_through="newer"), ValueError, "did you mean 'new'"),
        (large, ValueError, "2,667 paths .* smaller network"),
        (wide, ValueError, "3,320 paths"),
        (saturated, ValueError, "∂J/∂ŷ = −y/ŷ is not finite for example 0"),
        (lambda: jax.jit(lambda w: bad(params=w)())(notes()), TypeError, "inside jax"),
        (lambda: bad()()["w7"], ValueError, "parameter='w7' is unknown"),
        (lambda: bad()().step(), ValueError, "learning_rate is None"),
    ],
)  # fmt: skip
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def notes_example():
    """The parameters of which the notes' error 0.5 and ∂J/∂w5 = 0.1 come about."""
    w3 = math.log(4) - 1
    params = TwoTwoOne(1.0, -1.0, w3, 1.0, 1.0, 0.4, b3=0.0, b4=0.0, b5=-1.0)
    return explain_squares(two_two_one(), params, [1.0, 1.0], 0.0, learning_rate=0.5)


@only_x64
def test_the_example_of_the_notes():
    chain = notes_example()
    forward = {each.symbol: each for each in chain.forward}
    for symbol, value in [("out_h1", 0.8), ("ŷ", 0.5), ("error", 0.5), ("J", 0.125)]:
        assert forward[symbol].value == pytest.approx(value, rel=1e-15), symbol
    assert str(forward["error"].formula) == "ŷ − y"
    assert chain["w5"].value == pytest.approx(0.1, rel=1e-15)
    assert chain["w5"].new == pytest.approx(0.95, rel=1e-15)
    text = str(chain)
    assert " x, y x1 = 1, x2 = 1, y = 0\n" in text
    assert "w5 = 1,\n" in text
    assert "= x1·w1 + x2·w3 + b3 = 1·1 + 1·0.386294 + 0 = 1.38629436\n" in text
    assert "J      = ½·(ŷ − y)² = ½·(0.5 − 0)² = 0.125" in text


@only_x64
def test_a_narrow_terminal_breaks_lines_between_factors():
    page = io.StringIO()
    rich.console.Console(width=80, file=page).print(notes_example())
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "        = (ŷ − y) · ŷ·(1 − ŷ) · w5 · out_h1·(1 − out_h1) · x1" in lines
    page = io.StringIO()
    rich.console.Console(width=40, file=page).print(notes_example())
    assert "        = (ŷ − y) · ŷ·(1 − ŷ) · w5" in page.getvalue().splitlines()


def test_what_shows_a_notebook_may_leave_out_all_styles():
    shown = notes_example()._repr_html_()
    assert "<style" not in shown
    assert "class=" not in shown
    cells = re.findall("<td[^>]*>", shown)
    assert all('style="text-align:' in cell and "align=" in cell for cell in cells)


@only_x64
def test_a_single_neuron_has_the_names_of_the_notes():
    """Page 1: ŷ = θ0 + θ1·x1 + θ2·x2, here 0.5 + 1·2 + 2·3 = 8.5."""
    network = mlp([2, 1], output="identity")
    params = (Layer(jnp.array([[1.0], [2.0]]), jnp.array([0.5])),)
    chain = explain_squares(network, params, [2.0, 3.0], 8.0)
    z, answer, error, _ = chain.forward
    assert (str(z.formula), str(z.numbers)) == ("x1·θ1 + x2·θ2 + θ0", "2·1 + 3·2 + 0.5")
    assert (answer.value, error.value) == (8.5, 0.5)
    assert {str(each.parameter): each.value for each in chain.derivatives} == {
        "θ1": 1.0,
        "θ2": 1.5,
        "θ0": 0.5,
    }
    assert r"\partial \theta_{1}" in chain.to_latex("θ1")
