"""Fit again and again, with new weights of the rows, until these settle."""

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nanonet.fitting.evidence import LEAST_SHARE
from nanonet.fitting.fitted import Fit
from nanonet.fitting.robust import (
    FIRST_FITS,
    MOST_FITS,
    SETTLED,
    Robust,
    Rows,
    reweighted,
    weights_at,
)
from nanonet.fitting.settings import Settings
from nanonet.model.rows import outputs
from nanonet.solve.host import check_time_limit
from nanonet.solve.result import Status
from nanonet.table.checks import DataWarning
from nanonet.table.columns import scaling
from nanonet.table.examples import Examples
from nanonet.table.splits import Split

# A fit of each split, of a table that has weights of its own for each, and of the
# noise where that is known.
FitAll = Callable[[list[Examples], list[float], Settings], list[Fit]]


@runtime_checkable  # so that annotations can be checked
class Weighing(Protocol):
    """By what the rows count: by a robust loss, or by the level of their noise."""

    @property
    def told(self) -> str:
        """What was asked for, in words."""
        ...

    def first(self, settings: Settings, rows: float) -> Settings:
        """How the first fit learns, from so many rows."""
        ...

    def weigh(self, k: int, fit: Fit, split: Split, own: Rows) -> tuple[Rows, Any]:
        """Weights after the k-th fit, of rows that count ``own``; and what it saw."""
        ...

    def noise(self, k: int, fit: Fit, own: Rows, seen: Any) -> float:
        """σ, if the next fit is to take it for known; else NaN."""
        ...

    def noted(self, fit: Fit, weights: Rows, seen: Any) -> Fit:
        """The fit that knows of its weights."""
        ...

    def settled(self, k: int, old: Rows, new: Rows) -> bool:
        """Whether another fit would be the same."""
        ...


@dataclasses.dataclass(frozen=True)
class ByLoss:
    """Rows count by a robust loss; see `nanonet.fitting.robust.reweighted`."""

    name: str

    @property
    def told(self) -> str:
        """The argument that asks for it."""
        return f"loss={self.name!r}"

    def first(self, settings: Settings, rows: float) -> Settings:
        """As all others."""
        return settings

    def weigh(self, k: int, fit: Fit, split: Split, own: Rows) -> tuple[Rows, float]:
        """The next weights, and σ; those that are tested on count in full."""
        by = self._by(k)
        z, y, _ = fit.examples.scaled()
        r = (outputs(*fit.committee, z) - y)[:, 0]
        _, sigma = reweighted(by, r[split.train], own[split.train])
        rows = np.concatenate([split.train, split.validation])
        weights = np.ones(len(own))
        weights[rows] = weights_at(by, r[rows] / sigma)
        return weights, sigma * float(scaling(fit.targets)[1][0])

    def noise(self, k: int, fit: Fit, own: Rows, seen: float) -> float:
        """Huber's σ, larger by the parameters that were fitted.

        Weighted least squares would not tell: to it a gross outlier is as much noise as
        its size is, though its weight is small.
        """
        if self._by(k) != "huber" or fit.evidence is None:
            return np.nan
        rows = float(own[fit.split.train].sum())
        left = 1 - float(fit.evidence.effective_parameters) / rows
        return seen / math.sqrt(max(left, LEAST_SHARE))

    def noted(self, fit: Fit, weights: Rows, seen: float) -> Fit:
        """The fit that knows how much each row counted."""
        return dataclasses.replace(fit, robust=Robust(self.name, seen, weights))

    def settled(self, k: int, old: Rows, new: Rows) -> bool:
        """Whether another fit would be the same."""
        same = np.max(np.abs(new - old)) < SETTLED
        return self._by(k) == self.name and bool(same)

    def _by(self, k: int) -> str:
        return "student_t" if k < FIRST_FITS else self.name


def fit_reweighted(
    fit_all: FitAll,
    by: Weighing,
    examples: Examples,
    splits: Sequence[Split],
    settings: Settings,
) -> list[Fit]:
    """Fits whose weights, as ``by`` finds them, lead to themselves again.

    The time limit is of all fits together. Where it, or Ctrl-C, cuts one short, the
    ones before it are returned, with a status that says so.
    """
    check_one_number(by.told, examples)
    if settings.checkpoint is not None:
        raise ValueError(f"{by.told} is several runs; a checkpoint is of one.")
    own, count = examples.sample_weight, len(splits)
    sigmas = [np.nan] * count
    limit = check_time_limit(settings.time_limit)
    deadline = time.monotonic() + (math.inf if limit is None else limit)
    weights, found = [np.ones(len(own))] * count, []
    for k in range(MOST_FITS):
        left = settings if k else by.first(settings, _mean_weight(own, splits))
        left = dataclasses.replace(left, time_limit=max(deadline - time.monotonic(), 0))
        tables = [examples._replace(sample_weight=own * w) for w in weights]
        with warnings.catch_warnings():
            if found:  # they have said it
                warnings.simplefilter("ignore", DataWarning)
            fits = fit_all(tables, sigmas, left)
        stopped = _stopped(fits)
        if stopped and found:
            return [_ended(fit, stopped) for fit in found]
        seen = [by.weigh(k, *of, own) for of in zip(fits, splits, strict=True)]
        found = [
            by.noted(fit, w, what)
            for fit, (_, what), w in zip(fits, seen, weights, strict=True)
        ]
        sigmas = [
            by.noise(k, fit, own, what)
            for fit, (_, what) in zip(found, seen, strict=True)
        ]
        old, weights = weights, [w for w, _ in seen]
        settled = [by.settled(k, *of) for of in zip(old, weights, strict=True)]
        if stopped or all(settled):
            break
    return found


def check_one_number(told: str, examples: Examples) -> None:
    """Raise `ValueError` unless there is one target, of numbers."""
    if examples.targets[0].levels is not None:
        raise ValueError(f"{told} is for numbers, not for classes.")
    if len(examples.targets) > 1:
        raise ValueError(
            f"{told} is for one target, and y has {len(examples.targets)}: a row that "
            "counts little for one may count for another. Fit each by itself."
        )


def _mean_weight(own: Rows, splits: Sequence[Split]) -> float:
    return float(np.mean([own[split.train].sum() for split in splits]))


def _stopped(fits: Sequence[Fit]) -> Status | None:
    """What stopped one of them from outside, if anything did."""
    ends = (status for fit in fits for status in fit.starts.status)
    outside = (Status.TIME_LIMIT, Status.INTERRUPTED)
    return next((status for status in ends if status in outside), None)


def _ended(fit: Fit, status: Status) -> Fit:
    return dataclasses.replace(
        fit, result=dataclasses.replace(fit.result, status=status)
    )
