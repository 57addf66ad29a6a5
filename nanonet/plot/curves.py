"""J and the norm of its gradient, step by step, for several runs."""

import textwrap
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from nanonet._internal.text import printable
from nanonet.plot.labels import name_ends
from nanonet.plot.style import Axes, Look, axes_or_new, looks
from nanonet.solve.result import History, Result

Runs = Mapping[str, Result] | Result


def losses(runs: Runs, *, ax: "Axes | None" = None) -> "Axes":
    """Draw J against the steps, on a logarithmic axis, a curve for each run.

    ``runs`` is a `Result`, or a dict of name → `Result`; the name of a rule in a name
    gives its curve the rule's color, and a `Result` alone has that of the rule that
    made it. A dot ends each curve, with the name beside it where all can be read, else
    there is a legend. Values that a logarithmic axis cannot show, those that are not
    positive or not finite, are left out.

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> result = minimize(lambda w: w**2, 1.0, gradient_descent(0.25), max_steps=2)
    >>> print(losses({"gradient descent": result}).lines[0].get_ydata())
    [1.     0.25   0.0625]
    """
    ax = draw_losses(runs, ax)
    name_ends(ax)
    return ax


def gradient_norms(runs: Runs, *, ax: "Axes | None" = None) -> "Axes":
    """Draw ‖∇J‖ against the steps; see `losses`.

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> result = minimize(lambda w: w**2, 1.0, gradient_descent(0.25), max_steps=2)
    >>> print(gradient_norms(result).lines[0].get_ydata())
    [2.  1.  0.5]
    """
    ax = _curves(runs, "gradient_norm", "‖∇J‖", ax)
    name_ends(ax)
    return ax


def draw_losses(runs: Runs, ax: "Axes | None") -> "Axes":
    """The curves of `losses`, without names."""
    return _curves(runs, "value", "J", ax)


def training(result: Result, *, title: str = "", ax: "Axes | None" = None) -> "Axes":
    """Draw J and ‖∇J‖ of one run; a dot marks the step whose parameters it returned.

    Both have the color of the rule, if the result knows it, and ‖∇J‖ is dashed.
    The title is shortened to fit; a $ in it begins no formula.

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> result = minimize(lambda w: w**2, 1.0, gradient_descent(0.25), max_steps=2)
    >>> print(*(line.get_label() for line in training(result).lines))
    J ‖∇J‖
    """
    (history,) = as_histories(result).values()
    J, value = np.asarray(history.value), np.asarray(result.value).item()
    steps = steps_of(history)
    curves = {"J": (steps, J), "‖∇J‖": (steps, history.gradient_norm)}
    kept = np.flatnonzero(value == J)[-1:].tolist()  # none, if J was never a number
    color = looks([result.rule or "J"])[result.rule or "J"].color
    drawn = {"J": Look(color, "-"), "‖∇J‖": Look(color, "--")}
    ax = _draw(curves, drawn, {"J": kept, "‖∇J‖": []}, "J and ‖∇J‖", ax)
    name_ends(ax)
    for i in kept:
        ax.annotate(
            f"J = {value:.3g}",
            (steps[i], value),
            xytext=(0, 8),
            textcoords="offset points",
            ha="right" if 2 * i > len(J) else "left",
        )
    short = textwrap.shorten(printable(title), 70, placeholder=" …")
    ax.set_title(short, parse_math=False)
    return ax


def plot_loss(result: Result, *, title: str) -> Any:
    """The figure of `training`, by its old name."""
    words = "plot_loss is now training, which returns axes."
    warnings.warn(words, DeprecationWarning, stacklevel=2)
    return training(result, title=title).figure


def as_histories(runs: Any) -> dict[str, History]:
    """The history of each run, or an error; a run alone is called after its rule."""
    if isinstance(runs, Result):
        (history,) = as_histories({"run": runs}).values()
        return {runs.rule or "run": history}
    if not isinstance(runs, Mapping):
        raise TypeError(
            f"runs must be a Result or a dict of name → Result, not {type(runs)}."
        )
    for name, run in runs.items():
        if not isinstance(run, Result):
            raise TypeError(f"runs[{name!r}] must be a Result, not {type(run)}.")
        if run.history is None:
            raise ValueError(
                f"runs[{name!r}] has no history: a picture of its steps needs a run of "
                "minimize(..., history=True)."
            )
        if np.ndim(run.history.value) != 1:
            raise ValueError(
                f"runs[{name!r}] is of many runs at once; take one of them, as in "
                "jax.tree.map(lambda leaf: leaf[0], result)."
            )
    if not runs:
        raise ValueError("runs is empty: there is nothing to draw.")
    return {str(name): run.history for name, run in runs.items()}


def steps_of(history: History) -> np.ndarray:
    """How many steps were taken before each point."""
    steps = range(len(history.value)) if history.steps is None else history.steps
    return np.asarray(steps)


def _curves(runs: Runs, field: str, label: str, ax: "Axes | None") -> "Axes":
    curves = {
        name: (steps_of(history), getattr(history, field))
        for name, history in as_histories(runs).items()
    }
    ends = {
        name: np.flatnonzero(_drawable(curve))[-1:].tolist()
        for name, (_, curve) in curves.items()
    }
    return _draw(curves, looks(curves), ends, label, ax)


def _draw(
    curves: Mapping[str, tuple[np.ndarray, Any]],
    drawn: Mapping[str, Look],
    dots: Mapping[str, list[int]],
    label: str,
    ax: "Axes | None",
) -> "Axes":
    ax = axes_or_new(ax)
    for name, look in drawn.items():
        steps, values = curves[name]
        y = np.where(_drawable(values), values, np.nan)
        at = {"marker": "o", "ms": 4, "markevery": dots[name]}
        ax.plot(steps, y, label=name, lw=1.6, **at, **look._asdict())
    ax.set_yscale("log")
    ax.set(xlabel="step", ylabel=f"{label}, logarithmic")
    ax.margins(x=0.02)
    return ax


def _drawable(values: Any) -> np.ndarray:
    """Which values a logarithmic axis can show."""
    values = np.asarray(values, float)
    return np.isfinite(values) & (values > 0)
