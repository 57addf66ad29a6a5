"""From a table and its splits to what is trained: scaled, padded, stacked."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet.fitting.batch import Fold
from nanonet.model.rows import pad_rows, padded_length
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.table.columns import Column, scale
from nanonet.table.examples import Examples
from nanonet.table.splits import Split

Columns = tuple[Column, ...]


def stack_folds(
    examples: Examples,
    splits: Sequence[Split],
    columns: Sequence[tuple[Columns, Columns]],
) -> Fold:
    """One `Fold` for each split, padded to a common length, and stacked."""
    length = padded_length(len(examples.x))
    folds = []
    for split, (inputs, targets) in zip(splits, columns, strict=True):
        weights = []
        for rows in split:
            weights.append(np.zeros(len(examples.x)))
            weights[-1][rows] = examples.sample_weight[rows]
        x, y = scale(inputs, examples.x), scale(targets, examples.y)
        folds.append([pad_rows(of_row, length) for of_row in (x, y, *weights)])
    return Fold(*(jnp.asarray(np.stack(of)) for of in zip(*folds, strict=True)))


def draw_starts(network: Network, folds: int, starts: int, *, key: RandomKey) -> PyTree:
    """Random parameters with leading axes [folds, starts]; alike in every fold."""
    keys = jax.random.split(key, starts)
    params = _draw(network, keys)
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (folds, *leaf.shape)), params
    )


def _draw_unjitted(network: Network, keys: jax.Array) -> PyTree:
    return jax.vmap(lambda key: network.init(key=key, dtype=jnp.float64))(keys)


_draw = jax.jit(_draw_unjitted, static_argnums=0)
