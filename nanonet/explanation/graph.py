"""The numbers of a forward pass, what each is computed from, and its derivatives."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from nanonet._internal.checks import check_finite
from nanonet.explanation.formulas import LOSSES, MERGED, UNITS, softmax_slope
from nanonet.explanation.symbols import J, Symbol, fill, symbol, total
from nanonet.network.names import LayerNames, layer_names, numbered, unit_names
from nanonet.network.network import TwoTwoOne, layers_of
from nanonet.objectives.data import in_dtype_of
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective


class Link(NamedTuple):
    """A local derivative, of a node by one of the numbers that it is computed from."""

    by: Symbol
    formula: Symbol
    slope: np.ndarray | float  # of each example, or of all
    is_weight: bool = False


class Node(NamedTuple):
    """A number of the forward pass, such as z_h1 = x1·w1 + x2·w3 + b3."""

    symbol: Symbol
    formula: Symbol
    values: np.ndarray  # of each example
    links: list[Link]


def forward_pass(
    params: PyTree, objective: Objective, losses: np.ndarray
) -> list[list[Node]]:
    """All numbers in the order of computation: z, out, z, out, ..., J.

    The network computes in its own dtype; the derivatives are float64.

    Raises:
      ValueError: a weighted sum or what a unit gives is not finite.
    """
    assert objective.network.architecture is not None
    sizes, hidden, output, _ = objective.network.architecture
    inputs, *units = unit_names(sizes)
    answers, targets = (
        numbered(letter, sizes[-1]) if sizes[-1] > 1 else (letter,) for letter in "ŷy"
    )
    names = layer_names(sizes, notes=isinstance(params, TwoTwoOne))
    (x,) = in_dtype_of(params, objective.x)
    z, out = zip(*jax.vmap(objective.network.trace, (None, 0))(params, x), strict=True)
    check_finite("what the layers compute from params and x", [z, out])
    given = zip(map(symbol, inputs), _units(x), strict=True)
    levels = [[Node(name, name, values, []) for name, values in given]]
    for i, (w, _) in enumerate(layers_of(params)):
        f, outs = hidden, [f"out_{unit}" for unit in units[i]]
        if i == len(units) - 1:
            f, outs = output, answers
        sums = [symbol(f"z_{unit}") for unit in units[i]]
        levels.append(_sums(levels[-1], names[i], w, sums, z[i]))
        levels.append(_activations(str(f), levels[-1], [*map(symbol, outs)], out[i]))
    truth = list(zip(map(symbol, targets), _units(objective.y), strict=True))
    terms = _terms(objective.loss, output, levels[-2:], truth)
    formula, links = zip(*terms, strict=True)
    return [*levels[1:], [Node(J, total(formula), losses, list(links))]]


def _units(values: Array) -> np.ndarray:
    """[units, examples]; as doubles, so that no product is rounded to fewer digits."""
    return np.asarray(values).astype(float).reshape(len(values), -1).T


def _sums(
    below: list[Node], names: LayerNames, w: Array, symbols: Sequence[Symbol], z: Array
) -> list[Node]:
    """The weighted sums of a layer; those of the inputs go back no further."""
    nodes = []
    columns = zip(names.w.T, names.b, _units(w), symbols, _units(z), strict=True)
    for weights, b, numbers, of, values in columns:
        bias = symbol(b)
        pairs = list(zip(below, map(symbol, weights), numbers.tolist(), strict=True))
        products = [fill("{a}·{w}", a=a.symbol, w=weight) for a, weight, _ in pairs]
        links = [Link(weight, a.symbol, a.values) for a, weight, _ in pairs]
        links.append(Link(bias, Symbol("1"), 1.0))
        links += [Link(a.symbol, weight, w, True) for a, weight, w in pairs if a.links]
        nodes.append(Node(of, total([*products, bias]), values, links))
    return nodes


def _activations(
    f: str, sums: list[Node], symbols: Sequence[Symbol], out: Array
) -> list[Node]:
    """What each unit gives, f(z) of its own z, or a softmax of all."""
    nodes, units = [], list(zip(sums, symbols, _units(out), strict=True))
    powers = total(fill("e^({z})", z=z.symbol) for z in sums)
    for z, of, values in units:
        if f == "softmax":
            formula = fill("e^({z})/({powers})", z=z.symbol, powers=powers)
            links = [
                Link(by.symbol, *softmax_slope(of, other, values, others))
                for by, other, others in units
            ]
        else:
            unit = UNITS[f]
            formula = fill(unit.text, z=z.symbol)
            slope = fill(unit.slope, out=of, z=z.symbol)
            links = [Link(z.symbol, slope, unit.value(values, z.values))]
        nodes.append(Node(of, formula, values, links))
    return nodes


def _terms(
    loss: Loss,
    output: object,
    last: list[list[Node]],
    truth: list[tuple[Symbol, np.ndarray]],
) -> Iterator[tuple[Symbol, Link]]:
    """Each term of J, by its ŷ, or by z where the two derivatives are merged."""
    known, merged, n = LOSSES[loss], MERGED.get((loss, output)), len(truth)
    for z, out, (target, y) in zip(*last, truth, strict=True):
        parts = {"out": out.symbol, "y": target, "n": n}
        if merged is None:
            slope, by = known.value(out.values, y, n), out.symbol
        else:
            total_y = np.sum([each for _, each in truth], axis=0)
            slope, by = merged.value(out.values, y, total_y), z.symbol
        formula = fill((merged or known).slope, **parts)
        yield fill(known.text, **parts), Link(by, formula, slope)
