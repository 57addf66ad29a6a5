"""The exponentially weighted moving average of a series, and its weights."""

from typing import Any

import numpy as np

from nanonet.plot.answers import as_series
from nanonet.plot.style import (
    BLUE,
    GREY,
    VERMILLION,
    Axes,
    axes_or_new,
    count_on_x,
    legend,
)
from nanonet.rules.ewma import ewma_of, ewma_weights

_FEW = 200  # points that can be told apart


def average(x: Any, beta: float, *, ax: "Axes | None" = None) -> "Axes":
    """Draw x(1), x(2), ... with v(t), their EWMA, and v̂(t), its bias corrected.

    Source: pages 3 to 5 of the notes.

    >>> print(average([10.0, 12.0], 0.9).lines[1].get_ydata())  # v
    [1.  2.1]
    """
    x = as_series("x", x)
    v, v_hat = (ewma_of(x, beta, debias=debias) for debias in (False, True))
    ax = axes_or_new(ax)
    t = np.arange(1, len(x) + 1)
    ax.plot(t, x, ".", color=GREY, ms=5, alpha=0.6, label="x")
    ax.plot(t, v, "--", color=VERMILLION, lw=1.8, label="v")
    ax.plot(t, v_hat, "-", color=BLUE, lw=1.8, label="v̂ = v / (1-βᵗ)")
    ax.set(xlabel="t", ylabel="x, and its average", title=f"EWMA, β = {beta:g}")
    ax.margins(x=0.02)
    legend(ax)
    return ax


def average_weights(beta: float, time: int, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how much each of x(1), ..., x(t) counts in v(t), and in v̂(t).

    A line marks the x that is 1/(1-β) steps old, as far back as the average looks.

    Source: page 3 of the notes.

    >>> print(average_weights(0.5, 4).patches[0].get_data().values)
    [0.0625 0.125  0.25   0.5   ]
    """
    v, v_hat = (
        np.asarray(ewma_weights(beta, time, debias)) for debias in (False, True)
    )
    ax = axes_or_new(ax)
    few, steps = time <= _FEW, np.arange(1, time + 1)
    label = f"in v({time}): sum {v.sum():.3g}"
    if few:
        edges = np.arange(time + 1) + 0.5
        ax.stairs(v, edges, fill=True, color=VERMILLION, label=label)
    else:  # where no bar can be told from the next, each would take a while
        ax.fill_between(steps, v, lw=0, color=VERMILLION, label=label)
    label = f"in v̂({time}): sum {v_hat.sum():.3g}"
    ax.plot(steps, v_hat, "o" if few else "-", color=BLUE, ms=4, label=label)
    age = 1 / (1 - beta)
    if 1 < age < time:
        ax.axvline(time - age, color=GREY, lw=0.8)
        ax.annotate(
            f"1/(1−β) = {age:.3g} steps old: \ncounts {beta**age:.2f} of the last ",
            (time - age, v.max()),
            ha="right",
            va="top",
            fontsize=9,
        )
    ax.set(
        xlabel="s, the step", ylabel="weight of x(s)", title=f"Weights, β = {beta:g}"
    )
    ax.set_ylim(bottom=0)
    count_on_x(ax)
    legend(ax)
    return ax
