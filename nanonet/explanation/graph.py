"""The numbers of a forward pass, what each is computed from, and its derivatives.

Units and parameters are called as in `nanonet.network.names`. Besides,

========================  =====================================================
z_h1, z_o1                weighted sums
out_h1                    what a hidden unit gives
ŷ, or ŷ1, ŷ2, …           what an output unit gives; y, y1, y2, … its target
========================  =====================================================
"""

import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from nanonet._internal.checks import check_finite
from nanonet.explanation.expression import Expression, Name, as_expression
from nanonet.explanation.formulas import BY_ERROR, LOSSES, MERGED, UNITS, softmax_slope
from nanonet.explanation.functions import exponential
from nanonet.explanation.symbols import J
from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.names import LayerNames, layer_names, unit_names
from nanonet.network.network import TwoTwoOne, layers_of
from nanonet.network.symbol import Symbol, indexed, numbered
from nanonet.objectives.data import in_dtype_of
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective

Y_HAT, OUT = Symbol("ŷ", latex=r"\hat{y}"), Symbol("out", latex=r"\mathrm{out}")


class Link(NamedTuple):
    """A local derivative, of a node by one of the numbers that it is computed from."""

    by: Symbol
    slope: Expression  # of all examples
    is_weight: bool = False


class Node(NamedTuple):
    """A number of the forward pass, such as z_h1 = x1·w1 + x2·w3 + b3."""

    symbol: Symbol
    formula: Expression
    values: np.ndarray  # of each example, as the network computes them
    links: list[Link]

    @property
    def name(self) -> Name:
        """It, where something else is computed from it."""
        return Name(self.symbol, self.values)


class Forward(NamedTuple):
    """All numbers of a forward pass."""

    given: list[Node]
    """Inputs and targets."""

    levels: list[list[Node]]
    """Z, out, z, out, ..., J, in the order of computation."""


def forward_pass(params: PyTree, objective: Objective, losses: np.ndarray) -> Forward:
    """The numbers in the order of computation.

    The network computes in its own dtype; the derivatives are float64.

    Raises:
      ValueError: a weighted sum or what a unit gives is not finite.
    """
    assert objective.network.architecture is not None
    sizes, hidden, output, _, skip = objective.network.architecture
    inputs, *units = unit_names(sizes)
    names = layer_names(sizes, notes=isinstance(params, TwoTwoOne), skip=skip)
    (x,) = in_dtype_of(params, objective.x)
    z, out = zip(*jax.vmap(objective.network.trace, (None, 0))(params, x), strict=True)
    check_finite("what the layers compute from params and x", [z, out])
    given, targets = _given(inputs, x), _given(_each(Symbol("y"), sizes), objective.y)
    levels = [given]
    for i, layer in enumerate(layers_of(params)):
        last = i == len(units) - 1
        f = output if last else hidden
        outs = _each(Y_HAT, sizes) if last else [indexed(OUT, u) for u in units[i]]
        sums = [indexed(Symbol("z"), unit) for unit in units[i]]
        below = [*levels[-1], *given] if last and skip else levels[-1]
        levels.append(_sums(below, names[i], layer, sums, z[i]))
        levels.append(_activations(str(f), levels[-1], outs, out[i]))
    terms = _terms(objective.loss, output, levels[-2:], targets)
    values, links = zip(*terms, strict=True)
    if objective.loss in BY_ERROR:
        levels.append(_errors(levels[-1], targets, sizes))
    levels.append([Node(J, _total(values), losses, list(links))])
    return Forward([*given, *targets], levels[1:])


def _each(letter: Symbol, sizes: Sequence[int]) -> list[Symbol]:
    """The letter for each output, with a number where there are several."""
    if sizes[-1] == 1:
        return [letter]
    return [numbered(letter, i + 1) for i in range(sizes[-1])]


def _given(symbols: Sequence[Symbol], values: Array) -> list[Node]:
    pairs = zip(symbols, _units(values), strict=True)
    return [Node(each, Name(each, numbers), numbers, []) for each, numbers in pairs]


def _errors(
    outputs: list[Node], targets: list[Node], sizes: Sequence[int]
) -> list[Node]:
    """The error ŷ - y of each output, which the notes begin with."""
    pairs = zip(_each(ERROR, sizes), outputs, targets, strict=True)
    return [
        Node(symbol, out.name - y.name, out.values - y.values, [])
        for symbol, out, y in pairs
    ]


ERROR = Symbol("error", "error", r"\mathrm{error}")


def _total(terms: Iterable[Expression]) -> Expression:
    return functools.reduce(operator.add, terms)


def _units(values: Array | np.ndarray) -> np.ndarray:
    """[units, examples]; as doubles, so that no product is rounded to fewer digits."""
    return np.asarray(values).astype(float).reshape(len(values), -1).T


def _sums(
    below: list[Node],
    names: LayerNames,
    layer: Layer | SkipLayer,
    symbols: Sequence[Symbol],
    z: Array,
) -> list[Node]:
    """The weighted sums of a layer; those of the inputs go back no further."""
    nodes, (*ws, b) = [], layer
    biases, w = list(map(Name, names.b, np.asarray(b))), np.concatenate(ws)
    columns = zip(names.w.T, _units(w), biases, symbols, _units(z), strict=True)
    for weights, numbers, bias, of, values in columns:
        pairs = [
            (a, Name(weight, number))
            for a, weight, number in zip(below, weights, numbers, strict=True)
        ]
        links = [Link(weight.symbol, a.name) for a, weight in pairs]
        links.append(Link(bias.symbol, as_expression(1)))
        links += [Link(a.symbol, weight, True) for a, weight in pairs if a.links]
        products = [a.name * weight for a, weight in pairs]
        nodes.append(Node(of, _total([*products, bias]), values, links))
    return nodes


def _activations(
    f: str, sums: list[Node], symbols: Sequence[Symbol], out: Array
) -> list[Node]:
    """What each unit gives, f(z) of its own z, or a softmax of all."""
    names = [Name(of, values) for of, values in zip(symbols, _units(out), strict=True)]
    powers = [exponential(z.name) for z in sums]
    nodes = []
    for z, power, own in zip(sums, powers, names, strict=True):
        if f == "softmax":
            formula = power / _total(powers)
            links = [
                Link(by.symbol, softmax_slope(own, other))
                for by, other in zip(sums, names, strict=True)
            ]
        else:
            formula = UNITS[f].value(z.name)
            links = [Link(z.symbol, UNITS[f].slope(own, z.name))]
        nodes.append(Node(own.symbol, formula, np.asarray(own.value), links))
    return nodes


def _terms(
    loss: Loss, output: object, last: list[list[Node]], targets: list[Node]
) -> Iterator[tuple[Expression, Link]]:
    """Each term of J, by its ŷ, or by z where the two derivatives are merged."""
    known, merged, n = LOSSES[loss], MERGED.get((loss, output)), len(targets)
    total_y = np.sum([each.values for each in targets], axis=0)
    for z, out, y in zip(*last, targets, strict=True):
        if merged is None:
            link = Link(out.symbol, known.slope(out.name, y.name, n))
        else:
            slope = merged.slope(out.name, y.name, Name("Σy", total_y))
            link = Link(z.symbol, slope)
        yield known.value(out.name, y.name, n), link
