"""Primitives that combine elements: sums, products, extremes, orders, dot products."""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from nanonet.scalarize.scalar import (
    Scalar,
    apply,
    convert,
    elementwise,
    equal,
    where,
    where_each,
)

Shape = tuple[Any, ...]  # int or np.int64
Combine = Callable[[Scalar, Scalar], Scalar]

#: Longer axes are sorted by XLA: what is emitted here grows with the square.
LONGEST_SORTED = 16


def _dot_general(
    a: np.ndarray,
    b: np.ndarray,
    *,
    dimension_numbers: Any,
    preferred_element_type: Any,
    **_: Any,
) -> np.ndarray:
    """Sum of products, as a stack of matrix products.

    Numbers of 16 bits are left to XLA, which adds them up in 32.
    """
    dtype = np.dtype(preferred_element_type or a.flat[0].dtype)
    if dtype.itemsize < 4:
        return NotImplemented
    (a_summed, b_summed), (a_batch, b_batch) = dimension_numbers
    a_free = [i for i in range(a.ndim) if i not in (*a_summed, *a_batch)]
    b_free = [i for i in range(b.ndim) if i not in (*b_summed, *b_batch)]
    batch = [a.shape[i] for i in a_batch]
    rows, columns = [a.shape[i] for i in a_free], [b.shape[i] for i in b_free]
    terms = [a.shape[i] for i in a_summed]
    as_dtype = elementwise(functools.partial(convert, dtype=dtype), 1)
    a, b = as_dtype(a), as_dtype(b)
    a = a.transpose([*a_batch, *a_free, *a_summed])
    b = b.transpose([*b_batch, *b_summed, *b_free])
    a = a.reshape(math.prod(batch), math.prod(rows), math.prod(terms))
    b = b.reshape(math.prod(batch), math.prod(terms), math.prod(columns))
    return (a @ b).reshape([*batch, *rows, *columns])


def _reduction(combine: Combine) -> Callable:
    """The rule of a primitive that combines all elements along some axes."""
    ufunc = np.frompyfunc(combine, 2, 1)

    def rule(x: np.ndarray, *, axes: Shape, **_: Any) -> np.ndarray:
        kept = [i for i in range(x.ndim) if i not in axes]
        shape = [x.shape[i] for i in kept]
        rows = x.transpose([*kept, *axes]).reshape([*shape, -1])
        return np.asarray(ufunc.reduce(rows, axis=-1), object)

    return rule


def _accumulation(combine: Combine) -> Callable:
    """The rule of a primitive that combines all elements up to each one."""
    ufunc = np.frompyfunc(combine, 2, 1)

    def rule(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        if reverse:
            return np.flip(rule(np.flip(x, axis), axis=axis, reverse=False), axis)
        return ufunc.accumulate(x, axis=axis)

    return rule


def _extreme_index(better: Combine) -> Callable:
    """The rule of a primitive that finds the first extreme, or the first NaN."""

    def first(row: np.ndarray, index_dtype: Any) -> Scalar:
        best, index = row[0], Scalar(np.dtype(index_dtype).type(0))
        for i, x in enumerate(row[1:], 1):
            take = better(x, best)
            take = take | (_is_nan(x) & ~_is_nan(best))
            best, index = where(take, x, best), where(take, index.like(i), index)
        return index

    def rule(x: np.ndarray, *, axes: Shape, index_dtype: Any) -> np.ndarray:
        rows = np.moveaxis(x, axes[0], -1)
        result = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(result.shape):
            result[place] = first(rows[place], index_dtype)
        return result

    return rule


def _is_nan(x: Scalar) -> Scalar:
    """Whether x is NaN; integers and booleans never are."""
    if x.dtype.kind in "biu":
        return Scalar(np.bool_(False))
    return apply(lax.ne, x, x)


def _sort(
    *operands: np.ndarray, dimension: int, num_keys: int, **_: Any
) -> tuple[np.ndarray, ...]:
    """Each element goes where its rank says, the number of those that come before."""
    n = operands[0].shape[dimension]
    if num_keys != 1 or n > LONGEST_SORTED or operands[0].flat[0].dtype.kind == "c":
        return NotImplemented
    rows = [np.moveaxis(operand, dimension, 0) for operand in operands]
    less = elementwise(_less, 2)
    one, zero = Scalar(np.int32(1)), Scalar(np.int32(0))
    count = elementwise(functools.partial(where, yes=one, no=zero), 1)
    results = [row.copy() for row in rows]
    keys, ranks = rows[0], []
    for i in range(n):
        before = [count(~less(keys[i], keys[j])) for j in range(i)]
        before += [count(less(keys[j], keys[i])) for j in range(i + 1, n)]
        ranks.append(sum(before[1:], before[0]) if before else zero)
    equal_each = elementwise(equal, 2)
    for place in range(n):
        here = [equal_each(rank, Scalar(np.int32(place))) for rank in ranks]
        for row, result in zip(rows, results, strict=True):
            for i in range(n):
                result[place, ...] = where_each(here[i], row[i], result[place])
    return tuple(np.moveaxis(result, 0, dimension) for result in results)


def _less(a: Scalar, b: Scalar) -> Scalar:
    return (a < b) | (_is_nan(b) & ~_is_nan(a))


_maximum = functools.partial(apply, lax.max)
_minimum = functools.partial(apply, lax.min)

REDUCTION_RULES: dict[str, Callable] = {
    "argmax": _extreme_index(operator.gt),
    "argmin": _extreme_index(operator.lt),
    "cummax": _accumulation(_maximum),
    "cummin": _accumulation(_minimum),
    "cumprod": _accumulation(operator.mul),
    "cumsum": _accumulation(operator.add),
    "dot_general": _dot_general,
    "reduce_and": _reduction(operator.and_),
    "reduce_max": _reduction(_maximum),
    "reduce_min": _reduction(_minimum),
    "reduce_or": _reduction(operator.or_),
    "reduce_prod": _reduction(operator.mul),
    "reduce_sum": _reduction(operator.add),
    "reduce_xor": _reduction(functools.partial(apply, lax.bitwise_xor)),
    "sort": _sort,
}
