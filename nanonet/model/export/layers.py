"""What all exports are made of: layers of float64, and numbers written in full."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet._internal.version import version_of
from nanonet.model.committee import members_of
from nanonet.model.model import Model, describe_network, named_activations


class DenseLayer(NamedTuple):
    """a ← f(a w + b), in each network of a committee."""

    w: Float[np.ndarray, "members n_in n_out"]
    """Of a layer that sees the inputs too, their weights are the last rows."""

    b: Float[np.ndarray, "members n_out"]
    activation: str  # the name of f


def dense_layers(model: Model) -> list[DenseLayer]:
    """Read the layers of a model, in float64; ValueError as `named_activations`.

    One network is a committee of one.
    """
    names = named_activations(model, "exported")
    _, params = members_of(model.network, model.params)
    layers = []
    for (w, *skip, b), name in zip(params, names, strict=True):
        w = np.concatenate([w, *skip], axis=1)
        layers.append(DenseLayer(w.astype(float), np.asarray(b, float), name))
    return layers


def sees_inputs(layers: Sequence[DenseLayer]) -> bool:
    """Whether the last layer reads the inputs beside the last hidden units."""
    return len(layers) > 1 and layers[-1].w.shape[1] > layers[-2].w.shape[2]


def mean_of_members(layers: Sequence[DenseLayer]) -> DenseLayer:
    """The last layer, where it is linear, as one that reads all members' units.

    The mean of linear outputs is one sum: of the units of each member, then of the
    inputs, which all of them see, if they do.
    """
    w, b, activation = layers[-1]
    units = layers[-2].w.shape[2] if len(layers) > 1 else 0
    of_units = w[:, :units].reshape(-1, w.shape[2]) / len(w)
    whole = np.concatenate([of_units, w[:, units:].mean(axis=0)])
    return DenseLayer(whole[None], b.mean(axis=0, keepdims=True), activation)


def origin(model: Model) -> str:
    """Which network this is, and who wrote it; may stand in any comment."""
    version = version_of("nanonet")
    return f"{describe_network(model.network)}; written by nanonet {version}"


def listing(values: Iterable[float], *, indent: int, around: str) -> str:
    """Write numbers between brackets, with all their digits, in lines of 88 columns.

    >>> print(listing([0.1, -2.0], indent=4, around="{}"))
        {0.1, -2.0}
    """
    text = ", ".join(repr(float(value)) for value in values)
    return textwrap.fill(
        f"{around[0]}{text}{around[1]}",
        88,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 1),
        break_on_hyphens=False,
    )
