"""A table of a series: earlier rows as columns of each row."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nanonet._internal.checks import check_choice, check_count
from nanonet._internal.optional import require
from nanonet.table.cells import by_texts, select

if TYPE_CHECKING:
    import pandas

_LAG = re.compile(r"(.*)\[t-([1-9]\d{0,8})\]", re.DOTALL)


def lagged(
    frame: "pandas.DataFrame", lags: Mapping[str, Sequence[int]]
) -> "pandas.DataFrame":
    """Put what was so many rows ago beside each row: a table to learn a series from.

    The network of such a table is nonlinear autoregressive, with the other columns for
    exogenous inputs (NARX): y(t) = f(y(t-1), y(t-2), …, u(t), u(t-1), …). `simulate`
    lets it go on from its own answers. Rows are to be equally far apart, the earliest
    first; hold the last ones out (``test=range(900, 1000)``), not some at random.

    Args:
      frame: one row for each time.
      lags: of each column that is wanted, how many rows ago: 0 is the row itself, under
        the column's own name; 2 becomes a column ``name[t-2]``.

    Returns:
      The rows that have all of their lags; they keep their index.

    Raises:
      TypeError: a column's lags are no list of whole numbers.
      ValueError: a column is not there, a lag is negative or named twice, or no row has
        all lags.

    >>> import pandas
    >>> table = pandas.DataFrame({"y": [1, 2, 4, 8], "u": [0, 5, 0, 5]})
    >>> print(lagged(table, {"y": [0, 1, 2], "u": [1]}))
       y  y[t-1]  y[t-2]  u[t-1]
    2  4       2       1       5
    3  8       4       2       0
    """
    pd = require("pandas", extra="tables")
    frame = by_texts(frame)
    longest, columns = 0, {}
    for name, of_column in lags.items():
        check_choice("lags", name, frame.columns)
        cells = select(frame, name)
        if not isinstance(of_column, Iterable):
            raise TypeError(
                f"lags[{name!r}]={of_column!r} must be a list, if only of one lag."
            )
        for lag in of_column:
            lag = check_count(f"lags[{name!r}]", lag, at_least=0)
            title = f"{name}[t-{lag}]" if lag else name
            if title in columns:
                raise ValueError(f"lags makes two columns {title!r}.")
            longest = max(longest, lag)
            columns[title] = (cells, lag)
    if longest >= len(frame):
        raise ValueError(f"lags reach {longest} rows back, but there are {len(frame)}.")
    rows = slice(longest, len(frame))
    return pd.DataFrame(
        {
            title: cells.iloc[longest - lag : len(frame) - lag].to_numpy()
            for title, (cells, lag) in columns.items()
        },
        index=frame.index[rows],
    )


def lag_of(title: str) -> tuple[str, int]:
    """Column and lag that a column of `lagged` is of.

    >>> lag_of("load[t-24]"), lag_of("load")
    (('load', 24), ('load', 0))
    """
    found = _LAG.fullmatch(title)
    return (found[1], int(found[2])) if found else (title, 0)
