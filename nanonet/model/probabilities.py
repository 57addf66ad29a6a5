"""How good probabilities are: ROC curve and its area, calibration, log-loss."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from nanonet._internal.checks import check_count


class Roc(NamedTuple):
    """Of each threshold, the largest first: how many are above it."""

    threshold: Float[np.ndarray, " points"]

    false: Float[np.ndarray, " points"]
    """Share of the rows that are not of the class: the false positive rate."""

    true: Float[np.ndarray, " points"]
    """Share of the rows that are: the true positive rate."""

    @property
    def area(self) -> float:
        """AUC: how often a row of the class is above one that is not, ties halved."""
        return float(np.trapezoid(self.true, self.false))


def roc_curve(is_class: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"]) -> Roc:
    """Receiver operating characteristic of a score that is to tell a class.

    Raises:
      ValueError: all rows are of the class, or none is.

    Source: Fawcett, "An introduction to ROC analysis", 2006.

    >>> found = roc_curve(np.array([False, True, False, True]),
    ...                   np.array([0.1, 0.35, 0.4, 0.8]))
    >>> found.area
    0.75
    """
    count = int(np.sum(is_class))
    if not 0 < count < len(is_class):
        raise ValueError(
            f"{count} of {len(is_class)} rows are of the class; a ROC curve needs some "
            "that are, and some that are not."
        )
    order = np.argsort(-score, kind="stable")
    score, is_class = score[order], is_class[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of ties
    true = np.cumsum(is_class)[last]
    false = last + 1 - true
    return Roc(
        np.append(np.inf, score[last]),
        np.append(0, false) / (len(score) - count),
        np.append(0, true) / count,
    )


class Calibration(NamedTuple):
    """Rows of like probability, and how often they are of the class."""

    said: Float[np.ndarray, " bins"]
    """Mean probability of the rows of each bin that is not empty."""

    seen: Float[np.ndarray, " bins"]
    """Share of them that are of the class."""

    rows: Int[np.ndarray, " bins"]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean of |seen - said| over the rows."""
        return float(np.average(np.abs(self.seen - self.said), weights=self.rows))

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the true share lies with probability 95 %, by Wilson's score interval.

        Source: Wilson, "Probable inference, the law of succession, and statistical
        inference", 1927.
        """
        z, n, p = 1.959963984540054, self.rows, self.seen
        center = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        root = np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        half = z / (1 + z**2 / n) * root
        return np.maximum(center - half, 0), np.minimum(center + half, 1)


def calibration(
    is_class: Bool[np.ndarray, " n"], probability: Float[np.ndarray, " n"], bins: int
) -> Calibration:
    """Sort rows by their probability into equally wide bins.

    Source: Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks",
    2017; Niculescu-Mizil & Caruana, "Predicting good probabilities with supervised
    learning", 2005, for the reliability diagram.

    >>> found = calibration(np.array([True, False, True]), np.array([0.9, 0.8, 0.1]), 2)
    >>> print(found.said.round(2), found.seen, found.rows)
    [0.1  0.85] [1.  0.5] [1 2]
    """
    bins = check_count("bins", bins, at_least=1)
    bin_of = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    count = np.bincount(bin_of, minlength=bins)
    full = np.flatnonzero(count)
    said, seen = (
        np.bincount(bin_of, weights=of, minlength=bins)[full] / count[full]
        for of in (probability, is_class.astype(float))
    )
    return Calibration(said, seen, count[full])
