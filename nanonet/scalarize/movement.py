"""Primitives that move elements and compute nothing: NumPy moves the objects.

A place that is known moves objects. One that is computed when the program runs selects
among all it may be, if these are few.
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax

from nanonet.scalarize.scalar import (
    Scalar,
    apply,
    elementwise,
    equal,
    maximum,
    minimum,
    objects,
    where,
    where_each,
)

#: Beyond so many possible places, an index computed at run time is left to XLA.
MOST_PLACES = 32

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


def _gather(
    x: np.ndarray,
    indices: np.ndarray,
    *,
    dimension_numbers: Any,
    slice_sizes: Shape,
    mode: Any,
    fill_value: Any,
    **_: Any,
) -> np.ndarray:
    fill = mode == lax.GatherScatterMode.FILL_OR_DROP
    bounds = [x.shape[i] for i in dimension_numbers.start_index_map]
    filling = objects((1,), [Scalar(_fill_value(x.flat[0].dtype, fill_value))])
    sources = np.append(x.ravel(), filling)  # the last, so that its number is -1
    numbers = np.arange(x.size, dtype=np.int32).reshape(x.shape)
    cases = []
    for place, here in _places(indices, bounds, clamp=not fill):
        with jax.ensure_compile_time_eval():
            origins = lax.gather(
                numbers, place, dimension_numbers, slice_sizes, mode=mode, fill_value=-1
            )
        here = _beside(here, dimension_numbers.offset_dims, origins.ndim)
        cases.append((here, sources[np.asarray(origins)]))
    return _choose(cases, filling if fill else None)


def _choose(cases: list[tuple[np.ndarray, np.ndarray]], otherwise: Any) -> np.ndarray:
    """What was found at the place that is meant, or ``otherwise`` if that is none."""
    for here, found in cases:
        first = otherwise is None
        otherwise = found if first else where_each(here, found, otherwise)
    return NotImplemented if not cases else otherwise


def _beside(here: np.ndarray, window: Shape, ndim: int) -> np.ndarray:
    """A boolean per index vector, to be broadcast along the axes of its window."""
    return np.expand_dims(here, [i for i in range(ndim) if i in window])


def _fill_value(dtype: np.dtype, fill_value: Any) -> Any:
    """What JAX puts where an index is out of bounds: NaN, or the farthest integer."""
    if fill_value is None:
        farthest = {"i": "min", "u": "max"}.get(dtype.kind)
        fill_value = getattr(np.iinfo(dtype), farthest) if farthest else np.nan
    return dtype.type(fill_value)  # of booleans, True


def _scatter(combine: Callable[[Scalar, Scalar], Scalar]) -> Callable:
    """The rule of a scatter that combines what is there with an update."""

    def rule(
        x: np.ndarray,
        indices: np.ndarray,
        updates: np.ndarray,
        *,
        dimension_numbers: Any,
        mode: Any,
        **_: Any,
    ) -> np.ndarray:
        bounds = [x.shape[i] for i in dimension_numbers.scatter_dims_to_operand_dims]
        places = _places(indices, bounds, clamp=mode == lax.GatherScatterMode.CLIP)
        if not places:
            return NotImplemented
        result, new = list(x.flat), list(updates.flat)
        add = functools.partial(
            lax.scatter_add, dimension_numbers=dimension_numbers, mode=mode
        )
        rows = np.eye(updates.size, dtype=np.int32).reshape(-1, *updates.shape)
        for place, here in places:
            with jax.ensure_compile_time_eval():
                empty = np.zeros(x.shape, np.int32)
                hits = jax.vmap(add, (None, None, 0))(empty, place, rows)
            here = _beside(here, dimension_numbers.update_window_dims, updates.ndim)
            each = list(np.broadcast_to(here, updates.shape).flat)
            for i, target in np.argwhere(np.asarray(hits).reshape(updates.size, -1)):
                combined = combine(result[target], new[i])
                result[target] = where(each[i], combined, result[target])
        return objects(x.shape, result)

    return rule


def _dynamic_slice(
    x: np.ndarray, *starts: np.ndarray, slice_sizes: Shape
) -> np.ndarray:
    windows = _windows(x, starts, slice_sizes)
    return _choose([(here, x[window]) for window, here in windows], None)


def _dynamic_update_slice(
    x: np.ndarray, update: np.ndarray, *starts: np.ndarray
) -> np.ndarray:
    result, windows = x.copy(), _windows(x, starts, update.shape)
    for window, here in windows:
        result[window] = where_each(here, update, result[window])
    return result if windows else NotImplemented


def _windows(
    x: np.ndarray, starts: tuple[np.ndarray, ...], sizes: Shape
) -> list[tuple[tuple[slice, ...], np.ndarray]]:
    """Which parts of ``x`` may be meant, and whether each is."""
    most = np.subtract(x.shape, sizes)
    indices = objects((len(starts),), [start.item() for start in starts])
    windows = []
    for place, here in _places(indices, (most + 1).tolist(), clamp=True):
        first = np.clip(place, 0, most)
        windows.append((tuple(map(slice, first, first + sizes)), here))
    return windows


def _places(
    indices: np.ndarray, bounds: list[int], *, clamp: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where the index vectors, along the last axis, may point, and whether they do.

    Pairs of integers of the shape of ``indices`` and a boolean for each vector. Indices
    that are all known make one pair. No pair at all says that there would be too many.
    """
    if all(index.known for index in indices.flat):
        numbers = np.array([index.value for index in indices.flat], np.int32)
        yes = np.full(indices.shape[:-1], Scalar(np.bool_(True)))
        return [(numbers.reshape(indices.shape), yes)]
    if clamp:
        indices = _clamp_each(indices, np.array(bounds) - 1)
    choices = [
        sorted({int(index.value) for index in column})
        if all(index.known for index in column)
        else range(n)
        for column, n in zip(indices.reshape(-1, len(bounds)).T, bounds, strict=True)
    ]
    if math.prod(map(len, choices)) > MOST_PLACES:
        return []
    places = [np.array(place, np.int32) for place in itertools.product(*choices)]
    return [
        (
            np.broadcast_to(place, indices.shape),
            np.asarray(_AND.reduce(_is_each(indices, place), axis=-1), object),
        )
        for place in places
    ]


_AND = np.frompyfunc(operator.and_, 2, 1)
_is_each = elementwise(lambda index, place: equal(index, index.like(place)), 2)
_clamp_each = elementwise(
    lambda index, last: apply(lax.clamp, index.like(0), index, index.like(last)), 2
)

MOVEMENT_RULES: dict[str, Callable] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": lambda *pieces, dimension: np.concatenate(pieces, dimension),
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "iota": _iota,
    "pad": _pad,
    "reshape": _reshape,
    "rev": lambda x, *, dimensions: np.flip(x, dimensions),
    "scatter": _scatter(lambda old, new: new),
    "scatter-add": _scatter(operator.add),
    "scatter-max": _scatter(maximum),
    "scatter-min": _scatter(minimum),
    "scatter-mul": _scatter(operator.mul),
    "slice": _slice,
    "split": lambda x, *, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, dimensions),
    "stack": lambda *pieces, axis: np.stack(pieces, axis),
    "tile": lambda x, *, reps: np.tile(x, reps),
    "unstack": lambda x, *, axis: [
        np.asarray(part, object) for part in np.moveaxis(x, axis, 0)
    ],
    "transpose": lambda x, *, permutation: x.transpose(permutation),
}
