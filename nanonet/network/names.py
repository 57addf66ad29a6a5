"""What the quantities of a network are called.

In `two_two_one` they have the notes' symbols: w1 to w6, b3, b4, b5. In an `mlp`,

========================  =====================================================
x1, x2, …                 inputs
h1, h2, …                 hidden units; h2.3 is unit 3 of hidden layer 2, where
                          there are several hidden layers
o1, o2, …                 output units
w_x1_h2                   weight of the arrow from x1 to h2
w_x1_o1                   likewise, of a skip past the hidden units
b_h2                      bias of h2
θ0, θ1, θ2, …             bias and weights of a network that is a single neuron
========================  =====================================================

In any other tree a parameter is called by its path and index, as in ``a.w[0, 1]``.
Every name is a `Symbol`: a string that knows itself in HTML and in LaTeX, too.
"""

import html
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.symbol import Symbol, element, indexed, numbered
from nanonet.network.two_two_one import TwoTwoOne

X, H, O, W, B = map(Symbol, "xhowb")
THETA = Symbol("θ", latex=r"\theta")


class LayerNames(NamedTuple):
    """The names of one layer's weights and biases."""

    w: np.ndarray
    """[n_in, n_out]; of a `SkipLayer`, [n_in + inputs, n_out]: w, and s below it."""

    b: np.ndarray
    """[n_out]."""


def unit_names(sizes: Sequence[int]) -> tuple[tuple[Symbol, ...], ...]:
    """The units of each layer, inputs first.

    >>> unit_names([2, 3, 1])
    (('x1', 'x2'), ('h1', 'h2', 'h3'), ('o1',))
    """
    first, *hidden, last = sizes
    several = len(hidden) > 1
    between = (
        _units(H, count, f"{i}." if several else "")
        for i, count in enumerate(hidden, 1)
    )
    return (_units(X, first), *between, _units(O, last))


def _units(letter: Symbol, count: int, layer: str = "") -> tuple[Symbol, ...]:
    return tuple(numbered(letter, f"{layer}{i + 1}") for i in range(count))


def layer_names(
    sizes: Sequence[int], *, notes: bool, skip: bool = False
) -> tuple[LayerNames, ...]:
    """The weights and biases of each layer; ``notes``: of `TwoTwoOne`.

    >>> layer_names([2, 3, 1], notes=False)[1].w[:, 0].tolist()
    ['w_h1_o1', 'w_h2_o1', 'w_h3_o1']
    >>> layer_names([2, 1, 1], notes=False, skip=True)[1].w[:, 0].tolist()
    ['w_h1_o1', 'w_x1_o1', 'w_x2_o1']
    """
    if notes:
        w1, w2, w3, w4, w5, w6, b3, b4, b5 = OF_THE_NOTES
        return (
            _layer([[w1, w2], [w3, w4]], [b3, b4]),
            _layer([[w5], [w6]], [b5]),
        )
    if len(sizes) == 2 and sizes[1] == 1:
        bias, *weights = (numbered(THETA, i) for i in range(sizes[0] + 1))
        return (_layer([[weight] for weight in weights], [bias]),)
    units = unit_names(sizes)
    arrows = list(itertools.pairwise(units))
    if skip:
        arrows[-1] = ((*units[-2], *units[0]), units[-1])
    return tuple(
        _layer(
            [[indexed(W, i, j) for j in above] for i in below],
            [indexed(B, j) for j in above],
        )
        for below, above in arrows
    )


#: Of `TwoTwoOne`, field by field: the notes count its biases from 3.
OF_THE_NOTES = (
    *(numbered(W, i) for i in range(1, 7)),
    *(numbered(B, i) for i in range(3, 6)),
)


def _layer(w: list[list[Symbol]], b: list[Symbol]) -> LayerNames:
    return LayerNames(np.array(w, object), np.array(b, object))


def parameter_names(params: PyTree) -> list[Symbol]:
    """A name for each number, in the order of `jax.flatten_util.ravel_pytree`.

    >>> parameter_names({"b": np.zeros(2), "w": 0.0})
    ['b[0]', 'b[1]', 'w']
    >>> parameter_names((Layer(w=np.zeros((2, 1)), b=np.zeros(1)),))
    ['θ1', 'θ2', 'θ0']
    """
    if isinstance(params, TwoTwoOne) and all(np.ndim(leaf) == 0 for leaf in params):
        return list(OF_THE_NOTES)
    sizes = layer_sizes(params)
    if sizes:
        skip = isinstance(params[-1], SkipLayer)
        layers = layer_names(sizes, notes=False, skip=skip)
        return [name for layer in layers for leaf in layer for name in leaf.flat]
    return [
        element(_path(path), index)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        for index in np.ndindex(np.shape(leaf))
    ]


def _path(path: tuple) -> Symbol:
    r"""The way to a leaf.

    >>> [w] = parameter_names({"net_1": np.zeros((1, 1))})
    >>> print(w, w.html, w.latex)
    net_1[0, 0] net_1<sub>0, 0</sub> \mathrm{net\_1}_{0, 0}
    """
    name = jax.tree_util.keystr(path, simple=True, separator=".")
    if not name or name == THETA:
        return THETA
    word = name.replace("_", r"\_")
    latex = name if len(name) == 1 else rf"\mathrm{{{word}}}"
    return Symbol(name, html.escape(name), latex)


def layer_sizes(params: PyTree) -> list[int] | None:
    """Units per layer, of the parameters of an `mlp`; None of any other tree."""
    if not isinstance(params, tuple | list) or not params:
        return None
    known = Layer, SkipLayer
    if not all(isinstance(p, known) and np.ndim(p.w) == 2 for p in params):
        return None
    return [np.shape(params[0].w)[0], *(np.shape(layer.w)[1] for layer in params)]
