"""What a network predicts beside what is true."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nanonet.plot.arguments import as_series
from nanonet.plot.style import BLACK, BLUE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LARGEST_TABLE = 30


def predictions(y: Any, predicted: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw each ŷ against its y; what is predicted exactly lies on the line ŷ = y.

    Args:
      y: true values, shape [n] or [n, 1].
      predicted: ŷ, likewise.
      ax: where to draw; new axes by default.

    Raises:
      ValueError: y or ŷ are not finite, or not equally many.
      TypeError: y or ŷ are not numbers.
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).

    >>> print(predictions([1.0, 2.0], [1.5, 2.0]).lines[1].get_xydata())
    [[1.  1.5]
     [2.  2. ]]
    """
    y, predicted = _pairs(y, predicted)
    ax = axes_or_new(ax, size=(4.6, 4.4))
    low, high = min(y.min(), predicted.min()), max(y.max(), predicted.max())
    ax.axline(
        (low, low),
        (high, high or 1.0) if low == high else (high, high),
        color=BLACK,
        lw=1,
    )
    ax.plot(y, predicted, "o", color=BLUE, ms=5, alpha=0.5, mec="none")
    ax.set(xlabel="true, y", ylabel="predicted, ŷ")
    return ax


def residuals(y: Any, predicted: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw each residual ŷ - y against ŷ; see `predictions`.

    Residuals of a good fit are noise about 0 that does not depend on ŷ.
    """
    y, predicted = _pairs(y, predicted)
    ax = axes_or_new(ax)
    ax.axhline(0.0, color=BLACK, lw=1)
    ax.plot(predicted, predicted - y, "o", color=BLUE, ms=5, alpha=0.5, mec="none")
    ax.set(xlabel="predicted, ŷ", ylabel="residual, ŷ - y")
    return ax


def confusion(
    y: Sequence[Any] | np.ndarray,
    predicted: Sequence[Any] | np.ndarray,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the confusion table: how often each class was taken for which.

    Rows are true classes, columns predicted ones; the number in each cell is a count,
    its shade the share of its row.

    Args:
      y: the true class of each example, text or numbers.
      predicted: the predicted class of each, likewise.
      ax: where to draw; new axes by default.

    Raises:
      ValueError: not equally many, none at all, or more than 30 classes.
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).

    >>> print(confusion(["a", "b", "b"], ["a", "b", "a"]).get_title())
    2 of 3 right (66.7%)
    """
    y, predicted = np.asarray(y), np.asarray(predicted)
    if y.shape != predicted.shape or y.ndim != 1 or not y.size:
        raise ValueError(
            f"y of shape {y.shape} and predicted of shape {predicted.shape} must be "
            "two lists of classes, equally long."
        )
    classes = np.unique(np.concatenate([y, predicted]))
    n = len(classes)
    if n > _LARGEST_TABLE:
        raise ValueError(
            f"y and predicted hold {n} classes; a table of at most {_LARGEST_TABLE} "
            "can be read. Draw numbers with predictions, or join rare classes first."
        )
    counts = np.zeros((n, n), int)
    np.add.at(
        counts, (np.searchsorted(classes, y), np.searchsorted(classes, predicted)), 1
    )
    return _table(counts, [str(name) for name in classes], ax)


def _table(counts: np.ndarray, names: list[str], ax: "Axes | None") -> "Axes":
    n = len(names)
    side = min(3.0 + 0.45 * n, 9.0)
    ax = axes_or_new(ax, size=(side + 0.6, side))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if share[row, column] > 0.5 else "black"
        ax.text(column, row, str(count), ha="center", va="center", color=color)
    ticks = range(n)
    ax.set_xticks(
        ticks,
        names,
        rotation=45 if max(map(len, names)) > 4 else 0,
        ha="right" if max(map(len, names)) > 4 else "center",
        rotation_mode="anchor",
        parse_math=False,
    )
    ax.set_yticks(ticks, names, parse_math=False)
    ax.grid(visible=False)
    right = np.trace(counts)
    ax.set(xlabel="predicted", ylabel="true")
    ax.set_title(f"{right} of {counts.sum()} right ({right / counts.sum():.1%})")
    return ax


def _pairs(y: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    y, predicted = as_series("y", y), as_series("predicted", predicted)
    if len(y) != len(predicted):
        raise ValueError(
            f"y holds {len(y)} numbers and predicted {len(predicted)}; each needs one."
        )
    return y, predicted
