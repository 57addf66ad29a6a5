"""What a network answers to many rows: outputs, slopes, losses; compiled once.

Rows are padded to a few lengths, so that tables of other lengths compile nothing anew.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from nanonet._internal.static import jit
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss

# Longer tables are taken in pieces.
LONGEST = 2**14


def padded_length(n: int) -> int:
    """A power of two from 64 on; above 256, one of eight lengths per octave.

    >>> [padded_length(n) for n in (1, 100, 257, 1000)]
    [64, 128, 288, 1024]
    """
    if n <= 256:
        return max(64, 1 << (n - 1).bit_length())
    step = 1 << ((n - 1).bit_length() - 4)
    return -(-n // step) * step


def pad_rows(rows: Float[np.ndarray, "n ..."], length: int) -> np.ndarray:
    """Append rows of zeros."""
    missing = [(0, length - len(rows))] + [(0, 0)] * (rows.ndim - 1)
    return np.pad(rows, missing)


def pad(*tables: Float[np.ndarray, "n ..."]) -> list[np.ndarray]:
    """Tables of equally many rows, of the next `padded_length`."""
    length = padded_length(len(tables[0]))
    return [pad_rows(table, length) for table in tables]


def over_rows(function: Any, *tables: np.ndarray) -> np.ndarray:
    """Call a jitted function of rows with padded pieces of the tables, in float64."""
    pieces = []
    with jax.enable_x64(True):
        for begin in range(0, len(tables[0]), LONGEST):
            piece = [table[begin : begin + LONGEST] for table in tables]
            n = len(piece[0])
            pieces.append(np.asarray(function(*pad(*piece)))[:n])
    return np.concatenate(pieces)


def outputs(
    network: Network, params: PyTree, z: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, "n outputs"]:
    """ŷ of each row."""
    return over_rows(functools.partial(_each, _answer, (network, params)), z)


def slopes(
    network: Network, params: PyTree, z: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, "n outputs inputs"]:
    """∂ŷ/∂x of each row."""
    return over_rows(functools.partial(_each, _slope, (network, params)), z)


def losses(
    network: Network,
    loss: Loss,
    params: PyTree,
    unit: tuple[np.ndarray, np.ndarray],
    z: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n outputs"],
) -> Float[np.ndarray, " n"]:
    """Loss of each row, in the unit (mean, scale) of y."""
    given = (network, loss, params, unit)
    return over_rows(functools.partial(_each, _loss, given), z, y)


@jit
def _each(one: Callable[..., Array], given: tuple, *tables: Any) -> Array:
    return jax.vmap(lambda *row: one(*given, *row))(*tables)


def _answer(network: Network, params: PyTree, x: Array) -> Array:
    return jnp.ravel(network.apply(params, x))


_slope = jax.jacfwd(_answer, argnums=2)


def _loss(
    network: Network, loss: Loss, params: PyTree, unit: Any, x: Array, y: Array
) -> Array:
    mean, scale = unit
    # A loss that gives a number for each output counts by their sum.
    return jnp.sum(loss(_answer(network, params, x) * scale + mean, y))
