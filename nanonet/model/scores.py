"""How good predictions are, beside those of a constant."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Int

from nanonet.model.intervals import Interval
from nanonet.table.columns import Column

Rows = Int[np.ndarray, " _"]

#: What of a robust loss stands for the RMSE; few rows that lie far off do not move it.
MEDIAN_ERROR = "median absolute error"


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
    of the training rows; of a robust loss the constant for which it is least."""


def scores(
    targets: Sequence[Column],
    predicted: np.ndarray,
    y: np.ndarray,
    train: Rows,
    test: Rows,
    *,
    robust: bool = False,
    usual: Callable[[np.ndarray], object] | None = None,
) -> tuple[Score, ...]:
    """Each measure of `measures` on both parts of the rows; NaN of no rows.

    ``y`` and ``predicted`` are [n] levels, or [n, targets] numbers; ``usual`` tells the
    constant of the training rows, where it is not the mean or most frequent level.
    """
    found, usual = [], usual or _usual
    for name, (column, compute) in measures(targets, robust=robust).items():
        truth, guess = (
            values if values.ndim == 1 else values[:, column]
            for values in (y, predicted)
        )
        constant = np.full(len(test), usual(truth[train]))
        of = [compute(guess[rows], truth[rows]) for rows in (train, test) if len(rows)]
        base = [compute(constant, truth[test])] if len(test) else [np.nan, np.nan]
        found.append(Score(name, *of, *base))
    return tuple(found)


def measures(
    targets: Sequence[Column], *, robust: bool = False
) -> dict[str, tuple[int, Callable[[np.ndarray, np.ndarray], float]]]:
    """Name, column and function of each score: of classes, of one number, of several.

    >>> print(*measures([Column("kind", ("a", "b"))]))
    accuracy
    >>> print(*measures([Column("width"), Column("height")]), sep=", ")
    R² of width, RMSE of width, R² of height, RMSE of height
    >>> print(*measures([Column("width")], robust=True), sep=", ")
    robust R², median absolute error, RMSE
    """
    if targets[0].levels is not None:
        return {"accuracy": (0, accuracy)}
    each = {"R²": r_squared, "RMSE": rmse}
    if robust:
        robustly = {"robust R²": robust_r_squared, MEDIAN_ERROR: median_error}
        each = robustly | {"RMSE": rmse}
    return {
        name + (f" of {column.name}" if len(targets) > 1 else ""): (j, compute)
        for j, column in enumerate(targets)
        for name, compute in each.items()
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


def median_error(prediction: np.ndarray, y: np.ndarray) -> float:
    """Median of |ŷ - y|, in the unit of y: half of the rows are off by no more.

    >>> median_error(np.array([1.0, 2.0, 0.0, 5.0]), np.array([4.0, 2.5, 0.0, 6.0]))
    0.75
    """
    return float(np.median(np.abs(prediction - y)))


def robust_r_squared(prediction: np.ndarray, y: np.ndarray) -> float:
    """R² = 1 - (median |ŷ - y| / median |y - median y|)²; NaN where the latter is 0.

    Half of the rows may be anything.

    Source: Rousseeuw & Leroy, *Robust Regression and Outlier Detection*, 1987, chapter
    2, section 3.

    >>> y = np.array([0.0, 2.0, 4.0, 6.0, 1e9])
    >>> robust_r_squared(np.array([1.0, 2.0, 5.0, 7.0, 8.0]), y)
    0.75
    """
    spread = np.median(np.abs(y - np.median(y)))
    return float(1 - (median_error(prediction, y) / spread) ** 2) if spread else np.nan


def _usual(y: np.ndarray) -> object:
    if y.dtype.kind == "f":
        return np.mean(y)
    levels, counts = np.unique(y, return_counts=True)
    return levels[np.argmax(counts)]
