"""The numbers of a forward pass, what each is computed from, and its derivatives."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from nanonet._internal.checks import check_finite
from nanonet.explanation.formulas import LOSSES, MERGED, UNITS, softmax_slope
from nanonet.explanation.symbols import J, Symbol, Symbols, fill, total
from nanonet.network.names import LayerNames
from nanonet.network.network import layers_of
from nanonet.objectives.data import in_dtype_of
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective


class Link(NamedTuple):
    """A local derivative, of a node by one of the numbers that it is computed from."""

    by: Symbol
    formula: Symbol
    slope: np.ndarray | float
    """Of each example, or of all."""

    is_weight: bool = False


class Node(NamedTuple):
    """A number of the forward pass, such as z_h1 = x1·w1 + x2·w3 + b3."""

    symbol: Symbol
    formula: Symbol
    values: np.ndarray
    """Of each example."""

    links: list[Link]


def forward_pass(
    names: Symbols, params: PyTree, objective: Objective, losses: np.ndarray
) -> list[list[Node]]:
    """All numbers in the order of computation: z, out, z, out, ..., J.

    The network computes in its own dtype; the derivatives are float64.

    Raises:
      ValueError: a weighted sum or what a unit gives is not finite.
    """
    assert objective.network.architecture is not None
    _, hidden, output, _ = objective.network.architecture
    (x,) = in_dtype_of(params, objective.x)
    z, out = zip(*jax.vmap(objective.network.trace, (None, 0))(params, x), strict=True)
    check_finite("what the layers compute from params and x", [z, out])
    inputs = zip(names.out[0], _units(x), strict=True)
    levels = [[Node(name, name, values, []) for name, values in inputs]]
    for i, (w, _) in enumerate(layers_of(params)):
        f = output if i == len(z) - 1 else hidden
        levels.append(_sums(levels[-1], names.layers[i], w, names.z[i], z[i]))
        levels.append(_activations(str(f), levels[-1], names.out[i + 1], out[i]))
    terms = _terms(
        objective.loss, output, levels[-2:], names.targets, _units(objective.y)
    )
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
    for weights, bias, numbers, symbol, values in columns:
        pairs = list(zip(below, weights, numbers.tolist(), strict=True))
        products = [fill("{a}·{w}", a=a.symbol, w=weight) for a, weight, _ in pairs]
        links = [Link(weight, a.symbol, a.values) for a, weight, _ in pairs]
        links.append(Link(bias, Symbol("1"), 1.0))
        links += [Link(a.symbol, *by, is_weight=True) for a, *by in pairs if a.links]
        nodes.append(Node(symbol, total([*products, bias]), values, links))
    return nodes


def _activations(
    f: str, sums: list[Node], symbols: Sequence[Symbol], out: Array
) -> list[Node]:
    """What each unit gives, f(z) of its own z, or a softmax of all."""
    nodes, units = [], list(zip(sums, symbols, _units(out), strict=True))
    powers = total(fill("e^({z})", z=z.symbol) for z in sums)
    for z, symbol, values in units:
        if f == "softmax":
            formula = fill("e^({z})/({powers})", z=z.symbol, powers=powers)
            links = [
                Link(by.symbol, *softmax_slope(symbol, other, values, others))
                for by, other, others in units
            ]
        else:
            unit = UNITS[f]
            formula = fill(unit.text, z=z.symbol)
            slope = fill(unit.slope, out=symbol, z=z.symbol)
            links = [Link(z.symbol, slope, unit.value(values, z.values))]
        nodes.append(Node(symbol, formula, values, links))
    return nodes


def _terms(
    loss: Loss,
    output: object,
    last: list[list[Node]],
    targets: Sequence[Symbol],
    y: np.ndarray,
) -> Iterator[tuple[Symbol, Link]]:
    """Each term of J, by its ŷ, or by z where the two derivatives are merged."""
    known, merged, n = LOSSES[loss], MERGED.get((loss, output)), len(targets)
    for z, out, target, truth in zip(*last, targets, y, strict=True):
        parts = {"out": out.symbol, "y": target, "n": n}
        if merged is None:
            slope, by = known.value(out.values, truth, n), out.symbol
        else:
            slope, by = merged.value(out.values, truth, y.sum(axis=0)), z.symbol
        formula = fill((merged or known).slope, **parts)
        yield fill(known.text, **parts), Link(by, formula, slope)
