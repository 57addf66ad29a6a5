"""J and the norm of its gradient, step by step, for several runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nanonet.plot.arguments import as_runs
from nanonet.plot.style import axes_or_new, legend, looks
from nanonet.solve.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def losses(runs: Mapping[str, Result] | Result, *, ax: "Axes | None" = None) -> "Axes":
    """Draw J against the steps, on a logarithmic axis, a curve for each run.

    A dot ends each curve. Values that a logarithmic axis cannot show, those that are
    not positive or not finite, are left out.

    Args:
      runs: a `Result`, or a dict of name → `Result`; the name of a rule in a name gives
        its curve the rule's colour.
      ax: where to draw; new axes by default.

    Raises:
      TypeError: ``runs`` are no results.
      ValueError: there is no run.
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> result = minimize(lambda w: w**2, 1.0, gradient_descent(0.25), max_steps=2)
    >>> print(losses({"gradient descent": result}).lines[0].get_ydata())
    [1.     0.25   0.0625]
    """
    return _curves(runs, "value", "J", ax)


def gradient_norms(
    runs: Mapping[str, Result] | Result, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw ‖∇J‖ against the steps; see `losses`."""
    return _curves(runs, "gradient_norm", "‖∇J‖", ax)


def _curves(
    runs: Mapping[str, Result] | Result, field: str, label: str, ax: "Axes | None"
) -> "Axes":
    runs = as_runs(runs)
    ax = axes_or_new(ax)
    for name, look in looks(runs).items():
        values = np.asarray(getattr(runs[name].history, field), float)
        drawable = np.isfinite(values) & (values > 0)
        values = np.where(drawable, values, np.nan)
        ends = np.flatnonzero(drawable)[-1:].tolist()
        ax.plot(
            values,
            label=name,
            lw=1.6,
            marker="o",
            ms=4,
            markevery=ends,
            **look._asdict(),
        )
    ax.set_yscale("log")
    ax.set(xlabel="step", ylabel=f"{label}, logarithmic")
    ax.margins(x=0.02)
    legend(ax)
    return ax
