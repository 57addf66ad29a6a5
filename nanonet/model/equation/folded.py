"""A model in the table's own units: standardization goes into weights and biases."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet.model.export.layers import DenseLayer, dense_layers
from nanonet.model.model import Model
from nanonet.table.columns import scaling

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
    """ŷ = mean + scale · (mean over the members of their last layer's output)."""

    layers: tuple[DenseLayer, ...]
    """The first reads the table's cells as they are, 1 where a category is met."""

    mean: Float[np.ndarray, " outputs"]
    scale: Float[np.ndarray, " outputs"]

    def __call__(
        self, rows: Float[np.ndarray, "n inputs"]
    ) -> Float[np.ndarray, "n outputs"]:
        """ŷ of rows in the table's units."""
        a = rows[None]
        for w, b, activation in self.layers:
            a = ACTIVATIONS[activation](entering(a, w) @ w + b[:, None])
        return self.mean + self.scale * a.mean(axis=0)


def entering(a: Rows, w: Float[np.ndarray, "members n_in n_out"]) -> Rows:
    """What a layer reads: outputs of its member alone, or, if it is one, of all."""
    if len(a) == len(w) or len(a) == 1:
        return a
    return np.moveaxis(a, 0, 1).reshape(1, a.shape[1], -1)


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
    first, *others = dense_layers(model)
    layers = [_from_cells(model, first), *others]
    mean, scale = scaling(model.targets)
    w, b, activation = layers[-1]
    outputs = w.shape[-1]
    if activation == "softmax" and outputs > 1:
        w, b = w - w[..., :1], b - b[..., :1]
        if outputs == 2:
            w, b, activation = w[..., 1:], b[..., 1:], "sigmoid"
    elif activation == "identity":
        w, b = _of_all_members(w, alone=len(layers) == 1), b.mean(axis=0, keepdims=True)
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
        tuple(layers), np.broadcast_to(mean, size), np.broadcast_to(scale, size)
    )


def _from_cells(model: Model, layer: DenseLayer) -> DenseLayer:
    """The first layer, made to read numbers and categories as the table has them."""
    mean, scale = scaling(model.inputs)
    with np.errstate(over="ignore", invalid="ignore"):
        w = layer.w / scale[:, None]
        b = layer.b - np.sum(w * mean[:, None], axis=1)
    begin = 0
    for column in model.inputs:
        if column.levels is not None:
            levels = slice(begin, begin + column.width)
            reference = w[:, begin].copy()
            w[:, levels] -= reference[:, None]
            b = b + reference
        begin += column.width
    return DenseLayer(w, b, layer.activation)


def _of_all_members(
    w: Float[np.ndarray, "members n_in n_out"], *, alone: bool
) -> Float[np.ndarray, "1 all n_out"]:
    """The weights of the members' mean; ``alone``: all of them read the same inputs."""
    if alone:
        return w.mean(axis=0, keepdims=True)
    return w.reshape(1, -1, w.shape[-1]) / len(w)
