"""Primitives that compute, elementwise or over all elements along an axis."""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax
from jax.extend.core import Primitive

from nanonet.scalarize.scalar import (
    Scalar,
    apply,
    convert,
    elementwise,
    equal,
    maximum,
    minimum,
    objects,
    select,
    where,
    where_each,
)

Shape = tuple[Any, ...]  # int or np.int64
Combine = Callable[[Scalar, Scalar], Scalar]

#: Those whose zeros and ones fold away, or that need nothing to be emitted.
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "add_any": operator.add,
    "and": operator.and_,
    "div": operator.truediv,
    "eq": equal,
    "gt": operator.gt,
    "lt": operator.lt,
    "max": maximum,
    "min": minimum,
    "mul": operator.mul,
    "ne": functools.partial(apply, lax.ne),
    "neg": operator.neg,
    "not": operator.invert,
    "or": operator.or_,
    "select_n": select,
    "sub": operator.sub,
}

#: The others, bound once per element.
# fmt: off
OTHERS = frozenset({
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e",
    "bessel_i1e", "cbrt", "ceil", "clamp", "clz", "complex", "conj", "copy", "cos",
    "cosh", "digamma", "eq_to", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1",
    "floor", "ge", "igamma", "igamma_grad_a", "igammac", "imag", "integer_pow",
    "is_finite", "le", "le_to", "lgamma", "log", "log1p", "log2", "logistic",
    "lt_to", "nextafter", "one_minus_square", "polygamma", "population_count",
    "pow", "real", "reduce_precision", "regularized_incomplete_beta", "rem",
    "round", "rsqrt", "shift_left", "shift_right_arithmetic", "shift_right_logical",
    "sign", "sin", "sinh", "sqrt", "square", "stop_gradient", "tan", "tanh", "xor",
    "zeta",
})
# fmt: on


def elementwise_rule(primitive: Primitive) -> Callable[..., np.ndarray] | None:
    """The rule of a primitive, if it is elementwise."""
    if primitive.name not in OPERATORS and primitive.name not in OTHERS:
        return None

    def rule(*operands: np.ndarray, **params: Any) -> np.ndarray:
        bind = functools.partial(primitive.bind, **params)
        emit = functools.partial(apply, bind, name=(primitive.name, str(params)))
        function = OPERATORS.get(primitive.name, emit)
        return elementwise(function, len(operands))(*operands)

    return rule


def _convert_element_type(x: np.ndarray, new_dtype: Any, **_: Any) -> np.ndarray:
    return elementwise(functools.partial(convert, dtype=new_dtype), 1)(x)


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
    a, batch, rows = _as_matrices(_convert_element_type(a, dtype), a_batch, a_summed)
    b, batch, columns = _as_matrices(_convert_element_type(b, dtype), b_batch, b_summed)
    return (a @ b.swapaxes(1, 2)).reshape([*batch, *rows, *columns])


def _as_matrices(
    x: np.ndarray, batch: Shape, summed: Shape
) -> tuple[np.ndarray, list[int], list[int]]:
    """A stack of matrices, summed over their columns; what the stack and rows are."""
    free = [i for i in range(x.ndim) if i not in (*summed, *batch)]
    sizes = [[x.shape[i] for i in group] for group in (batch, free, summed)]
    stack = x.transpose([*batch, *free, *summed]).reshape([*map(math.prod, sizes)])
    return stack, sizes[0], sizes[1]


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


def first_best(row: np.ndarray, better: Combine, start: Scalar) -> Scalar:
    """The index of the first that no other is better than, counted from ``start``."""
    best, index = row[0], start
    for i, x in enumerate(row[1:], int(start.value) + 1):
        take = better(x, best)
        best, index = where(take, x, best), where(take, start.like(i), index)
    return index


def _extreme_index(better: Combine) -> Callable:
    """The rule of a primitive that finds the first extreme, or the first NaN."""

    def or_nan(a: Scalar, b: Scalar) -> Scalar:
        return better(a, b) | (_is_nan(a) & ~_is_nan(b))

    def rule(x: np.ndarray, *, axes: Shape, index_dtype: Any) -> np.ndarray:
        start = Scalar(np.dtype(index_dtype).type(0))
        rows = np.moveaxis(x, axes[0], -1)
        places = np.ndindex(rows.shape[:-1])
        found = [first_best(rows[place], or_nan, start) for place in places]
        return objects(rows.shape[:-1], found)

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
    plus, none = elementwise(operator.add, 2), np.full(keys.shape[1:], zero)
    for i in range(n):
        before = [count(~less(keys[i], keys[j])) for j in range(i)]
        before += [count(less(keys[j], keys[i])) for j in range(i + 1, n)]
        ranks.append(functools.reduce(plus, before, none))
    equal_each = elementwise(equal, 2)
    for place in range(n):
        here = [equal_each(rank, Scalar(np.int32(place))) for rank in ranks]
        for row, result in zip(rows, results, strict=True):
            for i in range(n):
                result[place, ...] = where_each(here[i], row[i], result[place])
    return tuple(np.moveaxis(result, 0, dimension) for result in results)


def _less(a: Scalar, b: Scalar) -> Scalar:
    return (a < b) | (_is_nan(b) & ~_is_nan(a))


REDUCTION_RULES: dict[str, Callable] = {
    "argmax": _extreme_index(operator.gt),
    "argmin": _extreme_index(operator.lt),
    "convert_element_type": _convert_element_type,
    "cummax": _accumulation(maximum),
    "cummin": _accumulation(minimum),
    "cumprod": _accumulation(operator.mul),
    "cumsum": _accumulation(operator.add),
    "dot_general": _dot_general,
    "reduce_and": _reduction(operator.and_),
    "reduce_max": _reduction(maximum),
    "reduce_min": _reduction(minimum),
    "reduce_or": _reduction(operator.or_),
    "reduce_prod": _reduction(operator.mul),
    "reduce_sum": _reduction(operator.add),
    "reduce_xor": _reduction(functools.partial(apply, lax.bitwise_xor)),
    "sort": _sort,
}
