"""The picture that the command line writes."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from nanonet._internal.optional import require
from nanonet.solve.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_loss(result: Result, *, title: str) -> "Figure":
    """Draw J and ‖∇J‖ against the steps of a run, on a logarithmic axis.

    A dot marks the step whose parameters the run returned.

    Raises:
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).
    """
    figure = require("matplotlib.figure", extra="plot").Figure(
        figsize=(7, 4.5), layout="constrained"
    )
    axes = figure.add_subplot()
    J, gradient_norm = result.history.value, result.history.gradient_norm
    axes.semilogy(gradient_norm, color="tab:orange", lw=1, label="‖∇J‖")
    axes.semilogy(J, color="tab:blue", lw=2, label="J")
    value = float(result.value)
    for kept in np.flatnonzero(value == J)[-1:]:  # none, if J was never a number
        axes.plot(kept, value, "o", color="tab:blue", clip_on=False)
        axes.annotate(
            f"J = {value:.3g}",
            (kept, value),
            xytext=(0, 8),
            textcoords="offset points",
            ha="right" if 2 * kept > len(J) else "left",
            color="tab:blue",
        )
    axes.set(xlabel="step", ylabel="J and ‖∇J‖, logarithmic")
    # What users named may hold a $, which is no formula.
    axes.set_title(textwrap.shorten(title, 70, placeholder=" …"), parse_math=False)
    axes.margins(x=0.02)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
