"""The forward pass, with the name and the formula of every number in it."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from nanonet._internal.checks import check_finite
from nanonet.explanation.chains import Quantity
from nanonet.explanation.formulas import LOSSES, UNITS
from nanonet.explanation.symbols import J, Symbol, Symbols, fill, total
from nanonet.network.names import LayerNames
from nanonet.network.network import Architecture, layers_of
from nanonet.objectives.data import in_dtype_of
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective


class Forward(NamedTuple):
    """What the layers computed, and from what."""

    names: Symbols
    architecture: Architecture
    layers: tuple[LayerNames, ...]
    """The parameters, as float64."""

    z: tuple[np.ndarray, ...]
    """Weighted sums of each layer but the inputs, [rows, units]."""

    out: tuple[np.ndarray, ...]
    """What the units of each layer give, inputs first, [rows, units]."""

    targets: np.ndarray
    """y, [rows, outputs]."""

    def activation(self, depth: int) -> str:
        """Name the activation behind weighted sums ``z[depth]``."""
        last = depth == len(self.z) - 1
        name = self.architecture.output if last else self.architecture.hidden
        assert isinstance(name, str)
        return name


def run_forward(names: Symbols, params: PyTree, objective: Objective) -> Forward:
    """Compute layer by layer, in the dtype that the network computes in.

    Raises:
      ValueError: a weighted sum or what a unit gives is not finite.
    """
    assert objective.network.architecture is not None
    (x,) = in_dtype_of(params, objective.x)
    z, out = zip(*jax.vmap(objective.network.trace, (None, 0))(params, x), strict=True)
    check_finite("what the layers compute from params and x", [z, out])
    return Forward(
        names,
        objective.network.architecture,
        layers=tuple(LayerNames(*map(_doubles, layer)) for layer in layers_of(params)),
        z=tuple(map(_doubles, z)),
        out=tuple(map(_doubles, (x, *out))),
        targets=np.reshape(_doubles(objective.y), out[-1].shape),
    )


def _doubles(array: Array) -> np.ndarray:
    """The same numbers; products of them are not rounded to fewer digits again."""
    return np.asarray(array).astype(float)


def quantities(
    forward: Forward, losses: np.ndarray, loss: Symbol
) -> tuple[Quantity, ...]:
    """Each row's weighted sums and activations in the order of computation, then J."""
    formulas = _formulas(forward)
    found = []
    for row, value in enumerate(losses):
        for depth, (z, out) in enumerate(zip(forward.z, forward.out[1:], strict=True)):
            for symbols, values in (
                (forward.names.z[depth], z[row]),
                (forward.names.out[depth + 1], out[row]),
            ):
                found += [
                    Quantity(row, symbol, formulas[symbol], float(number))
                    for symbol, number in zip(symbols, values, strict=True)
                ]
        found.append(Quantity(row, J, loss, float(value)))
    return tuple(found)


def _formulas(forward: Forward) -> dict[Symbol, Symbol]:
    names, formulas = forward.names, {}
    for depth, (w, b) in enumerate(names.layers):
        below, sums = names.out[depth], names.z[depth]
        powers = total(fill("e^({z})", z=z) for z in sums)
        name = forward.activation(depth)
        f = "e^({z})/({powers})" if name == "softmax" else UNITS[name].f
        for k, (z, out) in enumerate(zip(sums, names.out[depth + 1], strict=True)):
            formulas[z] = total(
                [
                    *(fill("{a}·{w}", a=a, w=w[i, k]) for i, a in enumerate(below)),
                    b[k],
                ]
            )
            formulas[out] = fill(f, z=z, powers=powers)
    return formulas


def loss_formula(names: Symbols, loss: Loss) -> Symbol:
    """J of one example, as a sum over the outputs."""
    outputs, term = names.out[-1], LOSSES[loss].term
    return total(
        fill(term, out=out, y=y, n=len(outputs))
        for out, y in zip(outputs, names.targets, strict=True)
    )
