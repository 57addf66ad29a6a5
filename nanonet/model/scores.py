"""How good a model's predictions are, beside those of a constant."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nanonet.model.model import Model, predict
from nanonet.table.columns import numbers, select, texts

if TYPE_CHECKING:
    import pandas


class Score(NamedTuple):
    """One measure of how good the predictions are."""

    name: str

    train: float
    """On the rows that were trained on."""

    held_out: float
    """On the other rows."""

    baseline: float
    """On those other rows, of answering always the same: the most frequent category,
    or the mean, of the training rows."""


def scores(
    model: Model, train: "pandas.DataFrame", held_out: "pandas.DataFrame"
) -> tuple[Score, ...]:
    """Accuracy of a classification; R² and RMSE of a regression."""
    name, levels = model.target.name, model.target.levels
    if levels is None:
        measures = {"R²": r_squared, "RMSE": rmse}
        y_train, y_held_out = (
            numbers(select(train, name)),
            numbers(select(held_out, name)),
        )
        constant = np.mean(y_train)
    else:
        measures = {"accuracy": accuracy}
        y_train, y_held_out = texts(select(train, name)), texts(select(held_out, name))
        constant = max(levels, key=list(y_train).count)
    of_train, of_held_out = predict(model, train), predict(model, held_out)
    return tuple(
        Score(
            measure,
            train=compute(of_train, y_train),
            held_out=compute(of_held_out, y_held_out),
            baseline=compute(np.full(len(held_out), constant), y_held_out),
        )
        for measure, compute in measures.items()
    )


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
