"""What a network's inputs and outputs mean: units, names, classes."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from nanonet.network.network import Network
from nanonet.objectives.losses import SQUARED, Loss, binary_cross_entropy, cross_entropy
from nanonet.table.checks import (
    as_matrix,
    check_columns,
    check_finite,
    column_names,
    warn_of_columns,
)
from nanonet.table.scaling import Scaling, no_scaling, scaling_of

#: Outputs within bounds, whose targets are in their own unit.
BOUNDED = ("sigmoid", "softmax", "tanh")


class Examples(NamedTuple):
    """A table as numbers, in the units it came in."""

    x: Float[np.ndarray, "n inputs"]
    y: Float[np.ndarray, "n outputs"]
    """Numbers, or 1 for the row's class and 0 for the others."""

    weights: Float[np.ndarray, " n"]
    names: tuple[str, ...] | None
    """Of the columns of x, where known."""

    classes: Shaped[np.ndarray, " k"] | None
    """What the outputs stand for, in a classification."""

    flat: bool
    """Whether y came as [n]."""


class Coding(NamedTuple):
    """How to get from the table's units to the network's, and back."""

    inputs: Scaling
    targets: Scaling
    names: tuple[str, ...] | None
    classes: Shaped[np.ndarray, " k"] | None
    flat: bool

    def encode(self, x: Any) -> Float[np.ndarray, "n inputs"]:
        """What the network is given for the rows of x, an array or a data frame."""
        matrix = check_columns(
            "x", x, as_matrix("x", x), len(self.inputs.mean), self.names
        )
        z = self.inputs.encode(matrix)
        check_finite("x, standardised", z, self.names)
        return z

    def decode(self, outputs: Float[np.ndarray, "n outputs"]) -> np.ndarray:
        """Outputs in the unit of y, of the shape that y had; or the likeliest class."""
        if self.classes is None:
            y = self.targets.decode(outputs)
            return y[:, 0] if self.flat else y
        if outputs.shape[1] == 1:
            return self.classes[(outputs[:, 0] > 0.5).astype(int)]
        return self.classes[np.argmax(outputs, axis=1)]


def read_examples(
    x: Any, y: Any, *, loss: Loss, weights: Any = None, warn: bool = True
) -> Examples:
    """Check a table, and make it numbers.

    Raises:
      ValueError, TypeError: see `fit`.
    """
    matrix = as_matrix("x", x)
    n = len(matrix)
    names = column_names(x)
    targets, classes, flat = _targets(y, loss)
    if len(targets) != n:
        raise ValueError(f"x has {n} rows, but y has {len(targets)}.")
    if n < 2:
        raise ValueError("x has 1 row (n_samples = 1); 2 are needed at the least.")
    if warn:
        warn_of_columns(matrix, names)
    s = read_weights(weights, n)
    return Examples(matrix, targets, s, names, classes, flat)


def make_coding(
    examples: Examples, rows: np.ndarray, *, network: Network, loss: Loss, scale: bool
) -> Coding:
    """Standardise by ``rows``, those that are learnt from; see `fit`."""
    x, y, weights = examples.x[rows], examples.y[rows], examples.weights[rows]
    inputs, targets = no_scaling(x.shape[1]), no_scaling(y.shape[1])
    if not weights.any():
        raise ValueError("weights are all 0 in the training rows.")
    if scale:
        inputs = scaling_of(x, weights)
        output = network.architecture and network.architecture.output
        if loss in SQUARED and output not in BOUNDED:
            targets = scaling_of(y, weights)
    return Coding(inputs, targets, examples.names, examples.classes, examples.flat)


def _targets(
    y: Any, loss: Loss
) -> tuple[Float[np.ndarray, "n outputs"], np.ndarray | None, bool]:
    if y is None:
        raise ValueError("y cannot be None; fit requires y to be passed.")
    array = np.asarray(y)
    if array.ndim == 0 or array.ndim > 2 or not array.size:
        raise ValueError(f"y has shape {array.shape}; it must be [n] or [n, outputs].")
    flat = array.ndim == 1
    if loss not in (cross_entropy, binary_cross_entropy):
        return as_matrix("y", array[:, None] if flat else y), None, flat
    if not flat and array.shape[1] > 1:
        return _shares(as_matrix("y", y)), np.arange(array.shape[1]), flat
    classes, index = _classes(array.ravel())
    if loss is cross_entropy:
        return np.eye(len(classes))[index], classes, True
    if len(classes) > 2:
        raise ValueError(
            f"y has {len(classes)} classes; binary_cross_entropy is for two. Use "
            "softmax outputs and cross_entropy."
        )
    return index[:, None].astype(float), classes, True


def _classes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if labels.dtype.kind == "f":
        check_finite("y", labels)
    for row, label in enumerate(labels):
        if label is None or label != label:
            raise ValueError(f"y, row {row}: the class is missing.")
    try:
        classes, index = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"y mixes classes that cannot be sorted: {error}.") from error
    if len(classes) < 2:
        raise ValueError(
            f"y holds only one class, {str(classes[0])!r}, in every row; there is "
            "nothing to tell apart."
        )
    return classes, index


def _shares(y: np.ndarray) -> np.ndarray:
    wrong = (np.abs(y.sum(1) - 1) > 1e-6) | (y < 0).any(1)
    for row in np.flatnonzero(wrong).tolist():
        raise ValueError(
            f"y, row {row}: {y[row].tolist()} must be 1 for one class and 0 for the "
            "others (or shares that sum to 1)."
        )
    return y


def read_weights(weights: Any, n: int) -> Float[np.ndarray, " n"]:
    """The weights of n rows as floats, 1 where none are given; else `ValueError`."""
    if weights is None:
        return np.ones(n)
    s = np.asarray(weights)
    if s.shape != (n,) or s.dtype.kind not in "biuf":
        raise ValueError(
            f"weights (sample_weight) of shape {s.shape} and type {s.dtype} must be "
            f"{n} numbers, one for each row."
        )
    s = s.astype(float)
    check_finite("weights", s)
    if (s < 0).any() or not s.any():
        raise ValueError("weights must not be negative, nor all zero.")
    return s


def check_widths(network: Network, examples: Examples) -> None:
    """Raise `ValueError` unless the network has the table's inputs and outputs."""
    if network.architecture is None:
        return
    sizes = network.architecture.sizes
    for name, width, size in (
        ("x", examples.x.shape[1], sizes[0]),
        ("y", examples.y.shape[1], sizes[-1]),
    ):
        if width != size:
            what = "columns" if name == "x" or examples.classes is None else "classes"
            units = "inputs" if name == "x" else "outputs"
            raise ValueError(
                f"{name} has {width} {what}, but the network has {size} {units}."
            )


def class_index(examples: Examples) -> np.ndarray | None:
    """The class of each row, in a classification."""
    if examples.classes is None:
        return None
    if examples.y.shape[1] == 1:
        return examples.y[:, 0].astype(int)
    return np.argmax(examples.y, axis=1)
