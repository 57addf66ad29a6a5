"""The symbols of units and parameters, which are called as in `nanonet.network.names`.

Besides,

========================  =====================================================
z_h1, z_o1                weighted sums
out_h1                    what a hidden unit gives
ŷ, or ŷ1, ŷ2, …           what an output unit gives; y, y1, y2, … its target
========================  =====================================================
"""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import PyTree

from nanonet.explanation.symbols import Symbol
from nanonet.network.names import (
    LayerNames,
    layer_names,
    layer_sizes,
    parameter_names,
    unit_names,
)
from nanonet.network.network import TwoTwoOne

Y_HAT, OUT = Symbol("ŷ", "ŷ", r"\hat{y}"), Symbol("out", "out", r"\mathrm{out}")


def numbered(letter: Symbol, number: int | str) -> Symbol:
    r"""A letter with a number, as x1.

    >>> print(numbered(Y_HAT, 2), numbered(Y_HAT, 2).latex)
    ŷ2 \hat{y}_{2}
    """
    return Symbol(
        f"{letter}{number}",
        f"{letter.html}<sub>{number}</sub>",
        f"{letter.latex}_{{{number}}}",
    )


def indexed(letter: Symbol, *units: Symbol) -> Symbol:
    r"""A quantity of a unit, or of the arrow between two, as z_h1 and w_x1_h2.

    >>> w = indexed(Symbol("w"), numbered(Symbol("x"), 1), numbered(Symbol("h"), 2))
    >>> print(w, w.html, w.latex)
    w_x1_h2 w<sub>x1,h2</sub> w_{x_{1},h_{2}}
    """
    below = ",".join(unit.latex for unit in units)
    return Symbol(
        "_".join([letter, *units]),
        f"{letter.html}<sub>{','.join(units)}</sub>",
        f"{letter.latex}_{{{below}}}",
    )


def unit_symbols(sizes: Sequence[int]) -> list[list[Symbol]]:
    """The units of each layer, inputs first."""
    return [
        [numbered(Symbol(name[0]), name[1:]) for name in names]
        for names in unit_names(sizes)
    ]


def layer_symbols(sizes: Sequence[int], *, notes: bool) -> list[LayerNames]:
    """The weights and biases of each layer; ``notes``: of `TwoTwoOne`."""
    neuron = len(sizes) == 2 and sizes[1] == 1
    if notes or neuron:
        layers = layer_names(sizes, notes=notes)
        return [LayerNames(*map(_letters, layer)) for layer in layers]
    w, b = Symbol("w"), Symbol("b")
    return [
        LayerNames(
            _array([[indexed(w, i, j) for j in above] for i in below]),
            _array([indexed(b, j) for j in above]),
        )
        for below, above in itertools.pairwise(unit_symbols(sizes))
    ]


def parameter_symbols(params: PyTree) -> list[Symbol]:
    r"""A symbol for each number, in the order of `jax.flatten_util.ravel_pytree`.

    >>> [w] = parameter_symbols({"w": np.zeros((1, 1))})
    >>> print(w, w.html, w.latex)
    w[0, 0] w<sub>0, 0</sub> w_{0, 0}
    """
    sizes = layer_sizes(params)
    if sizes:
        layers = layer_symbols(sizes, notes=False)
        return [symbol for layer in layers for leaf in layer for symbol in leaf.flat]
    names = parameter_names(params)
    if isinstance(params, TwoTwoOne):
        return list(_letters(np.array(names, object)))
    return list(map(_of_a_leaf, names))


def _of_a_leaf(name: str) -> Symbol:
    """A leaf's path and index."""
    path, _, index = name.rstrip("]").partition("[")
    latex = {"θ": r"\theta"}.get(path)
    if latex is None:
        word = path.replace("_", r"\_")
        latex = path if len(path) == 1 else rf"\mathrm{{{word}}}"
    if not index:
        return Symbol(name, name, latex)
    return Symbol(name, f"{path}<sub>{index}</sub>", f"{latex}_{{{index}}}")


def _letters(names: np.ndarray) -> np.ndarray:
    """Those of the notes, a letter and a number each."""
    latex = {"θ": r"\theta"}
    symbols = [
        numbered(Symbol(name[0], latex=latex.get(name[0])), name[1:])
        for name in names.flat
    ]
    return _array(symbols).reshape(names.shape)


def _array(symbols: list) -> np.ndarray:
    return np.array(symbols, object)
