"""What all exports are made of: layers of float64, and numbers written in full."""

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet._internal.version import version_of
from nanonet.model.model import Model
from nanonet.network.layers import Layer


class DenseLayer(NamedTuple):
    """a ← f(a w + b)."""

    w: Float[np.ndarray, "n_in n_out"]
    b: Float[np.ndarray, " n_out"]

    activation: str
    """The name of f."""


def dense_layers(model: Model) -> list[DenseLayer]:
    """Read the layers of a model, in float64.

    Raises:
      ValueError: the network is not one of `mlp`, an activation is a function rather
        than a name, or a parameter is not finite.
    """
    architecture = model.network.architecture
    if architecture is None or not all(isinstance(p, Layer) for p in model.params):
        raise ValueError("model: only a network made by mlp can be exported.")
    hidden, output = architecture.hidden, architecture.output
    if callable(hidden) or callable(output):
        raise ValueError("model: activations can be exported only if given by name.")
    names = [hidden] * (len(model.params) - 1) + [output]
    layers = [
        DenseLayer(np.asarray(w, np.float64), np.asarray(b, np.float64), name)
        for (w, b), name in zip(model.params, names, strict=True)
    ]
    if not all(np.isfinite(array).all() for w, b, _ in layers for array in (w, b)):
        raise ValueError("model: a parameter is not finite; fit it anew.")
    return layers


def origin(model: Model) -> str:
    """Say in words that no one chose which network this is.

    It may stand in any comment.
    """
    architecture = model.network.architecture
    assert architecture is not None
    sizes = "-".join(map(str, architecture.sizes))
    return (
        f"network {sizes}, {architecture.hidden} and {architecture.output}; "
        f"written by nanonet {version_of('nanonet')}"
    )


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
