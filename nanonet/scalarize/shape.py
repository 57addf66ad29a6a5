"""Primitives that move elements and compute nothing: NumPy moves the objects."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nanonet.scalarize.scalar import Scalar, objects

Shape = tuple[Any, ...]  # int or np.int64


def _reshape(
    x: np.ndarray, *, new_sizes: Shape, dimensions: Shape | None, **_: Any
) -> np.ndarray:
    return (x if dimensions is None else x.transpose(dimensions)).reshape(new_sizes)


def _broadcast_in_dim(
    x: np.ndarray, *, shape: Shape, broadcast_dimensions: Shape, **_: Any
) -> np.ndarray:
    sizes = np.ones(len(shape), int)
    sizes[list(broadcast_dimensions)] = x.shape
    return np.broadcast_to(x.reshape(sizes), shape)


def _slice(
    x: np.ndarray, *, start_indices: Shape, limit_indices: Shape, strides: Shape | None
) -> np.ndarray:
    bounds = zip(start_indices, limit_indices, strides or [1] * x.ndim, strict=True)
    return x[tuple(slice(*bound) for bound in bounds)]


def _pad(
    x: np.ndarray,
    value: np.ndarray,
    *,
    padding_config: tuple[tuple[Any, Any, Any], ...],  # int or np.int64
) -> np.ndarray:
    """Negative padding cuts, after what is between the elements was put there."""
    low, high, between = np.array(padding_config, int).reshape(-1, 3).T
    spread = np.array(x.shape, int) + between * (np.array(x.shape, int) - 1)
    start, extra = np.maximum(low, 0), np.maximum(high, 0)
    padded = np.full(start + spread + extra, value.item(), object)
    places = zip(start, start + spread, between + 1, strict=True)
    padded[tuple(slice(*place) for place in places)] = x
    ends = np.array(padded.shape, int) - np.maximum(-high, 0)
    return padded[tuple(map(slice, np.maximum(-low, 0), ends))]


def _iota(*, dtype: Any, shape: Shape, dimension: int, **_: Any) -> np.ndarray:
    numbers = [Scalar(np.dtype(dtype).type(i)) for i in range(shape[dimension])]
    column = [-1 if i == dimension else 1 for i in range(len(shape))]
    return np.broadcast_to(objects((len(numbers),), numbers).reshape(column), shape)


SHAPE_RULES: dict[str, Callable] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": lambda *pieces, dimension: np.concatenate(pieces, dimension),
    "iota": _iota,
    "pad": _pad,
    "reshape": _reshape,
    "rev": lambda x, *, dimensions: np.flip(x, dimensions),
    "slice": _slice,
    "split": lambda x, *, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, dimensions),
    "stack": lambda *pieces, axis: np.stack(pieces, axis),
    "tile": lambda x, *, reps: np.tile(x, reps),
    "transpose": lambda x, *, permutation: x.transpose(permutation),
}
