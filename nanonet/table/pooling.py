"""Categories of few rows as one, which takes in those that are new, too."""

import collections
import dataclasses
from typing import TYPE_CHECKING

from nanonet.table.cells import texts, value_of
from nanonet.table.columns import Column

if TYPE_CHECKING:
    import pandas


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
