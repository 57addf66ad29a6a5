"""A fitted network together with what its inputs and outputs mean."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet.model.rows import outputs
from nanonet.network.network import Network
from nanonet.table.checks import as_matrix, check_columns
from nanonet.table.columns import Column, encode_table
from nanonet.table.scaling import Scaling

if TYPE_CHECKING:
    import pandas


class Model(NamedTuple):
    """All that a prediction needs; what `nanonet.model.storage` saves and loads."""

    network: Network
    params: PyTree

    inputs: tuple[Column, ...]
    """The columns that are read, in the order of the network's inputs."""

    target: Column
    """The column that is predicted."""

    further: tuple[Column, ...] = ()
    """Columns of numbers that are predicted beside it."""


def predict(model: Model, x: "pandas.DataFrame | ArrayLike") -> np.ndarray:
    """Predict the target of every row: a category, or a number in its own unit.

    Args:
      model: from `fit_table`, `Fit.model` or `load_model`.
      x: a data frame that holds the model's input columns, by name, and possibly
        others; or an array of exactly these columns, where all are numbers.

    Returns:
      Shape [n], or [n, targets] where there are further ones.

    Raises:
      TableError: a column is not there, or a cell does not fit it.
      ValueError: an array of another width, or not of finite numbers.
    """
    frame: Any = x
    z = encode_table(model.inputs, frame) if hasattr(x, "iloc") else _encode(model, x)
    y = outputs(model.network, model.params, z)
    if not model.further:
        return model.target.decode(y)
    targets = model.target, *model.further
    return np.column_stack(
        [target.decode(y[:, [i]]) for i, target in enumerate(targets)]
    )


def _encode(model: Model, x: Any) -> np.ndarray:
    for column in model.inputs:
        if column.levels is not None:
            raise ValueError(
                f"x must be a data frame, because {column.name!r} holds categories."
            )
    names = tuple(column.name for column in model.inputs)
    matrix = check_columns("x", x, as_matrix("x", x), len(names), names)
    mean, scale = (
        np.array([getattr(column, part) for column in model.inputs])
        for part in ("mean", "scale")
    )
    return Scaling(mean, scale).encode(matrix)
