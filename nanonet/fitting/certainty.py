"""How good intervals, or sets of classes, are on rows that were not learnt from."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from nanonet.fitting.fitted import Fit
from nanonet.model.conformal import cv_plus, guaranteed, probabilities
from nanonet.model.intervals import predictive
from nanonet.model.uncertainty import set_of_cells
from nanonet.table.columns import decode, scale, scaling
from nanonet.table.transforms import inverse


@dataclasses.dataclass(frozen=True)
class Certainty:
    """What the intervals of one target, or the sets of its classes, came to."""

    level: float
    """The probability that was asked for."""

    coverage: float
    """Share of the rows that are within."""

    width: float
    """Mean distance of the bounds; of sets, the mean number of classes."""

    crps: float
    """Mean continuous ranked probability score, in the unit of y; NaN where only bounds
    are known."""


class Ends(NamedTuple):
    """The same row by row, for each target."""

    within: Bool[np.ndarray, "n targets"]
    width: Float[np.ndarray, "n targets"]
    crps: Float[np.ndarray, "n targets"]


def certainty_of(
    fits: Sequence[Fit], rows: Sequence[np.ndarray], level: float
) -> tuple[Certainty, ...]:
    """Of each target, over rows of their own tables that these fits did not see.

    By CV+ where there are folds; of classes only there.

    Raises:
      ValueError: there are no intervals; or no sets, because there are no folds.
    """
    each = [_ends(fit, of, level) for fit, of in zip(fits, rows, strict=True)]
    means = [np.concatenate(of).mean(0).tolist() for of in zip(*each, strict=True)]
    return tuple(Certainty(level, *of) for of in zip(*means, strict=True))


def promise(fit: Fit, level: float) -> float | None:
    """The least coverage, whatever the data are like; None without folds."""
    if fit.folds is None:
        return None
    return guaranteed(level, len(fit.folds.fold), len(fit.folds.share))


def _ends(fit: Fit, rows: np.ndarray, level: float) -> Ends:
    x, y = fit.examples.x[rows], fit.examples.y[rows]
    if fit.targets[0].levels is not None:
        contains = set_of_cells(fit.as_it_is, x, level)
        within = np.any(contains & (probabilities(y) == 1), axis=1, keepdims=True)
        unknown = np.full(within.shape, np.nan)
        return Ends(within, contains.sum(1, keepdims=True).astype(float), unknown)
    if fit.folds is not None:
        lower, upper = cv_plus(fit.network, fit.folds, x, level)
        lower, upper = (inverse(fit.targets, end) for end in (lower, upper))
        crps = np.full(y.shape, np.nan)
    else:
        z = fit.examples.scaled()[0][rows]
        known = predictive(*fit.committee, fit.noise_or_error, z)
        ends = known.interval(level)
        lower, upper = (decode(fit.targets, end) for end in (ends.lower, ends.upper))
        crps = known.crps(scale(fit.targets, y)) * scaling(fit.targets)[1]
        if any(column.transform for column in fit.targets):
            crps = np.full(y.shape, np.nan)  # it is of a distribution in the unit of y
    return Ends((lower <= y) & (y <= upper), upper - lower, crps)
