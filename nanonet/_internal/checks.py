"""Arguments checked before anything is traced: what was wrong, where, what is right."""

import difflib
import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from nanonet._internal.tracing import is_traced

# Bytes. A rule computes with several such matrices, in a time that goes with n³.
LARGEST_MATRIX = 2**32


def check_choice(argument: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise `ValueError`, with the nearest name, unless ``value`` is allowed.

    >>> check_choice("rule", "adma", ["adam", "newton"])
    Traceback (most recent call last):
    ValueError: rule='adma' is unknown; did you mean 'adam'? Known: adam, newton.
    """
    allowed = list(allowed)
    if isinstance(value, str) and value in allowed:
        return
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(
        f"{argument}={value!r} is unknown{hint} Known: {', '.join(allowed)}."
    )


def check_number(argument: str, value: Any, **limits: float) -> None:
    """Raise unless ``value`` is one number within ``limits``; see `check_numbers`.

    >>> check_number("max_steps", math.inf, at_least=0)
    Traceback (most recent call last):
    ValueError: max_steps=inf must be finite and ≥ 0.
    """
    if np.ndim(value):
        raise TypeError(f"{argument}={value!r} must be a number.")
    check_numbers(argument, value, **limits)


def check_numbers(
    argument: str,
    value: Any,
    *,
    at_least: float = -math.inf,
    below: float = math.inf,
    above: float = -math.inf,
) -> None:
    """Raise unless each is a number with at_least ≤ value < below, value > above.

    Traced values are let through.
    """
    if isinstance(value, Tracer):
        return
    # What is usual, without NumPy, which takes its time over a single number.
    if type(value) is float and at_least <= value < below and value > above:
        return
    dtype = np.asarray(value).dtype
    real = jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)
    if not real or isinstance(value, list | tuple):
        raise TypeError(f"{argument}={value!r} must be a number, of 64 bits at most.")
    value = np.asarray(value) if isinstance(value, jax.Array) else value
    if np.all((value >= at_least) & (value > above) & (value < below)):
        return
    bounds = [
        f"{symbol} {bound:g}"
        for symbol, bound in (("≥", at_least), (">", above), ("<", below))
        if math.isfinite(bound)
    ]
    if not bounds or (below == math.inf and np.any(value == math.inf)):
        bounds.insert(0, "finite")
    raise ValueError(f"{argument}={value!r} must be {' and '.join(bounds)}.")


def check_count(argument: str, value: Any, *, at_least: int = 0) -> int:
    """The whole number that ``value`` is, or an error: 1e4 is one, and 1.5 is none.

    >>> check_count("max_steps", 1e4)
    10000
    >>> check_count("starts", 1.5, at_least=1)
    Traceback (most recent call last):
    TypeError: starts=1.5 must be a whole number.
    """
    if type(value) is int and at_least <= value < 2**63:  # as usual
        return value
    check_number(argument, value, at_least=at_least)
    if value != int(value):
        raise TypeError(f"{argument}={value!r} must be a whole number.")
    return int(value)


def check_untraced(function: str, tree: PyTree) -> None:
    """Raise `TypeError` if a leaf of ``tree`` is traced by JAX."""
    if is_traced(tree):
        raise TypeError(
            f"{function} looks at its results from Python and cannot run inside "
            "jax.jit, jax.vmap or jax.grad, nor with a function that closes over "
            "values traced there; call it outside."
        )


def check_real_scalar(argument: str, value: Any) -> None:
    """Raise unless ``value``, an output of `jax.eval_shape`, is one real number."""
    leaves = jax.tree.leaves(value)
    if len(leaves) != 1 or leaves[0].shape != ():
        shapes = ", ".join(str(leaf.shape) for leaf in leaves) or "nothing"
        raise ValueError(
            f"{argument} must return one number, not {shapes}; "
            "take the mean or the sum of what it returns."
        )
    if not jnp.issubdtype(leaves[0].dtype, jnp.floating):
        raise TypeError(
            f"{argument} must return a real floating-point number, "
            f"not {leaves[0].dtype}."
        )


def _named_leaves(argument: str, tree: PyTree) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield argument + jax.tree_util.keystr(path), leaf


def check_inexact(argument: str, tree: PyTree) -> None:
    """Raise `TypeError` if a leaf of ``tree`` is an integer, a boolean or text."""
    dtypes = (getattr(leaf, "dtype", type(leaf)) for leaf in jax.tree.leaves(tree))
    if all(map(_is_inexact, dtypes)):
        return  # without the names of the leaves
    for where, leaf in _named_leaves(argument, tree):
        if isinstance(leaf, str):
            raise TypeError(f"{where}={leaf!r} is text, not a number or an array.")
        dtype = getattr(leaf, "dtype", type(leaf))
        if dtype in (int, bool) or (
            jnp.issubdtype(dtype, jnp.integer) or jnp.issubdtype(dtype, jnp.bool_)
        ):
            raise TypeError(
                f"{where} is of {jnp.dtype(dtype).name}, which has no derivatives; "
                "make it floating point, e.g. with jnp.asarray(value, float)."
            )


@functools.lru_cache(1024)
def _is_inexact(dtype: Any) -> bool:
    known = dtype in (float, complex) or isinstance(dtype, np.dtype)
    return known and jnp.issubdtype(dtype, jnp.inexact)


def check_finite(argument: str, tree: PyTree) -> None:
    """Raise `ValueError` if a leaf of ``tree``, not traced, holds an infinity or a NaN.

    >>> check_finite("params", {"w": np.array([1.0, np.nan])})
    Traceback (most recent call last):
    ValueError: params['w'] holds nan; every number must be finite.
    """
    for where, leaf in _named_leaves(argument, tree):
        if isinstance(leaf, Tracer):
            continue
        values = np.asarray(leaf)
        wrong = values[~np.isfinite(values)]
        if wrong.size:
            raise ValueError(f"{where} holds {wrong[0]}; every number must be finite.")


def check_match(argument: str, tree: PyTree, other: str, expected: PyTree) -> None:
    """Raise `ValueError` unless both trees have one structure, and leaves one shape.

    >>> check_match("updates", {"w": 1.0}, "params", {"w": np.ones(2)})
    Traceback (most recent call last):
    ValueError: updates['w'] has shape () and params['w'] has (2,); both must be alike.
    """
    leaves, treedef = jax.tree_util.tree_flatten_with_path(tree)
    expected_leaves, expected_treedef = jax.tree.flatten(expected)
    if treedef != expected_treedef:
        raise ValueError(
            f"{argument} must be a tree like {other}, {expected_treedef}, "
            f"not {treedef}."
        )
    for (path, leaf), like in zip(leaves, expected_leaves, strict=True):
        shape, expected_shape = getattr(leaf, "shape", ()), getattr(like, "shape", ())
        if shape != expected_shape:
            where = jax.tree_util.keystr(path)
            raise ValueError(
                f"{argument}{where} has shape {shape} and {other}{where} has "
                f"{expected_shape}; both must be alike."
            )


def check_dense(argument: str, theta: Any, rows: int | None = None) -> None:
    """Raise `ValueError` if a matrix of a column per entry is too large.

    It has ``rows`` rows, or as many as columns.

    >>> check_dense("params", jax.ShapeDtypeStruct((100_000,), np.float64))
    Traceback (most recent call last):
    ValueError: params hold 100,000 numbers: a dense matrix of 100,000 x 100,000 \
would take 80.0 GB. Use newton_cg or lbfgs, which hold none.
    """
    rows = theta.size if rows is None else rows
    size = rows * theta.size * theta.dtype.itemsize
    if size > LARGEST_MATRIX:
        raise ValueError(
            f"{argument} hold {theta.size:,} numbers: a dense matrix of "
            f"{rows:,} x {theta.size:,} would take {size / 1e9:,.1f} GB. "
            "Use newton_cg or lbfgs, which hold none."
        )


def check_precision(argument: str, tree: PyTree) -> None:
    """Raise `TypeError` if a leaf has too few bits for its equations to be solved.

    >>> check_precision("params", {"w": jnp.ones(2, jnp.float16)})
    Traceback (most recent call last):
    TypeError: params['w'] is of float16, in which linear equations cannot be solved; \
use float32 or float64.
    """
    for where, leaf in _named_leaves(argument, tree):
        dtype = jnp.result_type(leaf)
        if jnp.finfo(dtype).bits < 32:
            raise TypeError(
                f"{where} is of {dtype.name}, in which linear equations cannot be "
                "solved; use float32 or float64."
            )


def whole_as_floats(tree: PyTree) -> PyTree:
    """Python's whole numbers in ``tree`` as floats: 0 is as good a start as 0.0."""
    return jax.tree.map(lambda leaf: float(leaf) if type(leaf) is int else leaf, tree)


def check_parameters(argument: str, tree: PyTree) -> None:
    """Raise unless ``tree`` has leaves and each is floating point (or complex)."""
    if not sum(map(np.size, jax.tree.leaves(tree))):
        what = "hold no numbers" if jax.tree.leaves(tree) else "is an empty tree"
        raise ValueError(f"{argument} {what}: there is nothing to solve for.")
    check_inexact(argument, tree)
