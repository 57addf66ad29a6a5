"""What the quantities of a network are called, as text and in LaTeX.

In `two_two_one` they have the notes' symbols: w1 to w6, b3, b4, b5. In an `mlp`,

========================  =====================================================
x1, x2, …                 inputs
h1, h2, …                 hidden units; h2.3 is unit 3 of hidden layer 2, where
                          there are several hidden layers
o1, o2, …                 output units
z_h1, z_o1                weighted sums
out_h1                    what a hidden unit gives
ŷ, or ŷ1, ŷ2, …           what an output unit gives; y, y1, y2, … its target
w_x1_h2                   weight of the arrow from x1 to h2
b_h2                      bias of h2
========================  =====================================================
"""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nanonet.network.network import TwoTwoOne


class ArrayLayer(NamedTuple):
    """A `Layer` held by NumPy: its numbers, or their symbols."""

    w: np.ndarray
    """[n_in, n_out]."""

    b: np.ndarray
    """[n_out]."""


class Symbols(NamedTuple):
    """The symbols of one network."""

    out: tuple[tuple[str, ...], ...]
    """What each unit gives, layer by layer, inputs first, ŷ last."""

    z: tuple[tuple[str, ...], ...]
    """Weighted sums of each layer but the inputs."""

    targets: tuple[str, ...]
    """One for each output."""

    layers: tuple[ArrayLayer, ...]
    """Weights and biases."""

    params: tuple[str, ...]
    """The same, in the order of `jax.flatten_util.ravel_pytree`."""


def symbols_of(sizes: Sequence[int], *, notes: bool) -> Symbols:
    """Name everything in a network of these sizes; ``notes``: of `TwoTwoOne`.

    >>> names = symbols_of([2, 3, 1], notes=False)
    >>> names.z, names.layers[1].w[:, 0].tolist()
    ((('z_h1', 'z_h2', 'z_h3'), ('z_o1',)), ['w_h1_o1', 'w_h2_o1', 'w_h3_o1'])
    """
    *_, n_out = sizes
    several = len(sizes) > 3
    units = [_numbered("x", sizes[0])]
    for depth, size in enumerate(sizes[1:-1], 1):
        units.append(_numbered(f"h{depth}." if several else "h", size))
    units.append(_numbered("o", n_out))
    hidden = tuple(tuple(f"out_{unit}" for unit in layer) for layer in units[1:-1])
    outputs = ("ŷ",) if n_out == 1 else _numbered("ŷ", n_out)
    if notes:
        layers = (
            _layer([["w1", "w2"], ["w3", "w4"]], ["b3", "b4"]),
            _layer([["w5"], ["w6"]], ["b5"]),
        )
        params = TwoTwoOne._fields
    else:
        layers = tuple(
            _layer(
                [[f"w_{i}_{j}" for j in above] for i in below],
                [f"b_{j}" for j in above],
            )
            for below, above in itertools.pairwise(units)
        )
        params = tuple(
            symbol for layer in layers for leaf in layer for symbol in leaf.flat
        )
    return Symbols(
        out=(units[0], *hidden, outputs),
        z=tuple(tuple(f"z_{unit}" for unit in layer) for layer in units[1:]),
        targets=("y",) if n_out == 1 else _numbered("y", n_out),
        layers=layers,
        params=params,
    )


def _layer(w: list[list[str]], b: list[str]) -> ArrayLayer:
    return ArrayLayer(np.array(w, object), np.array(b, object))


def _numbered(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{i + 1}" for i in range(count))


def partial(of: str, by: str) -> str:
    """Write a derivative: "∂J/∂w1"."""
    return f"∂{of}/∂{by}"


def grouped(formula: str) -> str:
    """The formula, in brackets if it is a sum or negative, to stand in a product.

    >>> grouped("ŷ − y"), grouped("ŷ·(1 − ŷ)"), grouped("-0.5")
    ('(ŷ − y)', 'ŷ·(1 − ŷ)', '(-0.5)')
    """
    outside = re.sub(r"\([^()]*\)|\[[^]]*\]", "", formula)
    loose = outside.startswith(("−", "-")) or re.search(r" [−+] ", outside)
    return f"({formula})" if loose else formula


_UNIT = r"(?:[xho]\d+(?:\.\d+)?)"
_LATEX = [
    (r"∂([^/ ]+)/∂([\w.]+)", r"\\frac{∂\1}{∂\2}"),
    (r"e\^\(([^()]*)\)", r"e^{\1}"),
    (rf"\bw_({_UNIT})_({_UNIT})", r"w_{\1,\2}"),
    (rf"\b([zb])_({_UNIT})", r"\1_{\2}"),
    (rf"\bout_({_UNIT})", r"\\mathrm{out}_{\1}"),
    (r"\b([wbxhoyŷ])(\d+(?:\.\d+)?)", r"\1_{\2}"),
    (r"ŷ", r"\\hat{y}"),
    (r"²", r"^2"),
    (r"Σ", r"{\\textstyle\\sum}"),
    (r"⁺", r"^{+}"),
    (r"∂", r"\\partial "),
    (r" ?· ?", r" \\cdot "),
    (r"−", r"-"),
    (r"α", r"\\alpha "),
]


def latex(text: str) -> str:
    r"""A symbol, or a formula of derivatives, in LaTeX.

    >>> print(latex("∂z_o1/∂out_h1"))
    \frac{\partial z_{o_{1}}}{\partial \mathrm{out}_{h_{1}}}
    """
    for pattern, replacement in _LATEX:
        text = re.sub(pattern, replacement, text)
    return text
