"""Columns of a table as numbers a network works with, and back again."""

import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from nanonet.table.cells import (
    check_known,
    is_missing,
    is_word,
    numbers,
    parse,
    texts,
    value_of,
)
from nanonet.table.read import TableError
from nanonet.table.transforms import forward, inverse

if TYPE_CHECKING:
    import pandas


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Column:
    """How one column becomes numbers: standardized, or one number for each level."""

    name: str

    levels: tuple[Any, ...] | None = None
    """The categories, in order, "" for missing cells; None for a column of numbers."""

    mean: float = 0.0
    """What is subtracted from a number."""

    scale: float = 1.0
    """What the difference is divided by."""

    missing: bool = False
    """Whether numbers may be missing: then the mean stands for them, and a second
    number, the indicator, is 1 where it does, else 0."""

    transform: str | None = None
    """Of a target, what is learnt in its place: "log", or itself. Mean and scale are
    then the transform's."""

    rare: bool = False
    """Whether the last of the levels stands for all texts that are none of the others:
    those of few rows, and what is new when predicting."""

    @property
    def width(self) -> int:
        """How many numbers encode one cell."""
        return 1 + self.missing if self.levels is None else len(self.levels)

    @property
    def takes_missing(self) -> bool:
        """Whether the model has learnt what a missing cell means."""
        return self.missing or "" in (self.levels or ())

    def labels(self, link: str = " = ") -> list[str]:
        """A name for each number that encodes a cell.

        >>> Column("age", missing=True).labels()
        ['age', 'age = missing']
        >>> Column("sex", ("f", "m", "")).labels(" is ")
        ['sex is f', 'sex is m', 'sex is missing']
        """
        if self.levels is None:
            return [self.name, f"{self.name}{link}missing"][: self.width]
        return [f"{self.name}{link}{told(level)}" for level in self.levels]


def told(level: object) -> str:
    """The level as it is shown."""
    return str(level) or "missing"


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

    Numbers, where more than half of the cells are that are not missing; the others are
    then mistakes. Two different numbers of a ``target`` are two classes.

    Raises:
      TableError: a target is missing, all cells are, or one in a column of numbers is
        not a finite number; equal cells in all rows, another text in each row of an
        input, or texts that all look like dates, or like numbers as they are not read,
        and are not said to be categorical.
    """
    of_text = categorical or not _holds_numbers(cells)
    if target:
        check_known(cells, of_numbers=not of_text)
    missing = is_missing(cells) if of_text else np.isnan(numbers(cells))
    known = cells.loc[~missing]
    if not len(known):
        raise TableError(f"column {cells.name!r} holds no value in any row.")
    if of_text:
        levels = _levels(texts(known))
        distinct = len(levels)
    else:
        distinct = len(np.unique(numbers(known)))
        levels = _levels(texts(known)) if target and distinct == 2 else None
    if distinct == 1 and not missing.any():
        what = f"{cells.iloc[0]} in every row, from which nothing can be learnt."
        if len(_levels(texts(cells))) > 1:
            what = "numbers that float64 cannot tell apart; make it categorical."
        raise TableError(f"column {cells.name!r} holds {what}")
    if levels is not None and not categorical:
        _check_looks(str(cells.name), levels)
    if levels is not None and not target and 1 < distinct == len(known):
        raise TableError(
            f"column {cells.name!r} holds another text in every row, from which "
            "nothing can be learnt for other rows; leave it out."
        )
    if levels is None:
        return Column(str(cells.name), missing=bool(missing.any()))
    return Column(str(cells.name), levels + ("",) * bool(missing.any()))


def _holds_numbers(cells: "pandas.Series") -> bool:
    odd = cells.loc[np.isnan(parse(cells))]
    words = sum(is_word(cell) for cell in odd)
    return words < len(cells) - len(odd)


def _check_looks(name: str, levels: Sequence[str]) -> None:
    for look, (pattern, remedy) in _LOOKS.items():
        if all(re.fullmatch(pattern, level.strip()) for level in levels):
            raise TableError(
                f"column {name!r} holds what looks like {look}, such as {levels[0]!r}: "
                f"{remedy}, or make the column categorical."
            )


def _levels(values: np.ndarray) -> tuple[str, ...]:
    """The different texts in order; of those that are one number, the shortest."""
    found: dict[Any, str] = {}
    for text in sorted(set(values), key=lambda text: (len(text), text)):
        found.setdefault(value_of(text), text)
    return tuple(sorted(found.values()))


def scaling(
    columns: Sequence[Column],
) -> tuple[Float[np.ndarray, " width"], Float[np.ndarray, " width"]]:
    """Mean and scale of each number that encodes a row; 0 and 1 for categories."""
    if len(columns) == 1 and columns[0].levels is not None:
        return np.zeros(1), np.ones(1)  # one output may stand for two classes
    width = sum(column.width for column in columns)
    mean, unit = np.zeros(width), np.ones(width)
    for j, column in zip(begins(columns), columns, strict=True):
        if column.levels is None:
            mean[j], unit[j] = column.mean, column.scale
    return mean, unit


def begins(columns: Sequence[Column]) -> list[int]:
    """Where the numbers of each column begin, side by side."""
    return np.cumsum([0, *(column.width for column in columns)])[:-1].tolist()


def places_of(columns: Sequence[Column]) -> list[slice]:
    """Where each column is among the numbers that encode a row."""
    of_each = zip(begins(columns), columns, strict=True)
    return [slice(begin, begin + column.width) for begin, column in of_each]


def scale(
    columns: Sequence[Column], raw: Float[np.ndarray, "n width"]
) -> Float[np.ndarray, "n width"]:
    """(x - mean) / scale, infinite where that overflows; 0 where x is missing, NaN."""
    mean, unit = scaling(columns)
    raw = forward(columns, raw)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isnan(raw), 0.0, (raw - mean) / unit)


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
        return inverse(columns, outputs * unit + mean)
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

    Of the cells that are known. The scale is 1 for a column that is constant, or varies
    by no more than its own rounding; categories stay as they are.

    >>> (column,) = standardize([Column("x")], np.array([[1e-12], [3e-12], [np.nan]]))
    >>> column.mean, column.scale
    (2e-12, 1e-12)
    """
    weights = np.ones(len(raw)) if weights is None else weights
    raw = forward(columns, raw)
    return tuple(
        column
        if column.levels is not None
        else dataclasses.replace(column, **_moments(raw[:, j], weights))
        for column, j in zip(columns, begins(columns), strict=True)
    )


def _moments(
    x: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]
) -> dict[str, float]:
    known = ~np.isnan(x) & (weights > 0)
    if not known.any():
        return {"mean": 0.0, "scale": 1.0}
    x, share = x[known], weights[known] / weights[known].sum()
    # Divided, exactly, by a power of two, because the squares of 1e200 overflow.
    unit = np.exp2(np.frexp(np.max(np.abs(x)))[1] - 1.0)
    z = x / unit
    mean = np.sum(share * z)
    spread = np.sqrt(np.sum(share * (z - mean) ** 2))
    constant = spread <= 4 * np.finfo(float).eps * np.abs(mean)
    return {
        "mean": float(unit * mean),
        "scale": 1.0 if constant else float(unit * spread),
    }
