"""The forward pass, with the name and the formula of every number in it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array

from nanonet._internal.checks import check_finite
from nanonet.explanation.chains import Quantity
from nanonet.explanation.formulas import LOSSES, UNITS
from nanonet.explanation.symbols import ArrayLayer, Symbols
from nanonet.network.activations import activation
from nanonet.network.layers import Layer
from nanonet.network.network import Architecture, TwoTwoOne
from nanonet.objectives.objective import Objective


class Forward(NamedTuple):
    """What the layers computed, and from what."""

    names: Symbols
    architecture: Architecture
    layers: tuple[ArrayLayer, ...]
    """The parameters."""

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


def run_forward(
    names: Symbols, params: tuple[Layer, ...] | TwoTwoOne, J: Objective
) -> Forward:
    """Compute layer by layer, in the dtype that the network computes in.

    Raises:
      ValueError: a weighted sum or what a unit gives is not finite.
    """
    layers = params.to_layers() if isinstance(params, TwoTwoOne) else params
    architecture = J.network.architecture
    assert architecture is not None
    z, out = [], [J.x]
    for depth, (w, b) in enumerate(layers):
        last = depth == len(layers) - 1
        f = activation("", architecture.output if last else architecture.hidden)
        z.append(out[-1] @ w + b[None])
        out.append(f(z[-1]))
    check_finite("what the layers compute from params and x", [z, out])
    return Forward(
        names,
        architecture,
        layers=tuple(ArrayLayer(*map(_doubles, layer)) for layer in layers),
        z=tuple(map(_doubles, z)),
        out=tuple(map(_doubles, out)),
        targets=np.reshape(_doubles(J.y), out[-1].shape),
    )


def _doubles(array: Array) -> np.ndarray:
    """The same numbers; products of them are not rounded to fewer digits again."""
    return np.asarray(array).astype(float)


def quantities(forward: Forward, losses: np.ndarray, loss: str) -> tuple[Quantity, ...]:
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
        found.append(Quantity(row, "J", loss, float(value)))
    return tuple(found)


def _formulas(forward: Forward) -> dict[str, str]:
    names = forward.names
    formulas = {}
    for depth, (w, b) in enumerate(names.layers):
        below, sums = names.out[depth], names.z[depth]
        for k, (z, out) in enumerate(zip(sums, names.out[depth + 1], strict=True)):
            terms = [f"{i}·{weight}" for i, weight in zip(below, w[:, k], strict=True)]
            formulas[z] = " + ".join([*terms, b[k]])
            name = forward.activation(depth)
            if name == "softmax":
                powers = " + ".join(f"e^({each})" for each in sums)
                formulas[out] = f"e^({z})/({powers})"
            else:
                formulas[out] = UNITS[name].f.format(z=z)
    return formulas


def loss_formula(names: Symbols, J: Objective) -> str:
    """J of one example, as a sum over the outputs."""
    outputs = names.out[-1]
    return " + ".join(
        LOSSES[J.loss].term.format(out=out, y=y, n=len(outputs))
        for out, y in zip(outputs, names.targets, strict=True)
    )
