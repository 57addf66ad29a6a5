"""What the quantities of a network are called.

In `two_two_one` they have the notes' symbols: w1 to w6, b3, b4, b5. In an `mlp`,

========================  =====================================================
x1, x2, …                 inputs
h1, h2, …                 hidden units; h2.3 is unit 3 of hidden layer 2, where
                          there are several hidden layers
o1, o2, …                 output units
w_x1_h2                   weight of the arrow from x1 to h2
b_h2                      bias of h2
θ0, θ1, θ2, …             bias and weights of a network that is a single neuron
========================  =====================================================

In any other tree a parameter is called by its path and index, as in ``a.w[0, 1]``.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from nanonet.network.layers import Layer
from nanonet.network.network import TwoTwoOne


class LayerNames(NamedTuple):
    """The names of one layer's weights and biases."""

    w: np.ndarray
    """[n_in, n_out]."""

    b: np.ndarray
    """[n_out]."""


def unit_names(sizes: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    """The units of each layer, inputs first.

    >>> unit_names([2, 3, 1])
    (('x1', 'x2'), ('h1', 'h2', 'h3'), ('o1',))
    """
    several = len(sizes) > 3
    hidden = (f"h{i}." if several else "h" for i in itertools.count(1))
    prefixes = ["x", *itertools.islice(hidden, len(sizes) - 2), "o"]
    return tuple(itertools.starmap(numbered, zip(prefixes, sizes, strict=True)))


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """The prefix with a number from 1 up.

    >>> numbered("x", 3)
    ('x1', 'x2', 'x3')
    """
    return tuple(f"{prefix}{i + 1}" for i in range(count))


def layer_names(sizes: Sequence[int], *, notes: bool) -> tuple[LayerNames, ...]:
    """The weights and biases of each layer; ``notes``: of `TwoTwoOne`.

    >>> layer_names([2, 3, 1], notes=False)[1].w[:, 0].tolist()
    ['w_h1_o1', 'w_h2_o1', 'w_h3_o1']
    """
    if notes:
        w1, w2, w3, w4, w5, w6, b3, b4, b5 = TwoTwoOne._fields
        return (
            _layer([[w1, w2], [w3, w4]], [b3, b4]),
            _layer([[w5], [w6]], [b5]),
        )
    if len(sizes) == 2 and sizes[1] == 1:
        bias, *weights = (f"θ{i}" for i in range(sizes[0] + 1))
        return (_layer([[weight] for weight in weights], [bias]),)
    return tuple(
        _layer(
            [[f"w_{i}_{j}" for j in above] for i in below], [f"b_{j}" for j in above]
        )
        for below, above in itertools.pairwise(unit_names(sizes))
    )


def _layer(w: list[list[str]], b: list[str]) -> LayerNames:
    return LayerNames(np.array(w, object), np.array(b, object))


def parameter_names(params: PyTree) -> list[str]:
    """A name for each number, in the order of `jax.flatten_util.ravel_pytree`.

    >>> parameter_names({"b": np.zeros(2), "w": 0.0})
    ['b[0]', 'b[1]', 'w']
    >>> parameter_names((Layer(w=np.zeros((2, 1)), b=np.zeros(1)),))
    ['θ1', 'θ2', 'θ0']
    """
    sizes = layer_sizes(params)
    if sizes:
        layers = layer_names(sizes, notes=False)
        return [name for layer in layers for leaf in layer for name in leaf.flat]
    names = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        name = jax.tree_util.keystr(path, simple=True, separator=".") or "θ"
        names += [
            name + (str(list(index)) if index else "")
            for index in np.ndindex(np.shape(leaf))
        ]
    return names


def layer_sizes(params: PyTree) -> list[int] | None:
    """Units per layer, of the parameters of an `mlp`; None of any other tree."""
    if not isinstance(params, tuple | list) or not params:
        return None
    if not all(isinstance(p, Layer) and np.ndim(p.w) == 2 for p in params):
        return None
    return [np.shape(params[0].w)[0], *(np.shape(layer.w)[1] for layer in params)]
