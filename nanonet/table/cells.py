"""The cells of a data frame's column: numbers, texts, and those that are missing."""

import decimal
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Bool, Float

from nanonet._internal.optional import require
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas

#: What stands for a value that is not known, in any case of letters: what pandas reads
#: as such, and "?". Python's None, NaN and NaT do too.
MISSING = frozenset(
    {"", "?", "na", "n/a", "nan", "-nan", "<na>", "null", "#na", "#n/a", "#n/a n/a"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
)

#: What does besides, but in capitals as pandas has it: "none" may be a category.
NONE = "None"

#: What does besides, among numbers.
DASHES = frozenset({"-", "--", ".", "none", "nat"})

#: So many rows are named where something is wrong with several.
NAMED = 5


def is_frame(x: Any) -> bool:
    """Whether it is a data frame of pandas, told without importing it."""
    return hasattr(x, "iloc") and getattr(x, "ndim", 0) == 2


def by_texts(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    """The frame with text for the names of its columns."""
    return frame.set_axis([str(name) for name in frame.columns], axis="columns")


def select(frame: "pandas.DataFrame", name: str) -> "pandas.Series":
    """The column of that name, or a `TableError` if there are two."""
    cells = frame[name]
    if cells.ndim != 1:
        raise TableError(f"the table has several columns {name!r}; rename all but one.")
    return cast("pandas.Series", cells)


def is_missing(cells: "pandas.Series") -> Bool[np.ndarray, " n"]:
    """Which cells hold no value, whatever the column is of.

    >>> import pandas
    >>> is_missing(pandas.Series(["1", " ", "NA", "#N/A", None, "None", "none", "-"]))
    array([False,  True,  True,  True,  True,  True, False, False])
    """
    if cells.dtype.kind in "biuf":
        return cells.isna().to_numpy()
    values = [str(value).strip() for value in cells]
    written = [text.lower() in MISSING or text == NONE for text in values]
    return cells.isna().to_numpy() | np.array(written, bool)


def numbers(cells: "pandas.Series") -> Float[np.ndarray, " n"]:
    """The cells as float64, NaN where they are missing.

    Raises:
      TableError: a cell is no number, or infinite; the message names the first.
    """
    x = parse(cells)
    for i in np.flatnonzero(~np.isfinite(x)).tolist():
        if np.isinf(x[i]):
            raise error_at(cells, i, "is infinite.")
        if is_missing(cells.iloc[i : i + 1])[0] or _text(cells.iloc[i]) in DASHES:
            continue
        remedy = "correct it"
        if "," in str(cells.iloc[i]):
            remedy = "write it with a decimal point, and no other separator"
        problem = f"is not a number, as most of this column are; {remedy}, or make the "
        raise error_at(cells, i, problem + "column categorical.")
    return x


def is_word(cell: object) -> bool:
    """Whether a cell that is no number is a mistake in a column of numbers."""
    return _text(cell) not in MISSING | DASHES


def texts(cells: "pandas.Series") -> np.ndarray:
    """The cells as text without spaces around it, "" where they are missing."""
    values = np.array([str(value).strip() for value in cells], object)
    values[is_missing(cells)] = ""
    return values


def check_known(cells: "pandas.Series", *, of_numbers: bool) -> None:
    """Raise a `TableError` that counts the rows without a target, and names some.

    >>> import pandas
    >>> check_known(pandas.Series(["1", "", "3"], name="price"), of_numbers=True)
    Traceback (most recent call last):
    nanonet.table.read.TableError: column 'price', the target, is missing in 1 of 3 \
rows (row 1), from which nothing can be learnt; leave them out, or find the values.
    """
    missing = np.isnan(numbers(cells)) if of_numbers else is_missing(cells)
    if missing.any():
        raise TableError(
            f"column {cells.name!r}, the target, is missing in {missing.sum():,} of "
            f"{len(cells):,} rows ({rows_where(cells, missing)}), from which nothing "
            "can be learnt; leave them out, or find the values."
        )


def rows_where(cells: "pandas.Series", found: Bool[np.ndarray, " n"]) -> str:
    """Name the first few rows of those that were found.

    >>> import pandas
    >>> rows_where(pandas.Series(range(4)), np.array([True, False, True, False]))
    'rows 0, 2'
    """
    rows = [str(row) for row in cells.index[np.flatnonzero(found)[:NAMED]]]
    more = ", …" * (int(found.sum()) > len(rows))
    return f"{cells.index.name or 'row'}{'s' * (len(rows) > 1)} {', '.join(rows)}{more}"


def value_of(text: str) -> Any:
    """The number that a text is, exactly; else the text itself."""
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        return text


def parse(cells: "pandas.Series") -> Float[np.ndarray, " n"]:
    """The cells as float64, NaN where they are not numbers."""
    pd = require("pandas", extra="tables")
    parsed = pd.to_numeric(cells, errors="coerce")
    if parsed.dtype.kind == "c":
        raise TypeError(f"column {cells.name!r} holds complex numbers.")
    return parsed.to_numpy(float, na_value=np.nan)


def error_at(cells: "pandas.Series", position: int, problem: str) -> TableError:
    """What is wrong with one cell, by its row and column."""
    unit = cells.index.name or "row"
    cell = cells.iloc[position]
    cell = cell.item() if isinstance(cell, np.generic) else cell
    where = f"{unit} {cells.index[position]}, column {cells.name!r}"
    what = f"{cell!r}" if str(cell).strip() else "the cell"
    return TableError(f"{where}: {what} {problem}")


def _text(cell: object) -> str:
    return str(cell).strip().lower()
