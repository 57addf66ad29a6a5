"""Factorisations and triangular systems of small real matrices, unrolled.

Each pivot is divided by once: the rest of its column is multiplied by 1 / pivot.
Complex matrices are left to XLA.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from nanonet.scalarize.arithmetic import first_best
from nanonet.scalarize.scalar import (
    Scalar,
    apply,
    equal,
    objects,
    settle,
    where,
    where_each,
)

#: Larger matrices are factored with pivoting by XLA: what is emitted here grows with
#: the cube of their size, and under jax 0.10 the time to compile it grows faster.
LARGEST_PIVOTED = 9


def _over_matrices(signature: str, largest: int | None = None) -> Callable:
    """Make a rule for matrices one for stacks of matrices along leading axes."""
    otypes = [object] * len(signature.partition("->")[2].split("),"))

    def decorate(rule: Callable) -> Callable:
        def stacked(*operands: np.ndarray, **params: Any) -> Any:
            A = operands[0]
            if A.flat[0].dtype.kind == "c" or (largest and max(A.shape[-2:]) > largest):
                return NotImplemented
            each = functools.partial(rule, **params)
            return np.vectorize(each, otypes, signature=signature)(*operands)

        return stacked

    return decorate


@_over_matrices("(n,n)->(n,n)")
def _cholesky(A: np.ndarray, **_: Any) -> np.ndarray:
    """L of A = L Lᵀ, column by column; all NaN where A is not positive definite."""
    n = len(A)
    L = np.full((n, n), A[0, 0].like(0))
    positive = Scalar(np.bool_(True))
    for j in range(n):
        column = A[j:, j]
        for k in range(j):
            column = column - L[j:, k] * L[j, k]
        positive = positive & (column[0] > column[0].like(0))
        pivot = apply(lax.sqrt, column[0])
        L[j:, j] = column * (pivot.like(1) / pivot)
        L[j, j] = pivot
    lower = np.tril_indices(n)
    L[lower] = where_each(positive, L[lower], A[0, 0].like(np.nan))
    return L


@_over_matrices("(n,n),(k,m)->(k,m)")
def _triangular_solve(
    A: np.ndarray,
    B: np.ndarray,
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> np.ndarray:
    """X of A X = B, or of X A = B, by substitution."""
    X = (B if left_side else B.T).copy()
    if transpose_a == left_side:
        A, lower = A.T, not lower
    order = range(len(A)) if lower else range(len(A))[::-1]
    for i in order:
        for k in order[: order.index(i)]:
            X[i] = X[i] - X[k] * A[i, k]
        if not unit_diagonal:
            X[i] = X[i] * (A[i, i].like(1) / A[i, i])
    return X if left_side else X.T


@_over_matrices("(m,n)->(m,n),(k),(m)", largest=LARGEST_PIVOTED)
def _lu(A: np.ndarray, **_: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L and U in one matrix, the row swapped with each row, and the permutation."""
    m, n = A.shape
    rows = np.column_stack([A, objects((m,), [Scalar(np.int32(i)) for i in range(m)])])
    pivots = []
    for k in range(min(m, n)):
        largest = first_best(np.abs(rows[k:, k]), operator.gt, Scalar(np.int32(k)))
        pivots.append(settle(objects((), [largest])).item())
        _swap(rows, k, pivots[-1])
        rows = settle(rows)
        zero, one = rows[k, k].like(0), rows[k, k].like(1)
        pivot = where(equal(rows[k, k], zero), one, rows[k, k])
        rows[k + 1 :, k] = rows[k + 1 :, k] * (one / pivot)
        update = np.multiply.outer(rows[k + 1 :, k], rows[k, k + 1 : n])
        rows[k + 1 :, k + 1 : n] = rows[k + 1 :, k + 1 : n] - update
        rows = settle(rows)
    return rows[:, :n], objects((len(pivots),), pivots), rows[:, n]


def _swap(rows: np.ndarray, k: int, p: Scalar) -> None:
    """Swap row k and row p ≥ k of ``rows``, in place."""
    row = rows[k].copy()
    for i in range(k + 1, len(rows)):
        here = equal(p, p.like(i))
        rows[k] = where_each(here, rows[i], rows[k])
        rows[i] = where_each(here, row, rows[i])


def _lu_pivots_to_permutation(
    pivots: np.ndarray, *, permutation_size: int
) -> np.ndarray:
    if pivots.ndim != 1:
        return NotImplemented
    places = [Scalar(np.int32(i)) for i in range(permutation_size)]
    rows = objects((permutation_size, 1), places)
    for k, p in enumerate(pivots):
        _swap(rows, k, p)
    return rows[:, 0]


LINEAR_ALGEBRA_RULES: dict[str, Callable] = {
    "cholesky": _cholesky,
    "lu": _lu,
    "lu_pivots_to_permutation": _lu_pivots_to_permutation,
    "triangular_solve": _triangular_solve,
}
