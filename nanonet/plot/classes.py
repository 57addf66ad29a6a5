"""How good the probabilities of classes are: ROC curves and reliability diagrams."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nanonet._internal.checks import check_finite
from nanonet.model.probabilities import calibration as calibrate
from nanonet.model.probabilities import roc_curve
from nanonet.plot.style import BLACK, Axes, axes_or_new, looks, short_name

#: Curves of more classes than that cannot be told apart.
MOST_CLASSES = 8


def roc(
    y: Any,
    probabilities: Any,
    *,
    classes: Sequence[Any] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the ROC curve of each class, one against the rest, and name its area, AUC.

    Of two classes it is that of the second; the other's is its mirror image. Draw rows
    that were held out: those that were learnt from look better than they are.

    Args:
      y: [n], the class of each row.
      probabilities: [n, classes], as `Fit.predict_probabilities` has them; or [n], of
        the second of two classes.
      classes: what the columns are of, in order; by default y's classes, sorted.
      ax: axes to draw on.

    Raises:
      ValueError: shapes that do not agree, a class that is unknown, a probability that
        is none, or rows of one class alone.

    >>> print(roc([0, 1, 0, 1], [0.1, 0.35, 0.4, 0.8]).lines[1].get_label())
    AUC 0.750
    """
    ax = axes_or_new(ax, size=(4.6, 4.4))
    ax.plot([0, 1], [0, 1], color=BLACK, lw=1, ls=":")
    drawn = 0
    for name, color, is_class, p in _each(y, probabilities, classes):
        if 0 < np.sum(is_class) < len(is_class):
            found = roc_curve(is_class, p)
            told = f"{name}: AUC {found.area:.3f}".removeprefix(": ")
            ax.plot(found.false, found.true, color=color, lw=1.6, label=told)
            drawn += 1
    if not drawn:
        raise ValueError("y holds one class; a ROC curve needs rows of others too.")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.legend(frameon=False, fontsize=9, loc="lower right")
    return ax


def calibration(
    y: Any,
    probabilities: Any,
    *,
    classes: Sequence[Any] | None = None,
    bins: int = 10,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how often what was called so probable was so: a reliability diagram.

    Rows are sorted into ``bins`` by their probability; each dot is one, with the
    interval in which its share lies by 95 %. Dots of honest probabilities lie about the
    diagonal. The legend has the expected calibration error, ECE, the mean distance from
    it. Arguments and errors: as `roc`.

    >>> ax = calibration(["a", "b", "b"], [0.1, 0.8, 0.9], bins=2)
    >>> print(ax.lines[1].get_xydata().round(2))
    [[0.1  0.  ]
     [0.85 1.  ]]
    """
    ax = axes_or_new(ax, size=(4.6, 4.4))
    ax.plot([0, 1], [0, 1], color=BLACK, lw=1)
    for name, color, is_class, p in _each(y, probabilities, classes):
        found = calibrate(is_class, p, bins)
        told = f"{name}: ECE {found.error:.3f}".removeprefix(": ")
        ax.plot(found.said, found.seen, "o-", ms=4, lw=1, color=color, label=told)
        ax.vlines(found.said, *found.interval(), color=color, alpha=0.35, lw=3)
    ax.set(xlabel="probability that was said", ylabel="share that was so")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    return ax


def _each(
    y: Any, probabilities: Any, classes: Sequence[Any] | None
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Name, color, rows and probabilities of each class that is drawn."""
    y, p = np.asarray(y), np.asarray(probabilities, float)
    names = list(np.unique(y)) if classes is None else list(classes)
    if y.ndim != 1 or not y.size:
        raise ValueError(f"y has shape {y.shape}; it must be a sequence of classes.")
    for name in np.unique(y):
        if name not in names:
            known = ", ".join(map(str, names))
            raise ValueError(f"y holds {name}, which is none of {known}.")
    if p.shape == (*y.shape,) and len(names) <= 2:
        p = np.stack([1 - p, p], axis=1)
        names = names if len(names) == 2 else [*names, "other"]
    if p.shape != (len(y), len(names)):
        raise ValueError(
            f"probabilities has shape {p.shape}; it must be [{len(y)}, {len(names)}], "
            f"a row for each y and a column for each class."
        )
    check_finite("probabilities", p)
    if np.any((p < 0) | (p > 1)):
        raise ValueError("probabilities must lie between 0 and 1.")
    if len(names) > MOST_CLASSES:
        raise ValueError(
            f"there are {len(names)} classes; curves of at most {MOST_CLASSES} can be "
            "told apart. Draw confusion instead."
        )
    shown = [short_name(str(name)) for name in names]
    colors = [look.color for look in looks(map(str, range(len(names)))).values()]
    if len(names) == 2:
        yield "", colors[0], y == names[1], p[:, 1]
        return
    for k, name in enumerate(names):
        yield shown[k], colors[k], y == name, p[:, k]
