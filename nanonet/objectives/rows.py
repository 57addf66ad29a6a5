"""Sums over the rows of a table, a block of rows at a time."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

T = TypeVar("T")


def sum_over_rows(
    of_rows: Callable[[tuple[Array, ...]], T], rows: tuple[Array, ...], most: int | None
) -> T:
    """Σ ``of_rows(block)``, a tree, over blocks of at most so many rows; None: one.

    ``of_rows`` has to be a sum over the rows it is given, arrays of one length.

    >>> rows = (jnp.arange(5.0),)
    >>> print(sum_over_rows(lambda rows: jnp.sum(rows[0] ** 2), rows, 2))
    30.0
    """
    n = len(rows[0])
    if most is None or n <= most:
        return of_rows(rows)
    # The length, up to the most, that leaves the fewest rows over.
    size = min(range(most, most // 2, -1), key=lambda size: n % size)
    end = n - n % size

    def add(total: T, block: tuple[Array, ...]) -> tuple[T, None]:
        return jax.tree.map(jnp.add, total, of_rows(block)), None

    blocks = tuple(row[:end].reshape(-1, size, *row.shape[1:]) for row in rows)
    of_one = jax.eval_shape(of_rows, tuple(row[:size] for row in rows))
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), of_one)
    total, _ = lax.scan(add, nothing, blocks)
    if end < n:
        total, _ = add(total, tuple(row[end:] for row in rows))
    return total
