"""Fit again and again, with new weights of the rows, until these settle."""

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from nanonet.fitting.fitted import Fit
from nanonet.fitting.robust import (
    FIRST_FITS,
    MOST_FITS,
    SETTLED,
    Robust,
    Rows,
    check_robust,
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

# A fit of each split, of a table that has weights of its own for each.
FitAll = Callable[[list[Examples], Settings], list[Fit]]


def fit_reweighted(
    fit_all: FitAll,
    name: str,
    examples: Examples,
    splits: Sequence[Split],
    settings: Settings,
) -> list[Fit]:
    """Fits whose weights, by the loss of that name, lead to themselves again.

    The time limit is of all fits together. Where it, or Ctrl-C, cuts one short, the
    ones before it are returned, with a status that says so.
    """
    check_robust(examples, name)
    if settings.checkpoint is not None:
        raise ValueError(f"loss={name!r} is several runs; a checkpoint is of one.")
    own, count = examples.sample_weight, len(splits)
    limit = check_time_limit(settings.time_limit)
    deadline = time.monotonic() + (math.inf if limit is None else limit)
    weights, found = [np.ones(len(own))] * count, []
    for k in range(MOST_FITS):
        by = "student_t" if k < FIRST_FITS else name
        left = dataclasses.replace(
            settings, time_limit=max(deadline - time.monotonic(), 0)
        )
        tables = [examples._replace(sample_weight=own * w) for w in weights]
        with warnings.catch_warnings():
            if found:  # they have said it
                warnings.simplefilter("ignore", DataWarning)
            fits = fit_all(tables, left)
        stopped = _stopped(fits)
        if stopped and found:
            return [_ended(fit, stopped) for fit in found]
        seen = [_weighed(*of, by, own) for of in zip(fits, splits, strict=True)]
        found = [
            dataclasses.replace(fit, robust=Robust(name, sigma, w))
            for fit, (_, sigma), w in zip(fits, seen, weights, strict=True)
        ]
        new = [w for w, _ in seen]
        moved = np.max(np.abs(np.subtract(new, weights)))
        if stopped or (moved < SETTLED and by == name):
            break
        weights = new
    return found


def _weighed(fit: Fit, split: Split, name: str, own: Rows) -> tuple[Rows, float]:
    """The next weights of the rows, and σ; those that are tested on count in full."""
    z, y, _ = fit.examples.scaled()
    r = (outputs(*fit.committee, z) - y)[:, 0]
    _, sigma = reweighted(name, r[split.train], own[split.train])
    rows = np.concatenate([split.train, split.validation])
    weights = np.ones(len(own))
    weights[rows] = weights_at(name, r[rows] / sigma)
    return weights, sigma * float(scaling(fit.targets)[1][0])


def _stopped(fits: Sequence[Fit]) -> Status | None:
    """What stopped one of them from outside, if anything did."""
    ends = (status for fit in fits for status in fit.starts.status)
    outside = (Status.TIME_LIMIT, Status.INTERRUPTED)
    return next((status for status in ends if status in outside), None)


def _ended(fit: Fit, status: Status) -> Fit:
    return dataclasses.replace(
        fit, result=dataclasses.replace(fit.result, status=status)
    )
