"""Columns of a table as numbers a network works with, and back again."""

import dataclasses
import decimal
import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import jax
import numpy as np
from jaxtyping import Float, Int

from nanonet._internal.optional import require
from nanonet.table.checks import as_matrix, column_names
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas

#: What stands for a value that is not known, in any case of letters.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "<na>", "null"})


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Column:
    """How one column becomes numbers: standardized, or one number for each level."""

    name: str

    levels: tuple[Any, ...] | None = None
    """The categories, in order; None for a column of numbers."""

    mean: float = 0.0
    """What is subtracted from a number."""

    scale: float = 1.0
    """What the difference is divided by."""

    @property
    def width(self) -> int:
        """How many numbers encode one cell."""
        return 1 if self.levels is None else len(self.levels)


_LOOKS = {
    "dates": (
        r"(\d{4}([-/.])\d\d?\2\d\d?|\d\d?([-/.])\d\d?\3\d{2,4})([T ].*)?",
        "write the days since one of them",
    ),
    "numbers with separators of thousands": (
        r"[-+]?\d{1,3}([,.' ’]\d{3})+([.,]\d+)?",
        "write 1234.5 for 1,234.5",
    ),
    "numbers with decimal commas": (r"[-+]?\d*,\d+", "write 1.5 for 1,5"),
}


def describe(
    cells: "pandas.Series", *, categorical: bool = False, target: bool = False
) -> Column:
    """Tell whether a column holds numbers or categories; its scale is not set yet.

    Numbers, where more than half of the cells are; the others are then mistakes. Two
    different numbers of a ``target`` are two classes.

    Raises:
      TableError: a missing cell, one in a column of numbers that is not a finite
        number, equal cells in all rows, another text in each row of an input, or texts
        that all look like dates, or like numbers as they are not read, and are not said
        to be categorical.
    """
    levels = None
    if categorical or np.mean(np.isnan(_parse(cells))) >= 0.5:
        levels = _levels(texts(cells))
        distinct = len(levels)
    else:
        distinct = len(np.unique(numbers(cells)))
        if target and distinct == 2:
            levels = _levels(texts(cells))
    if distinct == 1:
        what = f"{cells.iloc[0]} in every row, from which nothing can be learnt."
        if len(_levels(texts(cells))) > 1:
            what = "numbers that float64 cannot tell apart; make it categorical."
        raise TableError(f"column {cells.name!r} holds {what}")
    if levels is not None and not categorical:
        for look, (pattern, remedy) in _LOOKS.items():
            if all(re.fullmatch(pattern, level.strip()) for level in levels):
                raise TableError(
                    f"column {cells.name!r} holds what looks like {look}, such as "
                    f"{levels[0]!r}: {remedy}, or make the column categorical."
                )
    if levels is not None and not target and distinct == len(cells):
        raise TableError(
            f"column {cells.name!r} holds another text in every row, from which "
            "nothing can be learnt for other rows; leave it out."
        )
    return Column(str(cells.name), levels)


def read_cells(
    columns: Sequence[Column], x: Any, *, named: bool = True
) -> Float[np.ndarray, "n width"]:
    """The cells of x as numbers: as they are, or 1 at the level and 0 at the others.

    Args:
      columns: which, side by side.
      x: a data frame that holds them by name, and possibly others; or an array of
        exactly these, where all are numbers.
      named: whether columns are looked up by name in a data frame that has names.

    Raises:
      TableError: a cell of a data frame is missing, no number, infinite, or an unknown
        level; or a column is not there.
      ValueError: an array of another width, or not of finite numbers.
    """
    frame = _by_name(columns, x) if named else None
    if frame is not None:
        return read_named(columns, frame)
    for column in columns:
        if column.levels is not None:
            raise ValueError(
                f"x must be a data frame, because {column.name!r} holds categories."
            )
    matrix, names, given = as_matrix("x", x), [c.name for c in columns], column_names(x)
    if named and given is not None and set(names) <= set(given):
        return matrix[:, [given.index(name) for name in names]]
    if matrix.shape[1] != len(columns):
        which = f" ({', '.join(names)})" if named else ""
        raise ValueError(
            f"x has {matrix.shape[1]} columns, but the model was fitted with "
            f"{len(columns)}{which}."
        )
    return matrix


def _by_name(columns: Sequence[Column], x: Any) -> "pandas.DataFrame | None":
    """The data frame with text for names, if its columns are to be known by them."""
    if not hasattr(x, "iloc"):
        return None
    frame = x.set_axis([str(name) for name in x.columns], axis="columns")
    if column_names(x) is None and not all(c.name in frame for c in columns):
        return None
    return frame


def read_named(
    columns: Sequence[Column], frame: "pandas.DataFrame"
) -> Float[np.ndarray, "n width"]:
    """`read_cells` of a data frame, where each column is known by its name."""
    missing = [column.name for column in columns if column.name not in frame]
    if missing:
        near = difflib.get_close_matches(missing[0], list(frame.columns), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        told = f"column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}"
        raise TableError(f"the table has no {told}, which the model reads.{hint}")
    cells = []
    for column in columns:
        of_column = select(frame, column.name)
        if column.levels is None:
            cells.append(numbers(of_column)[:, None])
        else:
            cells.append(np.eye(column.width)[positions(column, of_column)])
    return np.hstack(cells)


def encode(
    columns: Sequence[Column], x: Any, *, named: bool = True
) -> Float[np.ndarray, "n width"]:
    """What a network is given for x: (x - mean) / scale of `read_cells`.

    Raises:
      ValueError, TableError: as `read_cells`; and a number too far from its mean.
    """
    raw = read_cells(columns, x, named=named)
    z = scale(columns, raw)
    for i, j in np.argwhere(~np.isfinite(z)).tolist():
        column = [column for column in columns for _ in range(column.width)][j]
        problem = f"is too far from {column.mean:.3g}, the mean."
        frame = _by_name(columns, x) if named else None
        if frame is not None:
            raise _error(select(frame, column.name), i, problem)
        where = f"x, row {i}, column {repr(column.name) if named else j}"
        raise ValueError(f"{where}: {raw[i, j]:g} {problem}")
    return z


def scaling(
    columns: Sequence[Column],
) -> tuple[Float[np.ndarray, " width"], Float[np.ndarray, " width"]]:
    """Mean and scale of each number that encodes a row; 0 and 1 for categories."""
    if len(columns) == 1 and columns[0].levels is not None:
        return np.zeros(1), np.ones(1)  # one output may stand for two classes
    mean = [column.mean for column in columns for _ in range(column.width)]
    unit = [column.scale for column in columns for _ in range(column.width)]
    return np.array(mean), np.array(unit)


def scale(
    columns: Sequence[Column], raw: Float[np.ndarray, "n width"]
) -> Float[np.ndarray, "n width"]:
    """(x - mean) / scale, infinite where that overflows."""
    mean, unit = scaling(columns)
    with np.errstate(over="ignore", invalid="ignore"):
        return (raw - mean) / unit


def decode(
    columns: Sequence[Column], outputs: Float[np.ndarray, "n width"]
) -> np.ndarray:
    """Outputs of a network in the table's terms: numbers [n, columns], or levels [n].

    The level is that of the largest output; of a single output, the second where it
    is above ½.

    >>> print(decode([Column("size", None, 5.0, 2.0)], np.array([[1.5]])))
    [[8.]]
    >>> print(*decode([Column("kind", ("a", "b"))], np.array([[0.2, 0.8], [0.9, 0.1]])))
    b a
    """
    (levels, *_) = [column.levels for column in columns]
    if levels is None:
        mean, unit = scaling(columns)
        return outputs * unit + mean
    text = all(isinstance(level, str) for level in levels)
    labels = np.array(levels, object if text else None)
    if outputs.shape[1] == 1:
        return labels[(outputs[:, 0] > 0.5).astype(int)]
    return labels[np.argmax(outputs, axis=1)]


def standardize(
    columns: Sequence[Column],
    raw: Float[np.ndarray, "n width"],
    weights: Float[np.ndarray, " n"] | None = None,
) -> tuple[Column, ...]:
    """Set mean and scale to weighted mean and standard deviation of the rows.

    The scale is 1 for a column that is constant, or varies by no more than its own
    rounding; categories stay as they are.

    >>> (column,) = standardize([Column("x")], np.array([[1e-12], [3e-12]]))
    >>> column.mean, column.scale
    (2e-12, 1e-12)
    """
    weights = np.ones(len(raw)) if weights is None else weights
    largest = np.max(np.abs(raw), axis=0)
    # Divided, exactly, by powers of two, because the squares of 1e200 overflow.
    unit = np.exp2(np.frexp(largest)[1] - 1.0)
    z = raw / unit
    share = (weights / weights.sum())[:, None]
    mean = np.sum(share * z, axis=0)
    spread = np.sqrt(np.sum(share * (z - mean) ** 2, axis=0))
    constant = spread <= 4 * np.finfo(float).eps * np.abs(mean)
    deviation = np.where(constant, 1.0, unit * spread)
    begin = np.cumsum([0, *(column.width for column in columns)])
    return tuple(
        column
        if column.levels is not None
        else dataclasses.replace(
            column, mean=float((unit * mean)[j]), scale=float(deviation[j])
        )
        for column, j in zip(columns, begin, strict=False)
    )


def select(frame: "pandas.DataFrame", name: str) -> "pandas.Series":
    """The column of that name, or a `TableError` if there are two."""
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
        remedy = "correct it"
        if "," in str(cells.iloc[i]):
            remedy = "write it with a decimal point, and no other separator"
        problem = f"is not a number, as most of this column are; {remedy}, or make the "
        raise _error(cells, i, problem + "column categorical.")
    return x


def texts(cells: "pandas.Series") -> np.ndarray:
    """The cells as text, or a `TableError` that names the first missing one."""
    values = [str(value).strip() for value in cells]
    missing = cells.isna().to_numpy()
    for i, value in enumerate(values):
        if missing[i] or value.lower() in MISSING:
            raise _error(cells, i, "is missing; fill it in, or leave the row out.")
    return np.array(values, object)


def positions(column: Column, cells: "pandas.Series") -> Int[np.ndarray, " n"]:
    """Which level each cell is, by its text, or else by its value as a number.

    Raises:
      TableError: a missing cell, or an unknown level.
    """
    levels = column.levels or ()
    by_value = {_value(str(level)): i for i, level in enumerate(levels)}
    by_text = {str(level): i for i, level in enumerate(levels)}
    found = np.empty(len(cells), int)
    for i, text in enumerate(texts(cells)):
        found[i] = by_text.get(text, by_value.get(_value(text), -1))
        if found[i] < 0:
            raise _error(cells, i, f"is none of {', '.join(map(str, levels))}.")
    return found


def _levels(values: np.ndarray) -> tuple[str, ...]:
    """The different texts in order; of those that are one number, the shortest."""
    found: dict[Any, str] = {}
    for text in sorted(set(values), key=lambda text: (len(text), text)):
        found.setdefault(_value(text), text)
    return tuple(sorted(found.values()))


def _value(text: str) -> Any:
    """The number that a text is, exactly; else the text itself."""
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        return text


def _parse(cells: "pandas.Series") -> Float[np.ndarray, " n"]:
    """The cells as float64, NaN where they are not numbers."""
    pd = require("pandas", extra="tables")
    parsed = pd.to_numeric(cells, errors="coerce")
    if parsed.dtype.kind == "c":
        raise TypeError(f"column {cells.name!r} holds complex numbers.")
    return parsed.to_numpy(float)


def _error(cells: "pandas.Series", position: int, problem: str) -> TableError:
    unit = cells.index.name or "row"
    cell = cells.iloc[position]
    cell = cell.item() if isinstance(cell, np.generic) else cell
    where = f"{unit} {cells.index[position]}, column {cells.name!r}"
    what = f"{cell!r}" if str(cell).strip() else "the cell"
    return TableError(f"{where}: {what} {problem}")
