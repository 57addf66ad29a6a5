"""How a prediction changes with each input, while the others stay where they are."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from nanonet.fitting.fitted import Fit
from nanonet.model.conformal import cv_plus, probabilities
from nanonet.model.intervals import predictive
from nanonet.model.rows import outputs
from nanonet.table.columns import Column, decode, places_of, scale, told

#: Values of a number between the smallest and the largest of the table.
POINTS = 41

#: Lower and upper end, row by row.
Ends = tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Profile:
    """What is predicted for the values of one column."""

    column: Column

    at: Float[np.ndarray, " points"]
    """The values; of categories, their positions among the levels."""

    held: float
    """Where the column stays while others change, likewise."""

    prediction: Float[np.ndarray, "points outputs"]
    """In the unit of the target; of classes, the probability of each."""

    mean: Ends | None
    """Where the mean of y lies by ``level``; None of classes, or if it is not known."""

    new: Ends | None
    """Where a new y does."""

    @property
    def effect(self) -> float:
        """How far the prediction moves: the largest less the smallest."""
        return float(np.max(np.ptp(self.prediction, axis=0)))


def profiles_of(
    fit: Fit, held: Mapping[str, Any] | None = None, level: float | None = 0.95
) -> list[Profile]:
    """Of each column, in the order of the table, for a fit of one target.

    The values of a number go from the smallest to the largest of the training rows. The
    others are ``held``, by name, or at the median or the most frequent category.
    Without ``level`` there are no bounds.

    Raises:
      ValueError: there are several targets, or ``held`` names what is no column, or no
        value of it.
    """
    if len(fit.targets) > 1:
        names = ", ".join(column.name for column in fit.targets)
        raise ValueError(f"a profile is of one target, not of several: {names}.")
    columns, places = fit.inputs, places_of(fit.inputs)
    values = held_values(fit, held or {})
    usual = np.concatenate(
        [_cells(c, np.array([v]))[0] for c, v in zip(columns, values, strict=True)]
    )
    grids, pieces = [], []
    for column, place in zip(columns, places, strict=True):
        at = np.arange(float(len(column.levels or ())))
        if column.levels is None:
            low, high = range_of(fit, place)
            at = np.linspace(low, high, POINTS)
        piece = np.tile(usual, (len(at), 1))
        piece[:, place] = _cells(column, at)
        grids.append(at)
        pieces.append(piece)
    answers = _answers(fit, np.concatenate(pieces), level)
    ends = np.cumsum([len(at) for at in grids])
    found = []
    for column, at, value, end in zip(columns, grids, values, ends, strict=True):
        rows = slice(end - len(at), end)
        prediction, *bands = (None if of is None else of[rows] for of in answers)
        assert prediction is not None
        mean, new = (None if of is None else (of[:, 0], of[:, 1]) for of in bands)
        found.append(Profile(column, at, value, prediction, mean, new))
    return found


def held_values(fit: Fit, held: Mapping[str, Any]) -> list[float]:
    """A value for each column, or the position of a level: as given, or the usual."""
    names = [column.name for column in fit.inputs]
    for name in held:
        if name not in names:
            raise ValueError(f"held={name!r} is none of {', '.join(names)}.")
    return [
        _held(column, held[column.name])
        if column.name in held
        else _usual(column, fit.examples.x[fit.split.train, place])
        for column, place in zip(fit.inputs, places_of(fit.inputs), strict=True)
    ]


def range_of(fit: Fit, place: slice) -> tuple[float, float]:
    """Smallest and largest number of a column in the training rows."""
    numbers = _known(fit.examples.x[fit.split.train, place.start])
    return float(numbers.min()), float(numbers.max())


def _known(numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, " known"]:
    """Those that are not missing; 0, as the column's mean is, if all are."""
    known = numbers[~np.isnan(numbers)]
    return known if len(known) else np.zeros(1)


def _held(column: Column, value: Any) -> float:
    if column.levels is None:
        return float(value)
    levels = [told(level) for level in column.levels]
    if told(value) not in levels:
        raise ValueError(
            f"held: {column.name!r} is {value!r}, none of {', '.join(levels)}."
        )
    return float(levels.index(told(value)))


def _usual(column: Column, cells: Float[np.ndarray, "n width"]) -> float:
    if column.levels is None:
        return float(np.median(_known(cells[:, 0])))
    return float(np.argmax(cells.sum(0)))


def _cells(
    column: Column, at: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "points width"]:
    """The numbers that encode these values, none of which is missing."""
    if column.levels is not None:
        return np.eye(column.width)[at.astype(int)]
    return np.pad(at[:, None], [(0, 0), (0, column.width - 1)])


def _answers(
    fit: Fit, cells: Float[np.ndarray, "n width"], level: float | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Predictions, and the ends [n, 2] of the mean's and of a new y's bounds."""
    z = scale(fit.inputs, cells)
    found = outputs(*fit.committee, z)
    if fit.classes is not None:
        return probabilities(found), None, None
    prediction, mean, new = decode(fit.targets, found), None, None
    if level is None:
        return prediction, mean, new
    if fit.noise is not None:
        mean, new = (
            _decoded(fit, predictive(*fit.committee, fit.noise, z, new=of), level)
            for of in (False, True)
        )
    if fit.folds is not None:
        ends = cv_plus(fit.network, fit.folds, cells, level)
        new = np.column_stack(ends)
    return prediction, mean, new


def _decoded(fit: Fit, known: Any, level: float) -> np.ndarray:
    ends = known.interval(level)
    return np.column_stack([decode(fit.targets, e) for e in (ends.lower, ends.upper)])
