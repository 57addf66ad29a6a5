"""How good predictions are, beside those of a constant."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Int

from nanonet.model.intervals import Interval
from nanonet.table.columns import Column

Rows = Int[np.ndarray, " _"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Score:
    """One measure of how good the predictions are."""

    name: str = dataclasses.field(metadata={"static": True})

    train: float
    """On the rows that were trained on."""

    test: float
    """On the rows that were held out."""

    baseline: float
    """On those, of answering always the same: the most frequent category, or the mean,
    of the training rows."""


def scores(
    targets: Sequence[Column],
    predicted: np.ndarray,
    y: np.ndarray,
    train: Rows,
    test: Rows,
) -> tuple[Score, ...]:
    """Each measure of `measures` on both parts of the rows; NaN of no rows.

    ``y`` and ``predicted`` are [n] levels, or [n, targets] numbers.
    """
    found = []
    for name, (column, compute) in measures(targets).items():
        truth, guess = (
            values if values.ndim == 1 else values[:, column]
            for values in (y, predicted)
        )
        constant = np.full(len(test), _constant(truth[train]))
        of = [compute(guess[rows], truth[rows]) for rows in (train, test) if len(rows)]
        base = [compute(constant, truth[test])] if len(test) else [np.nan, np.nan]
        found.append(Score(name, *of, *base))
    return tuple(found)


def measures(
    targets: Sequence[Column],
) -> dict[str, tuple[int, Callable[[np.ndarray, np.ndarray], float]]]:
    """Name, column and function of each score: of classes, of one number, of several.

    >>> print(*measures([Column("kind", ("a", "b"))]))
    accuracy
    >>> print(*measures([Column("width"), Column("height")]), sep=", ")
    R² of width, RMSE of width, R² of height, RMSE of height
    """
    if targets[0].levels is not None:
        return {"accuracy": (0, accuracy)}
    return {
        name + (f" of {column.name}" if len(targets) > 1 else ""): (j, compute)
        for j, column in enumerate(targets)
        for name, compute in (("R²", r_squared), ("RMSE", rmse))
    }


def coverage(interval: Interval, y: np.ndarray) -> float:
    """Share of the rows whose y lies within its bounds.

    >>> found = Interval(np.ones(2), np.zeros(2), np.full(2, 2.0))
    >>> coverage(found, np.array([2.0, 2.5])), mean_width(found)
    (0.5, 2.0)
    """
    return float(np.mean((interval.lower <= y) & (y <= interval.upper)))


def mean_width(interval: Interval) -> float:
    """How far the bounds lie apart: the narrower at one coverage, the better."""
    return float(np.mean(interval.upper - interval.lower))


def accuracy(prediction: np.ndarray, y: np.ndarray) -> float:
    """Share of the predictions that are right."""
    return float(np.mean(prediction == y))


def rmse(prediction: np.ndarray, y: np.ndarray) -> float:
    """√(mean (ŷ - y)²), in the unit of y.

    >>> rmse(np.array([1.0, 2.0, 0.0, 5.0]), np.array([4.0, 2.0, 0.0, 5.0]))
    1.5
    """
    return float(np.sqrt(np.mean((prediction - y) ** 2)))


def r_squared(prediction: np.ndarray, y: np.ndarray) -> float:
    """R² = 1 - Σ(ŷ - y)² / Σ(y - mean y)²; NaN where all y are equal.

    >>> r_squared(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    spread = np.sum((y - np.mean(y)) ** 2)
    return float(1 - np.sum((prediction - y) ** 2) / spread) if spread else float("nan")


def _constant(y: np.ndarray) -> object:
    if y.dtype.kind == "f":
        return np.mean(y)
    levels, counts = np.unique(y, return_counts=True)
    return levels[np.argmax(counts)]
