"""The penalty on weights, and what is a weight and what a bias."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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


def is_skip(path: tuple[Any, ...]) -> bool:
    """Whether a leaf is the weights of a skip from inputs to outputs, named "s"."""
    return jax.tree_util.keystr(path[-1:], simple=True) == "s"


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


def groups_of(params: PyTree, l2: Any) -> Float[Array, "*groups n"]:
    """1 for each weight that a λ is of: `is_weight`; of a pair one row for each.

    The second is of the weights that skip from inputs to outputs, the first of the
    others.

    >>> from nanonet.network.layers import SkipLayer
    >>> params = SkipLayer(w=jnp.ones((1, 1)), s=jnp.ones((2, 1)), b=jnp.ones(1))
    >>> print(groups_of(params, (0.1, 0.2)))
    [[1. 0. 0. 0.]
     [0. 1. 1. 0.]]
    """
    weights = is_weight(params)
    if np.ndim(l2) == 0:
        return weights
    skips = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.full_like(leaf, is_skip(path)), params
    )
    skip = ravel_pytree(skips)[0]
    return jnp.stack([weights - skip, skip])


def each_l2(params: PyTree, l2: Any) -> Float[Array, " n"]:
    """λ of each parameter, 0 of a bias."""
    groups = groups_of(params, l2)
    l2 = jnp.asarray(l2, groups.dtype)
    return l2 * groups if l2.ndim == 0 else l2 @ groups


def weights_of(params: PyTree, l2: Any = 1.0) -> list[tuple[Array, Array]]:
    """The leaves that are weights, and λ of each."""
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not is_bias(path):
            own = l2 if np.ndim(l2) == 0 else l2[int(is_skip(path))]
            leaf = jnp.asarray(leaf)
            found.append((leaf, jnp.asarray(own, leaf.dtype)))
    return found


def weighted_penalty(params: PyTree, l2: Any) -> Float[Array, ""]:
    """λ · ½ Σ w²; of a pair of λ the sum over both kinds of weights.

    >>> from nanonet.network.layers import SkipLayer
    >>> params = SkipLayer(w=jnp.ones((1, 1)), s=jnp.ones((2, 1)), b=jnp.ones(1))
    >>> print(weighted_penalty(params, (0.5, 3.0)))
    3.25
    """
    if np.ndim(l2) == 0:
        penalty = l2_penalty(params)
        return jnp.asarray(l2, penalty.dtype) * penalty
    terms = [of * jnp.sum(w * w) / 2 for w, of in weights_of(params, l2)]
    return jnp.asarray(sum(terms, 0.0))


def l2_penalty(params: PyTree) -> Float[Array, ""]:
    """½ Σ w², over the weights; biases, by `is_bias`, are left out.

    They do not make a network's output any steeper (Bishop, *Pattern Recognition and
    Machine Learning*, section 5.5.1).

    >>> from nanonet.network.layers import Layer
    >>> float(l2_penalty([Layer(w=jnp.full((2, 1), 3.0), b=jnp.ones(1))]))
    9.0
    """
    terms = [jnp.sum(w * w) / 2 for w, _ in weights_of(params)]
    return jnp.asarray(sum(terms, 0.0))
