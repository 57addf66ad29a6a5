"""The learning curve: how good a fit is by the number of rows it learnt from."""

import numpy as np

from nanonet.fitting.more_rows import LearningCurve
from nanonet.plot.style import BLUE, GREY, ORANGE, Axes, axes_or_new, legend


def learning_curve(found: LearningCurve, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the errors of `nanonet.learning_curve` against the number of training rows.

    Of each the mean over the folds; the band is a standard deviation wide on either
    side.

    >>> rows, error = np.array([10, 20]), np.array([[2.0, 4.0], [1.0, 1.0]])
    >>> found = LearningCurve(rows, error, error, error, "RMSE")
    >>> print(learning_curve(found).lines[0].get_xydata())
    [[10.  3.]
     [20.  1.]]
    """
    ax = axes_or_new(ax)
    curves = {
        "network, left out": (found.network, ORANGE, "o-"),
        "network, learnt from": (found.train, BLUE, "o-"),
        "linear model, left out": (found.linear, GREY, "o--"),
    }
    for label, (errors, color, form) in curves.items():
        if np.isnan(errors).all():
            continue
        mean, deviation = errors.mean(1), errors.std(1)
        ax.plot(found.rows, mean, form, color=color, lw=1.6, ms=4, label=label)
        ends = mean - deviation, mean + deviation
        ax.fill_between(found.rows, *ends, color=color, alpha=0.12, lw=0)
    ax.set(xlabel="rows learnt from", ylabel=found.measure)
    legend(ax)
    return ax
