"""Numbers and categories told apart; those of few rows are one, as are new ones."""

import collections
import dataclasses
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from nanonet._internal.checks import check_choice, check_count
from nanonet.table.cells import select, texts, value_of
from nanonet.table.columns import Column, describe

if TYPE_CHECKING:
    import pandas


def columns_of(
    frame: "pandas.DataFrame",
    names: Iterable[str],
    *,
    categorical: Collection[str] = (),
    rare: int = 0,
) -> tuple[Column, ...]:
    """What the columns of these names hold; the frame's are known by their texts.

    Raises:
      TableError, ValueError: see `nanonet.fitting.fit_table.fit_table`.
    """
    check_count("rare", rare, at_least=0)
    for name in categorical:
        check_choice("categorical", name, list(frame.columns))
    found = []
    for name in names:
        cells = select(frame, name)
        column = describe(cells, categorical=name in categorical)
        found.append(pooled(column, cells, rare)[0])
    return tuple(found)


def pooled(
    column: Column, cells: "pandas.Series", least: int
) -> tuple[Column, tuple[str, ...]]:
    """The column with its levels of fewer than ``least`` rows as one, and which.

    A missing cell stays a level of its own. Where all levels are of few rows, or none
    is, the column stays as it is.

    >>> import pandas as pd
    >>> from nanonet.table.columns import describe
    >>> cells = pd.Series(list("aaabbbcd"), name="kind")
    >>> column, few = pooled(describe(cells), cells, 3)
    >>> print(*column.levels, "for", *few)
    a b rare for c d
    """
    levels = column.levels or ()
    given = collections.Counter(value_of(text) for text in texts(cells))
    few = tuple(of for of in levels if of and given[value_of(of)] < least)
    kept = tuple(level for level in levels if level not in few)
    if not few or not any(kept):
        return column, ()
    name = "rare"
    while name in kept:
        name = f"({name})"
    return dataclasses.replace(column, levels=(*kept, name), rare=True), few
