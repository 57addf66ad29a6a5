"""A model in the table's own units: standardization goes into weights and biases."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet.model.export.layers import (
    DenseLayer,
    dense_layers,
    mean_of_members,
    sees_inputs,
)
from nanonet.model.model import Model
from nanonet.table.columns import Column, begins, scaling
from nanonet.table.transforms import inverse

Rows = Float[np.ndarray, "_ n _"]


def softmax(z: Float[np.ndarray, "... k"]) -> Float[np.ndarray, "... k"]:
    """e^z / Σ e^z, which does not overflow."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


#: f(z) in NumPy.
ACTIVATIONS = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 0.5 + 0.5 * np.tanh(0.5 * z),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "softplus": lambda z: np.logaddexp(z, 0.0),
    "softmax": softmax,
}


class Folded(NamedTuple):
    """ŷ = t⁻¹(mean + scale · (mean over the members of their last layer's output))."""

    layers: tuple[DenseLayer, ...]
    """The first reads the table's cells as they are, 1 where a category is met; so does
    the last, behind the units before it, if the network's outputs see the inputs."""

    fill: Float[np.ndarray, " inputs"]
    """What stands for a number that is missing."""

    mean: Float[np.ndarray, " outputs"]
    scale: Float[np.ndarray, " outputs"]

    targets: tuple[Column, ...]
    """They know the transform t, of which t⁻¹ is the way back."""

    def filled(self, rows: Float[np.ndarray, "n inputs"]) -> np.ndarray:
        """The cells, without gaps."""
        return np.where(np.isnan(rows), self.fill, rows)

    def __call__(
        self, rows: Float[np.ndarray, "n inputs"]
    ) -> Float[np.ndarray, "n outputs"]:
        """ŷ of rows in the table's units."""
        a = x = self.filled(rows)[None]
        for w, b, activation in self.layers:
            a = ACTIVATIONS[activation](entering(a, x, w) @ w + b[:, None])
        return inverse(self.targets, self.mean + self.scale * a.mean(axis=0))


def entering(a: Rows, x: Rows, w: Float[np.ndarray, "members n_in n_out"]) -> Rows:
    """What a layer reads: outputs of its member alone, or, if it is one, of all.

    Where it has more weights, it reads the inputs x as well.
    """
    if len(a) > len(w):
        a = np.moveaxis(a, 0, 1).reshape(1, a.shape[1], -1)
    if a.shape[2] == w.shape[1]:
        return a
    return np.concatenate([a, np.broadcast_to(x, (len(a), *x.shape[1:]))], axis=2)


def fold(model: Model) -> Folded:
    """Rewrite a model without changing what it answers.

    ::

        w (x - mean)/scale + b = (w/scale) x + (b - w mean/scale)

    Of each categorical column the first level's weight goes into the bias, since one
    level is always met; of softmax outputs the first z is made 0, and two of them
    become one sigmoid, the second's. Identity outputs of several members are one sum.

    Raises:
      ValueError: as `nanonet.model.model.named_activations`; or a weight that is no
        finite number in the table's units.
    """
    layers = dense_layers(model)
    if sees_inputs(layers):
        layers[-1] = _from_cells(model.inputs, layers[-1])
    layers[0] = _from_cells(model.inputs, layers[0])
    mean, scale = scaling(model.targets)
    w, b, activation = layers[-1]
    outputs = w.shape[-1]
    if activation == "softmax" and outputs > 1:
        w, b = w - w[..., :1], b - b[..., :1]
        if outputs == 2:
            w, b, activation = w[..., 1:], b[..., 1:], "sigmoid"
    elif activation == "identity":
        w, b, _ = mean_of_members(layers)
        w, b = w * scale, b * scale + mean
        mean, scale = np.zeros(1), np.ones(1)
    layers[-1] = DenseLayer(w, b, activation)
    if not all(np.isfinite(leaf).all() for w, b, _ in layers for leaf in (w, b)):
        raise ValueError(
            "equation: in the units of the table a weight is beyond float64; measure "
            "the columns in other units."
        )
    size = (outputs if outputs > 2 else w.shape[-1],)
    return Folded(
        tuple(layers),
        np.broadcast_to(scaling(model.inputs)[0], sum(c.width for c in model.inputs)),
        np.broadcast_to(mean, size),
        np.broadcast_to(scale, size),
        model.targets,
    )


def _from_cells(columns: Sequence[Column], layer: DenseLayer) -> DenseLayer:
    """The layer, made to read numbers and categories as the table has them.

    Its last weights are those of the columns.
    """
    w, b, activation = layer
    mean, scale = scaling(columns)
    of_units, w = np.split(w, [-sum(column.width for column in columns)], axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        w = w / scale[:, None]
        b = b - np.sum(w * mean[:, None], axis=1)
    for begin, column in zip(begins(columns), columns, strict=True):
        if column.levels is not None:
            levels = slice(begin, begin + column.width)
            reference = w[:, begin].copy()
            w[:, levels] -= reference[:, None]
            b = b + reference
    return DenseLayer(np.concatenate([of_units, w], axis=1), b, activation)
