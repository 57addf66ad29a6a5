"""Which columns a model's predictions rest on."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from nanonet.table.columns import Column


class Importance(NamedTuple):
    """How much the score falls when one column is shuffled among the rows."""

    name: str
    mean: float
    deviation: float
    """Standard deviation over the repeats."""


def permutation_importances(
    columns: tuple[Column, ...],
    x: Float[np.ndarray, "n width"],
    y: Shaped[np.ndarray, " n"],
    predict: Callable[[np.ndarray], np.ndarray],
    score: Callable[[np.ndarray, np.ndarray], float],
    *,
    seed: int,
    repeats: int = 20,
) -> list[Importance]:
    """Shuffle one column at a time, all its categories together; largest fall first.

    ::

        importance of column j = score(ŷ(x), y) - mean over shuffles of score(ŷ(x_j), y)

    where x_j is x with the cells of column j in random order. Two columns that say the
    same look less important than either is.

    Args:
      columns: how the inputs are encoded in x, side by side.
      x: rows that were not trained on.
      y: their targets.
      predict: predictions from encoded rows.
      score: of predictions and targets; larger is better.
      seed: of the shuffles.
      repeats: shuffles of each column.

    Source: L. Breiman, "Random forests", Machine Learning 45 (2001), section 10.

    >>> x = np.arange(8.0).reshape(4, 2)
    >>> columns = Column("read", None), Column("ignored", None)
    >>> def closeness(prediction, y): return -np.sum((prediction - y) ** 2)
    >>> found = permutation_importances(
    ...     columns, x, x[:, 0], lambda x: x[:, 0], closeness, seed=0)
    >>> [(name, bool(mean > 0)) for name, mean, _ in found]
    [('read', True), ('ignored', False)]
    """
    rng = np.random.default_rng(seed)
    whole, begin, found = score(predict(x), y), 0, []
    for column in columns:
        end, falls = begin + column.width, []
        for _ in range(repeats):
            shuffled = x.copy()
            shuffled[:, begin:end] = rng.permutation(x[:, begin:end])
            falls.append(whole - score(predict(shuffled), y))
        found.append(
            Importance(column.name, float(np.mean(falls)), float(np.std(falls)))
        )
        begin = end
    return sorted(found, key=lambda importance: -importance.mean)
