"""Fits without each fold of the rows, for intervals and sets with a guarantee."""

from collections.abc import Sequence
from typing import Literal

import jax
import numpy as np

from nanonet.fitting.fitted import Fit
from nanonet.model.conformal import Folds, probabilities
from nanonet.model.rows import outputs
from nanonet.table.columns import scaling
from nanonet.table.examples import Examples
from nanonet.table.splits import Split, k_folds
from nanonet.table.transforms import forward

#: How many folds of the rows that are learnt from; "rows" for one of each row.
Count = int | Literal["rows"]


def leave_out(
    examples: Examples, split: Split, folds: Count, rng: np.random.Generator
) -> list[Split]:
    """Part the rows that are learnt from into folds, each the test of one split.

    Raises:
      ValueError: one fold, or more folds than rows; or the rows do not count alike.
    """
    if folds == 0:
        return []
    train, classes = split.train, examples.classes
    if np.ptp(examples.sample_weight[train]):
        raise ValueError(
            f"folds={folds!r}: a guarantee is for rows that count alike, but "
            "sample_weight differs among them."
        )
    of_rows = None if classes is None else classes[train]
    n = len(train)
    parts = k_folds(n, n if folds == "rows" else folds, classes=of_rows, rng=rng)
    return [Split(train[p.train], split.validation, train[p.test]) for p in parts]


def folds_of(fits: Sequence[Fit], splits: Sequence[Split]) -> Folds:
    """What these fits say of the rows that each was fitted without."""
    scores, fold = [], []
    order = np.argsort(np.concatenate([split.test for split in splits]))
    share = np.zeros((len(fits), len(fits[0].starts.score)))
    for f, (fit, split) in enumerate(zip(fits, splits, strict=True)):
        share[f, list(fit.members)] = 1 / len(fit.members)
        scores.append(_scores(fit, split.test))
        fold.append(np.full(len(split.test), f))
    return Folds(
        params=jax.tree.map(lambda *of: np.stack(of), *(f.starts.params for f in fits)),
        share=share,
        inputs=np.stack([np.stack(scaling(fit.inputs)) for fit in fits]),
        targets=np.stack([np.stack(scaling(fit.targets)) for fit in fits]),
        fold=np.concatenate(fold)[order],
        score=np.concatenate(scores)[order],
    )


def _scores(fit: Fit, rows: np.ndarray) -> np.ndarray:
    """|y - ŷ| of each output in the unit of y, of what is learnt in its place where
    that is a transform; of classes 1 - ŷ of the row's own.
    """
    found = outputs(*fit.committee, fit.examples.scaled()[0][rows])
    y, (mean, unit) = fit.examples.y[rows], scaling(fit.targets)
    if fit.targets[0].levels is None:
        scores = np.abs(forward(fit.targets, y) - (found * unit + mean))
    else:
        of_own = np.sum(probabilities(y) * probabilities(found), axis=1)
        scores = 1 - of_own[:, None]
    return np.where(np.isnan(scores), np.inf, scores)
