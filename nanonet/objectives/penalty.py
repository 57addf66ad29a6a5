"""The penalty on weights, and what is a weight and what a bias."""

import re
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

_BIAS = re.compile(r"b\d*|bias")


def is_bias(path: tuple[Any, ...]) -> bool:
    """Whether a leaf is a bias: a name on its path is "b", "bias", or b and a number.

    ``path`` is one of `jax.tree_util.tree_flatten_with_path`. Names that only begin
    with b, such as "beta" or "basis", are weights.

    >>> params = {"bias": (1.0,), "beta": 2.0, "b5": 3.0}
    >>> [is_bias(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    [True, False, True]
    """
    names = (jax.tree_util.keystr((entry,), simple=True) for entry in path)
    return any(_BIAS.fullmatch(name) for name in names)


def weight_mask(params: PyTree) -> PyTree:
    """Booleans like ``params``: True for weights, False for biases."""
    return jax.tree_util.tree_map_with_path(lambda path, _: not is_bias(path), params)


def is_weight(params: PyTree) -> Float[Array, " n"]:
    """1 for a weight, 0 for a bias, in the order of `jax.flatten_util.ravel_pytree`.

    >>> print(is_weight({"b": jnp.ones(1), "w": jnp.ones(2)}))
    [0. 1. 1.]
    """
    mask = jax.tree.map(jnp.full_like, params, weight_mask(params))
    return ravel_pytree(mask)[0]


def weights_of(params: PyTree) -> list[Array]:
    """The leaves that are weights."""
    return [
        jnp.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if not is_bias(path)
    ]


def l2_penalty(params: PyTree) -> Float[Array, ""]:
    """½ Σ w², over the weights; biases, by `is_bias`, are left out.

    They do not make a network's output any steeper (Bishop, *Pattern Recognition and
    Machine Learning*, section 5.5.1).

    >>> from nanonet.network.layers import Layer
    >>> float(l2_penalty([Layer(w=jnp.full((2, 1), 3.0), b=jnp.ones(1))]))
    9.0
    """
    terms = [jnp.sum(w * w) / 2 for w in weights_of(params)]
    return jnp.asarray(sum(terms, 0.0))
