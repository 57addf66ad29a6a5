import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from nanonet.network.names import parameter_names, unit_names
from nanonet.network.network import TwoTwoOne, mlp, two_two_one


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
