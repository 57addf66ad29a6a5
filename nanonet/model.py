"""A fitted network together with what its inputs and outputs mean."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet.encoding import Column, encode_table
from nanonet.network import Network

if TYPE_CHECKING:
    import pandas


class Model(NamedTuple):
    """All that a prediction needs; what `nanonet.storage` saves and loads."""

    network: Network
    params: PyTree

    inputs: tuple[Column, ...]
    """The columns that are read, in the order of the network's inputs."""

    target: Column
    """The column that is predicted."""


def predict(model: Model, frame: "pandas.DataFrame") -> np.ndarray:
    """Predict the target of every row: a category, or a number in its own unit.

    Args:
      model: from `fit_table` or `load_model`.
      frame: holds the model's input columns, by name, and possibly others.

    Raises:
      TableError: a column is not there, or a cell does not fit it.
    """
    x = encode_table(model.inputs, frame)
    with jax.enable_x64(True):
        apply = jax.vmap(model.network.apply, in_axes=(None, 0))
        outputs = apply(model.params, jnp.asarray(x))
    return model.target.decode(np.asarray(outputs))
