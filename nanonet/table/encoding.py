"""The rows of a table as numbers, as the columns of a model have it."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from nanonet.table.cells import (
    by_texts,
    check_known,
    error_at,
    is_frame,
    numbers,
    rows_where,
    select,
    texts,
    value_of,
)
from nanonet.table.checks import as_matrix, column_names, warn
from nanonet.table.columns import Column, scale, told
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas


def read_cells(
    columns: Sequence[Column], x: Any, *, named: bool = True
) -> Float[np.ndarray, "n width"]:
    """The cells of x as numbers: as they are, or 1 at the level and 0 at the others.

    A number that is missing is NaN, and 1 in its indicator, if the column has one.

    Args:
      columns: which, side by side.
      x: a data frame that holds them by name, and possibly others; or an array of
        exactly these, where all are numbers.
      named: whether columns are looked up by name in a data frame that has names.

    Raises:
      TableError: a cell of a data frame is no number, or infinite; or a column is not
        there.
      ValueError: an array of another width, or of what is no number, or infinite.

    Warns:
      DataWarning: a cell is missing in a column that never was when the model was
        fitted, so that the mean stands for it, or the level is one that never was, so
        that all are 0: as good as it gets where a cell says nothing.
    """
    frame = _by_name(columns, x) if named else None
    if frame is not None:
        return read_named(columns, frame)
    for column in columns:
        if column.levels is not None:
            raise ValueError(
                f"x must be a data frame, because {column.name!r} holds categories."
            )
    matrix, names = as_matrix("x", x, missing=True), [c.name for c in columns]
    given = column_names(x)
    if named and given is not None and set(names) <= set(given):
        matrix = matrix[:, [given.index(name) for name in names]]
    if matrix.shape[1] != len(columns):
        which = f" ({', '.join(names)})" if named else ""
        raise ValueError(
            f"x has {matrix.shape[1]} columns, but the model was fitted with "
            f"{len(columns)}{which}."
        )
    for j, column in enumerate(columns):
        missing = np.isnan(matrix[:, j])
        if missing.any() and not column.missing:
            rows = f"row {np.flatnonzero(missing)[0]} first"
            _warn_missing(repr(column.name) if named else str(j), missing, rows, column)
    return with_indicators(columns, matrix)


def with_indicators(
    columns: Sequence[Column], matrix: Float[np.ndarray, "n columns"]
) -> Float[np.ndarray, "n width"]:
    """Put beside each column that may have missing cells where they are.

    >>> columns = Column("a", missing=True), Column("b")
    >>> print(with_indicators(columns, np.array([[np.nan, 1.0], [2.0, 3.0]])))
    [[nan  1.  1.]
     [ 2.  0.  3.]]
    """
    parts = []
    for column, x in zip(columns, matrix.T, strict=True):
        parts += [x, np.isnan(x)] if column.missing else [x]
    return np.column_stack(parts).astype(float)


def read_named(
    columns: Sequence[Column], frame: "pandas.DataFrame"
) -> Float[np.ndarray, "n width"]:
    """`read_cells` of a data frame, where each column is known by its name."""
    parts = []
    for column in columns:
        cells = _select(columns, frame, column.name)
        if column.levels is None:
            x = numbers(cells)
            missing = np.isnan(x)
            if missing.any() and not column.missing:
                where = rows_where(cells, missing)
                _warn_missing(repr(column.name), missing, where, column)
            parts.append(with_indicators([column], x[:, None]))
        else:
            parts.append(_one_hot(column, cells))
    return np.hstack(parts)


def read_targets(
    columns: Sequence[Column], frame: "pandas.DataFrame"
) -> Float[np.ndarray, "n width"]:
    """The same of targets.

    Raises:
      TableError: as `read_cells`; or a cell is missing, or an unknown level.
    """
    parts = []
    for column in columns:
        cells = _select(columns, frame, column.name)
        check_known(cells, of_numbers=column.levels is None)
        if column.levels is None:
            parts.append(numbers(cells)[:, None])
        else:
            parts.append(np.eye(column.width)[positions(column, cells)])
    return np.hstack(parts)


def encode(
    columns: Sequence[Column], x: Any, *, named: bool = True
) -> Float[np.ndarray, "n width"]:
    """What a network is given for x: (x - mean) / scale of `read_cells`.

    Raises:
      ValueError, TableError: as `read_cells`; and a number too far from its mean.
    """
    return encode_cells(columns, read_cells(columns, x, named=named), x, named=named)


def encode_cells(
    columns: Sequence[Column],
    cells: Float[np.ndarray, "n width"],
    x: Any,
    *,
    named: bool = True,
) -> Float[np.ndarray, "n width"]:
    """`encode` of what `read_cells` made of x."""
    z = scale(columns, cells)
    for i, j in np.argwhere(~np.isfinite(z)).tolist():
        column = [column for column in columns for _ in range(column.width)][j]
        problem = f"is too far from {column.mean:.3g}, the mean."
        frame = _by_name(columns, x) if named else None
        if frame is not None:
            raise error_at(select(frame, column.name), i, problem)
        at = [c.name for c in columns].index(column.name)
        where = f"x, row {i}, column {repr(column.name) if named else at}"
        raise ValueError(f"{where}: {cells[i, j]:g} {problem}")
    return z


def positions(column: Column, cells: "pandas.Series") -> Int[np.ndarray, " n"]:
    """Which level each cell is, by its text, or else by its value as a number.

    Raises:
      TableError: an unknown level.
    """
    found = _places(column, cells)
    for i in np.flatnonzero(found < 0).tolist():
        known = ", ".join(map(str, column.levels or ()))
        raise error_at(cells, i, f"is none of {known}.")
    return found


def _places(column: Column, cells: "pandas.Series") -> Int[np.ndarray, " n"]:
    """The same, and -1 for an unknown level."""
    levels = [str(level) for level in column.levels or ()]
    by_value = {value_of(level): i for i, level in enumerate(levels)}
    by_text = {level: i for i, level in enumerate(levels)}
    given = texts(cells)
    place = {
        text: by_text.get(text, by_value.get(value_of(text), -1)) for text in set(given)
    }
    return np.array([place[text] for text in given], int)


def _one_hot(column: Column, cells: "pandas.Series") -> Float[np.ndarray, "n levels"]:
    """1 at the cell's level, and 0 at the others; of an unknown level at all."""
    place = _places(column, cells)
    unknown = place < 0
    if column.rare:
        place = np.where(unknown, column.width - 1, place)
    elif unknown.any():
        new = sorted(set(texts(cells.loc[unknown])))
        more = f" and {len(new) - 5:,} more" if len(new) > 5 else ""
        listed = ", ".join(repr(level) if level else told("") for level in new[:5])
        warn(
            f"column {column.name!r}: no row that the model was fitted to is "
            f"{listed}{more} ({rows_where(cells, unknown)} here); it counts as none of "
            "the categories."
        )
    return np.vstack([np.eye(column.width), np.zeros(column.width)])[place]


def _warn_missing(name: str, missing: np.ndarray, where: str, column: Column) -> None:
    warn(
        f"column {name}: missing in {missing.sum():,} of {len(missing):,} rows "
        f"({where}), but in none that the model was fitted to; the mean, "
        f"{column.mean:.4g}, stands for it."
    )


def _select(
    columns: Sequence[Column], frame: "pandas.DataFrame", name: str
) -> "pandas.Series":
    """The column of that name; or what the table lacks, and what may be meant."""
    if name in frame:
        return select(frame, name)
    missing = [column.name for column in columns if column.name not in frame]
    near = difflib.get_close_matches(missing[0], list(frame.columns), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    named = f"column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}"
    raise TableError(f"the table has no {named}, which the model reads.{hint}")


def _by_name(columns: Sequence[Column], x: Any) -> "pandas.DataFrame | None":
    """The data frame with text for names, if its columns are to be known by them."""
    if not is_frame(x):
        return None
    frame = by_texts(x)
    if column_names(x) is None and not all(c.name in frame for c in columns):
        return None
    return frame
