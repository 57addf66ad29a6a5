"""Gathers, scatters and slices, at places known or computed when the program runs.

A known place moves objects. A computed one selects among all it may be, if few.
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
    objects,
    where,
    where_each,
)

#: Beyond so many possible places, an index computed at run time is left to XLA.
MOST_PLACES = 32

Shape = tuple[int, ...]


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
    places = _places(indices, bounds, clamp=not fill)
    if not places:
        return NotImplemented
    filling = objects((1,), [Scalar(_fill_value(x.flat[0].dtype, fill_value))])
    sources = np.append(x.ravel(), filling)  # the last, so that its number is -1
    numbers = np.arange(x.size, dtype=np.int32).reshape(x.shape)
    cases = []
    for place, here in places:
        with jax.ensure_compile_time_eval():
            origins = lax.gather(
                numbers, place, dimension_numbers, slice_sizes, mode=mode, fill_value=-1
            )
        if here is not None:
            inner = [
                i for i in range(origins.ndim) if i in dimension_numbers.offset_dims
            ]
            here = np.expand_dims(here, inner)
        cases.append((here, sources[np.asarray(origins)]))
    return _choose(cases, otherwise=filling if fill else None)


def _choose(
    cases: list[tuple[np.ndarray | None, np.ndarray]],
    otherwise: np.ndarray | None = None,
) -> np.ndarray:
    """What was found at the place that is meant, or ``otherwise`` if that is none."""
    result: Any = otherwise
    for here, found in cases:
        first = here is None or result is None
        result = found if first else where_each(here, found, result)
    return result


def _fill_value(dtype: np.dtype, fill_value: Any) -> Any:
    """What JAX puts where an index is out of bounds: NaN, or the farthest integer."""
    if fill_value is None:
        if dtype.kind == "b":
            fill_value = True
        elif dtype.kind == "i":
            fill_value = np.iinfo(dtype).min
        elif dtype.kind == "u":
            fill_value = np.iinfo(dtype).max
        else:
            fill_value = np.nan
    return dtype.type(fill_value)


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
        clamp = mode == lax.GatherScatterMode.CLIP
        places = _places(indices, bounds, clamp=clamp)
        if not places:
            return NotImplemented
        inner = dimension_numbers.update_window_dims
        inner = [i for i in range(updates.ndim) if i in inner]
        result, new = list(x.flat), list(updates.flat)
        add = functools.partial(
            lax.scatter_add, dimension_numbers=dimension_numbers, mode=mode
        )
        rows = np.eye(updates.size, dtype=np.int32).reshape(-1, *updates.shape)
        for place, here in places:
            with jax.ensure_compile_time_eval():
                empty = np.zeros(x.shape, np.int32)
                hits = jax.vmap(add, (None, None, 0))(empty, place, rows)
            each = np.full(updates.shape, Scalar(np.bool_(True)), object)
            if here is not None:
                each[...] = np.expand_dims(here, inner)
            for i, target in np.argwhere(np.asarray(hits).reshape(updates.size, -1)):
                combined = combine(result[target], new[i])
                result[target] = where(each.flat[i], combined, result[target])
        return objects(x.shape, result)

    return rule


def _dynamic_slice(
    x: np.ndarray, *starts: np.ndarray, slice_sizes: Shape
) -> np.ndarray:
    bounds = [n - size + 1 for n, size in zip(x.shape, slice_sizes, strict=True)]
    places = _places(_vector(starts), bounds, clamp=True)
    if not places:
        return NotImplemented
    return _choose(
        [(here, x[_window(place, bounds, slice_sizes)]) for place, here in places]
    )


def _dynamic_update_slice(
    x: np.ndarray, update: np.ndarray, *starts: np.ndarray
) -> np.ndarray:
    bounds = [n - size + 1 for n, size in zip(x.shape, update.shape, strict=True)]
    places = _places(_vector(starts), bounds, clamp=True)
    if not places:
        return NotImplemented
    result = x.copy()
    for place, here in places:
        window = _window(place, bounds, update.shape)
        known = here is None
        result[window] = update if known else where_each(here, update, result[window])
    return result


def _vector(starts: tuple[np.ndarray, ...]) -> np.ndarray:
    return objects((len(starts),), [start.item() for start in starts])


def _window(place: np.ndarray, bounds: list[int], sizes: Shape) -> tuple[slice, ...]:
    starts = np.clip(place, 0, np.array(bounds) - 1)
    return tuple(
        slice(start, start + n) for start, n in zip(starts, sizes, strict=True)
    )


def _places(
    indices: np.ndarray, bounds: list[int], *, clamp: bool
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Where the index vectors, along the last axis, may point, and whether they do.

    Pairs of integers of the shape of ``indices`` and a boolean for each vector. Indices
    that are all known make one pair, with None for the booleans. No pair at all says
    that there would be too many.
    """
    if all(index.known for index in indices.flat):
        numbers = [index.value for index in indices.flat]
        return [(np.array(numbers, np.int32).reshape(indices.shape), None)]
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


def _is(index: Scalar, place: int) -> Scalar:
    return equal(index, index.like(place))


def _clamp(index: Scalar, last: int) -> Scalar:
    return apply(lax.clamp, index.like(0), index, index.like(last))


_AND = np.frompyfunc(operator.and_, 2, 1)
_is_each = elementwise(_is, 2)
_clamp_each = elementwise(_clamp, 2)

INDEXING_RULES: dict[str, Callable] = {
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "scatter": _scatter(lambda old, new: new),
    "scatter-add": _scatter(operator.add),
    "scatter-max": _scatter(functools.partial(apply, lax.max)),
    "scatter-min": _scatter(functools.partial(apply, lax.min)),
    "scatter-mul": _scatter(operator.mul),
}
