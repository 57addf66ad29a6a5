"""How good a fit is beside a linear model and a constant: was a network needed?"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nanonet.fitting.rivals import Answers, answers_of, answers_of_folds
from nanonet.fitting.robust import losses_at
from nanonet.model.scores import MEDIAN_ERROR, accuracy, median_error, rmse
from nanonet.table.transforms import forward

if TYPE_CHECKING:
    from nanonet.fitting.fitted import Fit

#: What differs by less than so many standard errors may do so by chance.
BY_CHANCE = 2.0

#: The share of a mean squared error that is worth having: a twentieth off its root.
WORTH = 0.95**2


@dataclasses.dataclass(frozen=True)
class Skill:
    """A network, a linear model and a constant on rows that none of them has seen.

    Printed, it is a sentence.
    """

    target: str
    rows: int

    measure: str
    """Of the three that follow: RMSE, or of classes accuracy; of a robust loss the
    median absolute error."""

    network: float

    linear: float
    """Of ridge or logistic regression, fitted to the same rows; NaN where that is too
    large."""

    baseline: float
    """Of the mean of the training rows, or of their most frequent class; of a robust
    loss that of the constant for which it is least."""

    losses: tuple[float, float, float]
    """Mean squared error, or log-loss, of the same three; or the mean of the robust
    loss, in units of the network's σ."""

    lead: float
    """t, by how many standard errors the loss of the linear model is above that of the
    network, row by row; NaN where there is no telling."""

    lead_over_baseline: float
    """The same of the constant."""

    @property
    def verdict(self) -> str:
        """Whether a network was needed, as far as these rows tell.

        It is what the smaller error says, if that is smaller by 5 % at the least, and
        by more than chance would make it: by a t above 2.
        """
        network, linear, _ = self.losses
        if self.measure == MEDIAN_ERROR:  # the loss of the outliers is in the other
            network, linear = self.network**2, self.linear**2
        if not self.lead_over_baseline > BY_CHANCE:
            return "nothing was learnt that these rows bear out"
        if np.isnan(linear):
            return "it has learnt something"
        if network < WORTH * linear:
            if self.lead > BY_CHANCE:
                return "a network was needed"
            return "the network may be better, but so few rows do not tell"
        if linear < WORTH * network and self.lead < -BY_CHANCE:
            return "the linear model is better"
        return "a network was hardly needed"

    def __str__(self) -> str:
        """All of it in a sentence."""
        usual, how = "the mean", "by {:.3g}"
        off = f"off {how} on average (RMSE)"
        if self.measure == "accuracy":
            usual, how = "the most frequent class", "for {:.1%}"
            off = f"right {how}"
        if self.measure == MEDIAN_ERROR:
            usual, off = "the best constant", f"off {how} as a rule ({MEDIAN_ERROR})"
        linear = f"a linear model {how.format(self.linear)}, "
        return (
            f"On {self.rows:,} rows it has not seen the network is "
            f"{off.format(self.network)}, {linear * (not np.isnan(self.linear))}"
            f"{usual} {how.format(self.baseline)}: {self.verdict}."
        )


def skill_of(fits: Sequence["Fit"], rows: Sequence[np.ndarray]) -> tuple[Skill, ...]:
    """Of each target, over rows of their own tables that these fits did not see."""
    each = [answers_of(fit, of) for fit, of in zip(fits, rows, strict=True)]
    return _compared(fits[0], each)


def skill_of_one(fit: "Fit") -> tuple[Skill, ...]:
    """Over its test rows; else over the rows that each of its folds was left out of.

    Raises:
      ValueError: there are neither.
    """
    if len(fit.split.test):
        return skill_of([fit], [fit.split.test])
    if fit.folds is None:
        raise ValueError(
            "no rows were held out: fit with test=0.25, or with folds=10; or use "
            "cross_validate."
        )
    return _compared(fit, list(answers_of_folds(fit)))


def _compared(fit: "Fit", each: Sequence[Answers]) -> tuple[Skill, ...]:
    y, *answers, sigma = (np.concatenate(parts) for parts in zip(*each, strict=True))
    names = [column.name for column in fit.targets]
    if fit.robust is not None:
        (name,), loss, truth = names, fit.robust.loss, forward(fit.targets, y)
        errors = [(forward(fit.targets, of) - truth) / sigma for of in answers]
        scores = [median_error(of, y) for of in answers]
        losses = [losses_at(loss, u[:, 0]) for u in errors]
        return (_skill(name, MEDIAN_ERROR, scores, losses),)
    if fit.classes is None:
        return tuple(
            _skill(
                name,
                "RMSE",
                [rmse(of[:, j], y[:, j]) for of in answers],
                [(of[:, j] - y[:, j]) ** 2 for of in answers],
            )
            for j, name in enumerate(names)
        )
    tiny, right = np.finfo(float).eps, np.argmax(y, axis=1)
    scores = [accuracy(np.argmax(of, axis=1), right) for of in answers]
    if np.isnan(answers[1]).any():
        scores[1] = np.nan
    losses = [-np.log(np.clip(np.sum(y * of, axis=1), tiny, 1)) for of in answers]
    return (_skill(names[0], "accuracy", scores, losses),)


def _skill(
    name: str, measure: str, scores: Sequence[float], losses: Sequence[np.ndarray]
) -> Skill:
    mine, linear, constant = losses
    means = float(np.mean(mine)), float(np.mean(linear)), float(np.mean(constant))
    return Skill(
        name,
        len(mine),
        measure,
        network=scores[0],
        linear=scores[1],
        baseline=scores[2],
        losses=means,
        lead=_paired_t(mine, linear),
        lead_over_baseline=_paired_t(mine, constant),
    )


def _paired_t(mine: np.ndarray, other: np.ndarray) -> float:
    """The mean of other - mine over its standard error."""
    difference = other - mine
    n, mean, spread = len(difference), np.mean(difference), np.std(difference)
    if n < 2:
        return float("nan")
    if not spread > 0:  # every row says the same
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return float(mean / (spread / np.sqrt(n - 1)))
