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
from nanonet.objectives.losses import Loss
from nanonet.table.coding import Coding, Examples, make_coding
from nanonet.table.splits import Split


def make_folds(
    examples: Examples,
    splits: Sequence[Split],
    *,
    network: Network,
    loss: Loss,
    scale: bool,
    coding: Coding | None = None,
) -> tuple[Fold, list[Coding]]:
    """Stack one `Fold` for each split, each scaled by its own training rows."""
    codings = [
        coding
        or make_coding(examples, split.train, network=network, loss=loss, scale=scale)
        for split in splits
    ]
    length = padded_length(len(examples.x))
    rows = [
        _columns(examples, split, code, length)
        for split, code in zip(splits, codings, strict=True)
    ]
    return Fold(*(jnp.asarray(np.stack(of)) for of in zip(*rows, strict=True))), codings


def _columns(
    examples: Examples, split: Split, coding: Coding, length: int
) -> list[np.ndarray]:
    """What a `Fold` holds, padded."""
    weights = []
    for rows in split:
        weights.append(np.zeros(len(examples.x)))
        weights[-1][rows] = examples.weights[rows]
    x, y = coding.inputs.encode(examples.x), coding.targets.encode(examples.y)
    return [pad_rows(column, length) for column in (x, y, *weights)]


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
