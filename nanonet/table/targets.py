"""What is to be predicted, as numbers: y in its unit, or a place for each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from nanonet._internal.checks import check_finite
from nanonet.objectives.losses import Loss, binary_cross_entropy, cross_entropy
from nanonet.table.checks import as_matrix, column_names
from nanonet.table.columns import Column
from nanonet.table.encoding import positions


def encode_targets(
    targets: Sequence[Column], y: Any, outputs: int
) -> Float[np.ndarray, "n outputs"]:
    """New y like the one that was learnt from, as its numbers.

    Raises:
      ValueError: another number of columns, or a label that is none of the classes.
    """
    levels, array = targets[0].levels, np.asarray(y)
    if levels is None or (array.ndim == 2 and array.shape[1] == outputs > 1):
        matrix = _matrix(y)
        if matrix.shape[1] != outputs:
            raise ValueError(f"y has {matrix.shape[1]} columns; it must be {outputs}.")
        return matrix
    if hasattr(y, "iloc") and isinstance(levels[0], str):
        return _coded(positions(targets[0], y), outputs)
    place = {level: i for i, level in enumerate(levels)}
    labels = array.ravel().tolist()
    for row, label in enumerate(labels):
        if label not in place:
            known = ", ".join(map(repr, np.array(levels).tolist()))
            raise ValueError(f"y, row {row}: {label!r} is none of {known}.")
    return _coded(np.array([place[label] for label in labels]), outputs)


def _matrix(y: Any) -> Float[np.ndarray, "n outputs"]:
    array = np.asarray(y)
    return as_matrix("y", array[:, None] if array.ndim == 1 else y)


def _coded(index: np.ndarray, outputs: int) -> Float[np.ndarray, "n outputs"]:
    """Classes by their positions: 0 or 1 of one output, else 1 at the class's own."""
    return index[:, None].astype(float) if outputs == 1 else np.eye(outputs)[index]


def targets_of(
    y: Any, loss: Loss
) -> tuple[Float[np.ndarray, "n outputs"], tuple[Column, ...], bool]:
    """Numbers or classes, as suits the loss; their columns; and whether y was [n].

    Raises:
      ValueError: y has no rows or another shape, a class is missing or the only one,
        or its numbers are no shares of classes.
    """
    if y is None:
        raise ValueError("y cannot be None; fit requires y to be passed.")
    array = np.asarray(y)
    if array.ndim == 0 or array.ndim > 2 or not array.size:
        raise ValueError(f"y has shape {array.shape}; it must be [n] or [n, outputs].")
    flat = array.ndim == 1
    if loss not in (cross_entropy, binary_cross_entropy):
        matrix = _matrix(y)
        numbered = [f"y{k + 1}" if k else "y" for k in range(matrix.shape[1])]
        return matrix, tuple(map(Column, column_names(y) or numbered)), flat
    name = str(getattr(y, "name", None) or "y")
    if not flat and array.shape[1] > 1:
        column = Column(name, tuple(range(array.shape[1])))
        return _shares(as_matrix("y", y)), (column,), flat
    classes, index = _classes(array.ravel())
    if loss is binary_cross_entropy and len(classes) > 2:
        raise ValueError(
            f"y has {len(classes)} classes; binary_cross_entropy is for two. Use "
            "softmax outputs and cross_entropy."
        )
    outputs = len(classes) if loss is cross_entropy else 1
    return _coded(index, outputs), (Column(name, tuple(classes)),), True


def _classes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for row, label in enumerate(labels):
        if label is None or label != label:
            raise ValueError(f"y, row {row}: the class is missing.")
    if labels.dtype.kind == "f":
        check_finite("y", labels)
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
