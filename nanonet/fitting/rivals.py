"""What a fit, a linear model and a constant say of rows that none of them has seen."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet.fitting.linear import logistic, ridge
from nanonet.fitting.robust import settled
from nanonet.model.conformal import of_folds, probabilities
from nanonet.model.rows import outputs
from nanonet.table.columns import decode
from nanonet.table.transforms import forward, inverse

if TYPE_CHECKING:
    from nanonet.fitting.fitted import Fit


class Answers(NamedTuple):
    """What each of the three says of rows that it was not fitted to."""

    y: Float[np.ndarray, "n outputs"]
    network: Float[np.ndarray, "n outputs"]
    linear: Float[np.ndarray, "n outputs"]
    baseline: Float[np.ndarray, "n outputs"]

    sigma: Float[np.ndarray, "n 1"]
    """The unit of a robust loss; else 1."""


def answers_of(fit: "Fit", rows: np.ndarray) -> Answers:
    """Of these rows, which the fit did not learn from."""
    # Of all rows, as for `Fit.scores`: of others a program would have to be compiled.
    found = outputs(*fit.committee, fit.examples.scaled()[0])[rows]
    found = found if fit.classes is not None else decode(fit.targets, found)
    return _answers(fit, fit.split.train, rows, found)


def answers_of_folds(fit: "Fit") -> Iterator[Answers]:
    """Of each fold's rows, by the network that was fitted without them."""
    assert fit.folds is not None
    train, fold = fit.split.train, np.asarray(fit.folds.fold)
    found = of_folds(fit.network, fit.folds, fit.examples.x[train])
    found = inverse(fit.targets, found)
    for f in range(found.shape[1]):
        left_out = fold == f
        rows = train[left_out]
        yield _answers(fit, train[~left_out], rows, found[left_out, f])


def _answers(
    fit: "Fit",
    train: np.ndarray,
    rows: np.ndarray,
    network: Float[np.ndarray, "n outputs"],
) -> Answers:
    """``network``: what it says, in the unit of y; of classes its outputs."""
    table = fit.examples._replace(sample_weight=fit.own_weights)
    table = table.scaled_by(train, fit.network, fit.loss)
    x, y, s = table.scaled()
    sigma = np.full((len(rows), 1), 1.0 if fit.robust is None else fit.robust.sigma)
    if fit.classes is None:
        answers = decode(
            table.targets, _linear(fit, x[train], y[train], s[train], x[rows])
        )
        constant = _repeat(best_constant(fit, train), rows)
        return Answers(table.y[rows], network, answers, constant, sigma)
    y, network = probabilities(table.y), probabilities(network)
    constant = np.average(y[train], axis=0, weights=s[train])
    answers = np.full(network.shape, np.nan)
    with contextlib.suppress(ValueError):  # there are too many columns or classes
        answers = logistic(x[train], y[train], s[train], x[rows])
    return Answers(y[rows], network, answers, _repeat(constant, rows), sigma)


def _linear(
    fit: "Fit", x: np.ndarray, y: np.ndarray, s: np.ndarray, at: np.ndarray
) -> Float[np.ndarray, "n outputs"]:
    """Ridge regression, by the same loss.

    Of a robust one the penalty is that of Student's distribution: to the evidence of
    Huber's weights a gross outlier is as much noise as its size is.
    """
    if fit.robust is None:
        return ridge(x, y, s, at)
    target, loss = y[:, 0], fit.robust.loss
    by = s * settled("student_t", target, s, lambda w: ridge(x, y, w, x)[:, 0])
    w = settled(loss, target, s, lambda w: ridge(x, y, w, x, by=by)[:, 0])
    return ridge(x, y, s * w, at, by=by)


def best_constant(fit: "Fit", train: np.ndarray) -> Float[np.ndarray, " outputs"]:
    """The mean of these rows; of a robust loss the constant for which it is least."""
    y, s = fit.examples.y[train], fit.own_weights[train]
    if fit.robust is None:
        return np.average(y, axis=0, weights=s)
    y = forward(fit.targets, y)

    def mean(w: np.ndarray) -> np.ndarray:
        return np.average(y, axis=0, weights=w)

    w = settled(fit.robust.loss, y[:, 0], s, lambda w: np.tile(mean(w), len(y)))
    return inverse(fit.targets, mean(s * w))


def _repeat(constant: np.ndarray, rows: np.ndarray) -> Float[np.ndarray, "n outputs"]:
    return np.tile(constant, (len(rows), 1))
