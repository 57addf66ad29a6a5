"""Primitives that move elements and compute nothing: NumPy moves the objects."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nanonet.scalarize.scalar import Scalar, objects

Shape = tuple[int, ...]


def reshape(
    x: np.ndarray, *, new_sizes: Shape, dimensions: Shape | None, **_: Any
) -> np.ndarray:
    return (x if dimensions is None else x.transpose(dimensions)).reshape(new_sizes)


def transpose(x: np.ndarray, *, permutation: Shape) -> np.ndarray:
    return x.transpose(permutation)


def squeeze(x: np.ndarray, *, dimensions: Shape) -> np.ndarray:
    return np.squeeze(x, dimensions)


def broadcast_in_dim(
    x: np.ndarray, *, shape: Shape, broadcast_dimensions: Shape, **_: Any
) -> np.ndarray:
    sizes = np.ones(len(shape), int)
    sizes[list(broadcast_dimensions)] = x.shape
    return np.broadcast_to(x.reshape(sizes), shape)


def slice_(
    x: np.ndarray, *, start_indices: Shape, limit_indices: Shape, strides: Shape | None
) -> np.ndarray:
    bounds = zip(
        start_indices, limit_indices, strides or [1] * x.ndim, strict=True
    )
    return x[tuple(slice(*bound) for bound in bounds)]


def rev(x: np.ndarray, *, dimensions: Shape) -> np.ndarray:
    return np.flip(x, dimensions)


def concatenate(*pieces: np.ndarray, dimension: int) -> np.ndarray:
    return np.concatenate(pieces, dimension)


def stack(*pieces: np.ndarray, axis: int) -> np.ndarray:
    return np.stack(pieces, axis)


def split(x: np.ndarray, *, sizes: Shape, axis: int) -> tuple[np.ndarray, ...]:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


def tile(x: np.ndarray, *, reps: Shape) -> np.ndarray:
    return np.tile(x, reps)


def pad(
    x: np.ndarray, value: np.ndarray, *, padding_config: tuple[tuple[int, int, int], ...]
) -> np.ndarray:
    low, high, interior = np.array(padding_config, int).reshape(-1, 3).T
    inner = np.array(x.shape) + interior * (np.array(x.shape) - 1)
    padded = np.full(inner + np.maximum(low, 0) + np.maximum(high, 0), value.item())
    places = zip(np.maximum(low, 0), inner, interior + 1, strict=True)
    padded[tuple(slice(start, start + n, step) for start, n, step in places)] = x
    cuts = zip(np.maximum(-low, 0), padded.shape, np.maximum(-high, 0), strict=True)
    return padded[tuple(slice(start, n - end) for start, n, end in cuts)]


def iota(*, dtype: Any, shape: Shape, dimension: int, **_: Any) -> np.ndarray:
    numbers = np.broadcast_to(
        np.arange(shape[dimension]).reshape([-1] + [1] * (len(shape) - dimension - 1)),
        shape,
    )
    return objects(shape, [Scalar(np.dtype(dtype).type(i)) for i in numbers.ravel()])


SHAPE_RULES: dict[str, Callable] = {
    "broadcast_in_dim": broadcast_in_dim,
    "concatenate": concatenate,
    "iota": iota,
    "pad": pad,
    "reshape": reshape,
    "rev": rev,
    "slice": slice_,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "transpose": transpose,
}
