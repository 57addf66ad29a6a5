"""Arrays and data frames as matrices of finite numbers, or one clear error."""

import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any

import numpy as np
from jaxtyping import Float

#: Packages whose lines are not the user's; type checkers wrap nanonet's functions.
INNER = ("nanonet", "jaxtyping", "beartype")


class DataWarning(UserWarning):
    """The data can be learnt from, but not as well as they seem to promise."""


def as_matrix(
    argument: str, values: Any, *, missing: bool = False
) -> Float[np.ndarray, "n columns"]:
    """The values as float64 of shape [n, columns], NaN where they are ``missing``.

    Raises:
      TypeError: they are sparse, or a cell is no number.
      ValueError: another shape, no rows, no columns, complex numbers, or a cell that is
        not a finite number, nor missing where it may be; the message names its row,
        from 0, and its column.

    >>> as_matrix("x", [[1.0, 2.0], [3.0, float("nan")]])
    Traceback (most recent call last):
    ValueError: x, row 1, column 1: the value is missing (NaN), as in 1 of 2 rows; \
fill it in, or leave the row out.
    """
    if hasattr(values, "toarray"):
        raise TypeError(
            f"{argument} is a sparse matrix; nanonet needs a dense one: call toarray()."
        )
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{argument} is not a table: {error}") from error
    if array.ndim != 2:
        raise ValueError(
            f"{argument} has shape {array.shape}; it must be [rows, columns]. "
            "Reshape your data: x[:, None] for a single column, x[None] for a single "
            "row."
        )
    for axis, what in enumerate(("row", "column")):
        if not array.shape[axis]:
            raise ValueError(
                f"{argument} has 0 {what}s, of shape {array.shape}; it needs one at "
                "the least."
            )
    names = column_names(values)
    matrix = _floats(argument, array, names)
    _check_finite(argument, matrix, names, missing=missing)
    return matrix


def column_names(values: Any) -> tuple[str, ...] | None:
    """The names of a data frame's columns, where all are text; else None."""
    names = getattr(values, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return tuple(str(name) for name in names)


def _check_finite(
    argument: str, matrix: np.ndarray, names: Sequence[str] | None, *, missing: bool
) -> None:
    """Raise `ValueError` at a value that is infinite, or missing where none may."""
    refused = np.isinf(matrix) if missing else ~np.isfinite(matrix)
    for position in np.argwhere(refused).tolist():
        value = matrix[tuple(position)]
        problem = f"{value} is infinite (or too large for float64)"
        if np.isnan(value):
            rows = int(np.sum(np.isnan(matrix).any(axis=1)))
            problem = (
                f"the value is missing (NaN), as in {rows:,} of {len(matrix):,} rows; "
                "fill it in, or leave the row out"
            )
        raise ValueError(f"{_where(argument, position, names)}: {problem}.")


def warn(message: str) -> None:
    """Warn, by a `DataWarning`, the line outside nanonet that led here."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _package(frame) in INNER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DataWarning, stacklevel=level + 1)


def _package(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]


def _floats(
    argument: str, array: np.ndarray, names: Sequence[str] | None
) -> Float[np.ndarray, "n columns"]:
    if array.dtype.kind in "biuf":
        return array.astype(float)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {argument} is {array.dtype}.")
    matrix = np.empty(array.shape)
    for position, cell in np.ndenumerate(array):
        try:
            matrix[position] = np.nan if _is_nothing(cell) else float(cell)
        except (TypeError, ValueError) as error:
            # scikit-learn's own checks look for the words "argument must be".
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(
                f"{_where(argument, position, names)}: {cell!r} is not a number; the "
                f"argument must be a number or text that holds one."
            ) from error
    return matrix


def _is_nothing(cell: object) -> bool:
    """None, or pandas.NA, which is equal to nothing, nor unequal."""
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")


def _where(argument: str, position: Sequence[int], names: Sequence[str] | None) -> str:
    row, column = position
    name = column if names is None else repr(names[column])
    return f"{argument}, row {row}, column {name}"
