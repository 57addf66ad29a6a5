"""Columns of a table as numbers a network works with, and back again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from jaxtyping import Float

from nanonet._internal.optional import require
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas

#: What stands for a value that is not known, in any case of letters.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "<na>", "null"})


class Column(NamedTuple):
    """How one column becomes numbers: standardised, or one number for each level."""

    name: str

    levels: tuple[str, ...] | None
    """The categories, in order; None for a column of numbers."""

    mean: float = 0.0
    """What is subtracted from the numbers, and …"""

    scale: float = 1.0
    """… what they are then divided by."""

    @property
    def width(self) -> int:
        """How many numbers encode one cell."""
        return 1 if self.levels is None else len(self.levels)

    def encode(self, cells: "pandas.Series") -> Float[np.ndarray, "n width"]:
        """(x - mean) / scale, or 1 at the cell's level and 0 at the others.

        Raises:
          TableError: a missing cell, one that is not a finite number, an unknown level.

        """
        if self.levels is None:
            with np.errstate(over="ignore"):
                z = (numbers(cells) - self.mean) / self.scale
            for i in np.flatnonzero(~np.isfinite(z)).tolist():
                raise _error(cells, i, f"is too far from {self.mean:.3g}, the mean.")
            return z[:, None]
        positions = {level: i for i, level in enumerate(self.levels)}
        values = texts(cells)
        for i, value in enumerate(values):
            if value not in positions:
                raise _error(cells, i, f"is none of {', '.join(self.levels)}.")
        return np.eye(self.width)[[positions[value] for value in values]]

    def decode(self, outputs: Float[np.ndarray, "n width"]) -> np.ndarray:
        """Undo `encode`: numbers, or the level whose output is largest."""
        if self.levels is None:
            return outputs[:, 0] * self.scale + self.mean
        return np.array(self.levels, object)[np.argmax(outputs, axis=1)]


def describe(cells: "pandas.Series", *, categorical: bool) -> Column:
    """Tell whether a column holds numbers or categories; its scale is not set yet.

    Numbers, where more than half of the cells are; the others are then mistakes.

    Raises:
      TableError: a missing cell, one in a column of numbers that is not a finite
        number, or equal cells in all rows.
    """
    levels = None
    if categorical or np.mean(np.isnan(_parse(cells))) >= 0.5:
        levels = tuple(sorted(set(texts(cells))))
    column = Column(str(cells.name), levels)
    if count_distinct(column, cells) == 1:
        raise TableError(
            f"column {cells.name!r} holds {cells.iloc[0]} in every row, from which "
            "nothing can be learnt."
        )
    return column


def count_distinct(column: Column, cells: "pandas.Series") -> int:
    """How many different values there are."""
    return len(np.unique(numbers(cells)) if column.levels is None else column.levels)


def standardize(column: Column, cells: "pandas.Series") -> Column:
    """Set mean and scale (standard deviation) to those of ``cells``."""
    if column.levels is not None:
        return column
    x = numbers(cells)
    # Divided, exactly, by a power of two, because the squares of 1e200 overflow.
    unit = np.exp2(np.frexp(np.max(np.abs(x)))[1] - 1.0)
    mean, scale = unit * np.mean(x / unit), unit * np.std(x / unit)
    return column._replace(mean=float(mean), scale=float(scale) or 1.0)


def encode_table(
    columns: Sequence[Column], frame: "pandas.DataFrame"
) -> Float[np.ndarray, "n width"]:
    """Encode the columns and stack them side by side.

    Raises:
      TableError: a column is not there, or a cell does not fit it.
    """
    return np.hstack([column.encode(select(frame, column.name)) for column in columns])


def select(frame: "pandas.DataFrame", name: str) -> "pandas.Series":
    """The column of that name, or a `TableError` if there is none, or two."""
    if name not in frame:
        raise TableError(f"the table has no column {name!r}.")
    cells = frame[name]
    if cells.ndim != 1:
        raise TableError(f"the table has several columns {name!r}; rename all but one.")
    return cast("pandas.Series", cells)


def numbers(cells: "pandas.Series") -> Float[np.ndarray, " n"]:
    """The cells as float64, or a `TableError` that names the first that is none."""
    x = _parse(cells)
    for i in np.flatnonzero(~np.isfinite(x)).tolist():
        if np.isinf(x[i]):
            raise _error(cells, i, "is infinite.")
        texts(cells.iloc[i : i + 1])
        raise _error(
            cells,
            i,
            "is not a number, as most of this column are; correct it, or make the "
            "column categorical.",
        )
    return x


def texts(cells: "pandas.Series") -> np.ndarray:
    """The cells as text, or a `TableError` that names the first missing one."""
    values = [str(value).strip() for value in cells]
    for i, value in enumerate(values):
        if value.lower() in MISSING:
            raise _error(cells, i, "is missing; fill it in, or leave the row out.")
    return np.array(values, object)


def _parse(cells: "pandas.Series") -> Float[np.ndarray, " n"]:
    """The cells as float64, NaN where they are not numbers."""
    pd = require("pandas", extra="tables")
    return pd.to_numeric(cells, errors="coerce").to_numpy(float)


def _error(cells: "pandas.Series", position: int, problem: str) -> TableError:
    unit = cells.index.name or "row"
    cell = cells.iloc[position]
    where = f"{unit} {cells.index[position]}, column {cells.name!r}"
    what = f"{cell!r}" if str(cell).strip() else "the cell"
    return TableError(f"{where}: {what} {problem}")
