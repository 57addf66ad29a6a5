"""`jit` that parts its arguments: numbers may change, all else is compiled in."""

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import jax
import numpy as np
from jaxtyping import Array, PyTree

P = ParamSpec("P")
T = TypeVar("T")


def partition(tree: PyTree) -> tuple[Any, list]:
    """Part a tree's numbers from the rest, which is hashable.

    Numbers are arrays, floats and complex numbers. An integer is none: it may be a
    size, on which a compilation depends; as an array, ``np.asarray(3)``, it is one.

    >>> static, numbers = partition({"learning_rate": 0.1, "memory_size": 10})
    >>> numbers
    [0.1]
    >>> combine(static, [0.2])
    {'learning_rate': 0.2, 'memory_size': 10}
    """
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


def combine(static: Any, numbers: list) -> Any:
    """Undo `partition`."""
    treedef, rest, numeric = static
    remaining = iter(numbers)
    leaves = [
        next(remaining) if is_number else leaf
        for is_number, leaf in zip(numeric, rest, strict=True)
    ]
    return jax.tree.unflatten(treedef, leaves)


class jit(Generic[P, T]):  # noqa: N801  (used as jax.jit is)
    """`jax.jit` of a function whose arguments may hold functions, text and sizes.

    At the boundary all arguments are parted: their numbers are traced, and the rest is
    compiled in. A rule, an objective or a network is passed like any other argument,
    and a new learning rate compiles nothing.

    >>> double = jit(lambda function, x: 2 * function(x))
    >>> float(double(abs, -3.0))
    6.0
    """

    def __init__(self, function: Callable[P, T], **options: Any) -> None:
        functools.update_wrapper(self, function)

        def combined(static: Any, numbers: list) -> Any:
            args, kwargs = combine(static, numbers)
            return function(*args, **kwargs)  # pyright: ignore[reportCallIssue]

        combined.__name__ = getattr(function, "__name__", "function")
        self.compiled = jax.jit(combined, static_argnums=0, **options)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what is compiled, or compile it."""
        return self.compiled(*partition((args, kwargs)))

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """What would be compiled, as `jax.jit` traces it; shapes will do for arrays."""
        return self.compiled.trace(*partition((args, kwargs)))
