import jax
import jax.numpy as jnp
import pytest
from jax.flatten_util import ravel_pytree

from nanonet.network.names import parameter_names, unit_names
from nanonet.network.network import TwoTwoOne, mlp, two_two_one


def test_arrows_past_the_hidden_units_have_the_names_of_their_ends():
    params = mlp([2, 1, 1], skip=True).init(jax.random.key(0))
    expected = ["w_x1_h1", "w_x2_h1", "b_h1", "w_h1_o1", "w_x1_o1", "w_x2_o1", "b_o1"]
    assert parameter_names(params) == expected
    assert parameter_names(params)[4].html == "w<sub>x1,o1</sub>"


def test_units_of_several_hidden_layers_are_numbered_by_layer():
    assert unit_names([1, 2, 1, 1]) == (("x1",), ("h1.1", "h1.2"), ("h2.1",), ("o1",))
    assert unit_names([1, 2]) == (("x1",), ("o1", "o2"))


def test_parameters_are_named_in_the_order_of_ravel_pytree(key):
    params = mlp([2, 3, 2]).init(key)
    names = parameter_names(params)
    assert len(set(names)) == len(ravel_pytree(params)[0]) == 6 + 3 + 6 + 2
    first, _ = params
    values = dict(zip(names, ravel_pytree(params)[0], strict=True))
    assert values["w_x2_h3"] == first.w[1, 2]
    assert values["b_h2"] == first.b[1]
    assert parameter_names(two_two_one().init(key)) == list(TwoTwoOne._fields)


def test_parameters_of_other_trees_are_named_by_their_path():
    assert parameter_names(jnp.ones(2)) == ["θ[0]", "θ[1]"]
    assert parameter_names({"a": (1.0, jnp.ones((1, 2)))}) == [
        "a.0",
        "a.1[0, 0]",
        "a.1[0, 1]",
    ]
    batch = jax.tree.map(lambda leaf: leaf[None], mlp([1, 1]).init(jax.random.key(0)))
    assert parameter_names(batch) == ["0.w[0, 0, 0]", "0.b[0, 0]"]


@pytest.mark.precision("x32", reason="computes nothing")
def test_names_know_themselves_in_html_and_in_latex():
    written = {
        "w3": (two_two_one(), "w<sub>3</sub>", "w_{3}"),
        "b5": (two_two_one(), "b<sub>5</sub>", "b_{5}"),
        "θ2": (mlp([2, 1]), "θ<sub>2</sub>", r"\theta_{2}"),
        "w_x2_h1": (mlp([2, 2, 1]), "w<sub>x2,h1</sub>", "w_{x_{2},h_{1}}"),
        "b_h2.1": (mlp([1, 1, 2, 1]), "b<sub>h2.1</sub>", "b_{h_{2.1}}"),
    }
    for text, (network, html, latex) in written.items():
        names = parameter_names(network.init(jax.random.key(0)))
        [name] = [name for name in names if name == text]
        assert (name.html, name.latex) == (html, latex)
    [name] = parameter_names({"a<b": {"w_in": jnp.zeros((1, 1))}})
    assert name == "a<b.w_in[0, 0]"
    assert name.html == "a&lt;b.w_in<sub>0, 0</sub>"
    assert name.latex == r"\mathrm{a<b.w\_in}_{0, 0}"
