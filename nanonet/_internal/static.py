"""Parting what may change without a new compilation from what may not."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PyTree


def split(tree: PyTree) -> tuple[Any, list]:
    """Part a tree's numbers from the rest, on which a compilation depends."""
    leaves, treedef = jax.tree.flatten(tree)
    numbers = [_number(leaf) for leaf in leaves]
    rest = tuple(
        leaf if number is None else None
        for leaf, number in zip(leaves, numbers, strict=True)
    )
    numeric = tuple(number is not None for number in numbers)
    return (treedef, rest, numeric), [n for n in numbers if n is not None]


def _number(leaf: Any) -> Any:
    """Return a leaf that may change without a new compilation, or None."""
    if isinstance(leaf, float):
        return float(leaf)  # NumPy's doubles are floats, but would compile apart
    return leaf if isinstance(leaf, complex | np.inexact | np.ndarray | Array) else None


def join(static: Any, numbers: list) -> Any:
    """Undo `split`."""
    treedef, rest, numeric = static
    remaining = iter(numbers)
    leaves = [
        next(remaining) if is_number else leaf
        for is_number, leaf in zip(numeric, rest, strict=True)
    ]
    return jax.tree.unflatten(treedef, leaves)
