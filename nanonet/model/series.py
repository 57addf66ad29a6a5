"""A model of a series that goes on from its own answers."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from nanonet._internal.checks import check_count
from nanonet.model.model import Model
from nanonet.model.rows import outputs
from nanonet.table.cells import by_texts, check_known, numbers, select
from nanonet.table.columns import begins, decode, scale
from nanonet.table.encoding import read_named
from nanonet.table.lagged import lag_of, lagged
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas


def simulate(
    model: Model, frame: "pandas.DataFrame", *, start: int
) -> Float[np.ndarray, " steps"]:
    """Predict a series step by step, each from the answers before it (closed loop).

    ::

        ŷ(t) = f(ŷ(t-1), ŷ(t-2), …, u(t), u(t-1), …)   from the row ``start`` on

    Before it, y is what the table says. Where the answers are not fed back, y of every
    row is known, and `predict` of `lagged` is what is wanted.

    Args:
      model: fitted to a table of `lagged`, whose target is one number.
      frame: the series, as `lagged` was given it: the target up to the row ``start``,
        whatever it is afterwards, and the other columns for all rows.
      start: the position of the first row that is predicted, counted from 0.

    Returns:
      A number for each row from ``start`` on.

    Raises:
      TableError: a column is not there, or a cell does not fit it.
      ValueError: the model predicts classes, or several numbers, or nothing of what it
        reads is the target of an earlier row; or too few rows are before ``start``.

    >>> import pandas
    >>> from nanonet.network.layers import Layer
    >>> from nanonet.network.network import mlp
    >>> from nanonet.table.columns import Column
    >>> double = Layer(np.array([[2.0]]), np.zeros(1))
    >>> columns = (Column("y[t-1]"),), (Column("y"),)
    >>> model = Model(mlp([1, 1], output="identity"), (double,), *columns)
    >>> print(simulate(model, pandas.DataFrame({"y": [1.0, 3.0, 0, 0, 0]}), start=2))
    [ 6. 12. 24.]
    """
    column, *further = model.targets
    if further or column.levels is not None:
        raise ValueError("simulate is for models of one number, such as a series is.")
    frame = by_texts(frame)
    target, n = column.name, len(frame)
    lags = [lag_of(column.name) for column in model.inputs]
    fed_back = {j: lag for j, (name, lag) in enumerate(lags) if name == target}
    if not fed_back or 0 in fed_back.values():
        raise ValueError(
            f"the model reads no column such as '{target}[t-1]'; nothing is fed back."
        )
    start = check_count("start", start, at_least=max(lag for _, lag in lags))
    if start > n:
        raise ValueError(f"start={start} is after the table's {n} rows.")
    if target not in frame:
        raise TableError(f"the table has no column {target!r}, which is fed back.")
    before = select(frame, target).iloc[:start]
    check_known(before, of_numbers=True)
    y = np.append(numbers(before), np.zeros(n - start))
    wanted: dict[str, list[int]] = {}
    for name, lag in lags:
        wanted.setdefault(name, []).append(lag)
    known = lagged(frame.assign(**{target: y}), wanted).iloc[start - n :]
    rows = read_named(model.inputs, known) if n > start else np.zeros((0, 0))
    places = begins(model.inputs)
    for t, row in enumerate(rows, start):
        for j, lag in fed_back.items():
            row[places[j]] = y[t - lag]
        answer = outputs(model.network, model.params, scale(model.inputs, row[None]))
        y[t] = decode(model.targets, answer)[0, 0]
    return y[start:]
