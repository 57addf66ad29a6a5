"""What a network predicts beside what is true, and which inputs it rests on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nanonet._internal.checks import check_finite
from nanonet.model.intervals import Interval
from nanonet.plot.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    Axes,
    axes_or_new,
    legend,
    short_name,
)

#: Classes of a table, bars of a histogram.
LARGEST_TABLE = 30
_MANY_POINTS = 2000


def predictions(
    y: Any,
    predicted: Any,
    *,
    held_out: Any = None,
    interval: Interval | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw each ŷ against its y; what is predicted exactly lies on the line ŷ = y.

    Both have shape [n] or [n, 1]. ``held_out``, [n], is true of rows that were not
    learnt from, which get a color of their own. ``interval``, of the same rows, is
    drawn as a bar of each; the title says how many of the y they hold.

    >>> print(predictions([1.0, 2.0], [1.5, 2.0]).lines[1].get_xydata())
    [[1.  1.5]
     [2.  2. ]]
    """
    y, predicted = _pairs(y, predicted)
    ax = axes_or_new(ax, size=(4.6, 4.4))
    low, high = min(y.min(), predicted.min()), max(y.max(), predicted.max())
    ax.axline((low, low), slope=1, color=BLACK, lw=1)
    if interval is not None:
        ends = _bars(y, interval, ax)
        low, high = min(low, *ends), max(high, *ends)
    margin = 0.05 * (high - low or 1.0)
    ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    _scatter(y, predicted, held_out, ax)
    ax.set(xlabel="true, y", ylabel="predicted, ŷ")
    return ax


def _bars(y: np.ndarray, interval: Interval, ax: "Axes") -> list[float]:
    """Draw bounds, those that miss y in another color; where they end."""
    lower, upper = (
        as_series("interval", of) for of in (interval.lower, interval.upper)
    )
    if not len(lower) == len(upper) == len(y):
        raise ValueError(f"interval is of {len(lower)} rows, but y has {len(y)}.")
    within = (lower <= y) & (y <= upper)
    for rows, color in ((within, GREY), (~within, VERMILLION)):
        ax.vlines(y[rows], lower[rows], upper[rows], color=color, lw=1, alpha=0.5)
    share = f"{within.sum():,} of {len(y):,} within ({within.mean():.1%})"
    ax.set_title(f"{share}, mean width {np.mean(upper - lower):.3g}")
    return [float(lower.min()), float(upper.max())]


def errors(
    y: Any, predicted: Any, *, held_out: Any = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw a histogram of the residuals ŷ - y; see `predictions`.

    The bars of the rows held out stand beside those of the rows learnt from, as shares
    of each; what is right is at 0.

    >>> ax = errors([1.0, 2.0, 3.0], [1.5, 2.0, 3.5])
    >>> print(sum(bar.get_height() for bar in ax.patches).round(6))
    100.0
    """
    y, predicted = _pairs(y, predicted)
    ax, error = axes_or_new(ax), predicted - y
    parts = _parts(len(y), held_out)
    edges = np.histogram_bin_edges(error, bins="auto" if np.ptp(error) else 1)
    if len(edges) > LARGEST_TABLE:
        edges = np.histogram_bin_edges(error, bins=LARGEST_TABLE)
    width = np.diff(edges) / len(parts)
    for i, (label, (rows, color)) in enumerate(parts.items()):
        count, _ = np.histogram(error[rows], edges)
        height = 100 * count / max(rows.sum(), 1)
        left = edges[:-1] + i * width
        ax.bar(left, height, 0.94 * width, align="edge", color=color, label=label)
    ax.axvline(0.0, color=BLACK, lw=1)
    ax.set(xlabel="residual, ŷ - y", ylabel="rows, %")
    legend(ax)
    return ax


def residuals(
    y: Any, predicted: Any, *, held_out: Any = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw each residual ŷ - y against ŷ; see `predictions`.

    Residuals of a good fit are noise about 0 that does not depend on ŷ.

    >>> print(residuals([1.0, 2.0], [1.5, 2.0]).lines[1].get_ydata())
    [0.5 0. ]
    """
    y, predicted = _pairs(y, predicted)
    ax = axes_or_new(ax)
    ax.axhline(0.0, color=BLACK, lw=1)
    _scatter(predicted, predicted - y, held_out, ax)
    ax.set(xlabel="predicted, ŷ", ylabel="residual, ŷ - y")
    return ax


def _pairs(y: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    y, predicted = as_series("y", y), as_series("predicted", predicted)
    if len(y) != len(predicted):
        raise ValueError(
            f"y holds {len(y)} numbers and predicted {len(predicted)}; each needs one."
        )
    return y, predicted


def _scatter(x: np.ndarray, y: np.ndarray, held_out: Any, ax: "Axes") -> None:
    look: dict[str, Any] = {"alpha": 0.5, "mec": "none"}
    look["ms"] = float(np.clip(60 / np.sqrt(len(x)), 2, 5))
    look["rasterized"] = len(x) > _MANY_POINTS  # for the size of a vector picture
    for label, (rows, color) in _parts(len(x), held_out).items():
        ax.plot(x[rows], y[rows], "o", color=color, label=label, **look)
    legend(ax)


def _parts(n: int, held_out: Any) -> dict[str, tuple[np.ndarray, str]]:
    """Rows and color of what was learnt from, and of what was held out."""
    if held_out is None:
        return {"": (np.full(n, True), BLUE)}
    held_out = np.asarray(held_out, bool)
    if held_out.shape != (n,):
        raise ValueError(
            f"held_out has shape {held_out.shape}; it must say true or false of each "
            f"of the {n} rows."
        )
    return {"learnt from": (~held_out, BLUE), "held out": (held_out, ORANGE)}


def importances(
    names: Sequence[str], mean: Any, deviation: Any, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw a bar for each column, the most important on top.

    ``mean`` is how much worse the loss gets where a column is shuffled, ``deviation``
    its standard deviation over the shuffles.

    >>> ax = importances(["width", "height"], [0.1, 0.7], [0.01, 0.02])
    >>> print(*(label.get_text() for label in ax.get_yticklabels()))
    height width
    """
    mean, deviation = as_series("mean", mean), as_series("deviation", deviation)
    n = len(names)
    if not n == len(mean) == len(deviation):
        raise ValueError(
            f"{n} names, {len(mean)} means and {len(deviation)} deviations must be "
            "equally many."
        )
    order: list[int] = np.argsort(-mean, kind="stable").tolist()
    ax = axes_or_new(ax, size=(5.5, 1.2 + 0.3 * n))
    bars = {"color": BLUE, "ecolor": GREY, "height": 0.7}
    ax.barh(np.arange(n), mean[order], xerr=deviation[order], **bars)
    ax.set_yticks(range(n), [short_name(names[i]) for i in order], parse_math=False)
    ax.set_ylim(n - 0.4, -0.6)  # the first on top
    ax.axvline(0, color=GREY, lw=1)
    ax.grid(visible=False, axis="y")
    ax.set(xlabel="how much worse the loss gets when shuffled")
    return ax


def confusion(
    y: Sequence[Any] | np.ndarray,
    predicted: Sequence[Any] | np.ndarray,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the confusion table: how often each class was taken for which.

    Rows are true classes, columns predicted ones, of text or numbers, at most 30; the
    number in each cell is a count, its shade the share of its row.

    >>> print(confusion(["a", "b", "b"], ["a", "b", "a"]).get_title())
    2 of 3 right (66.7%)
    """
    y, predicted = np.asarray(y), np.asarray(predicted)
    if y.shape != predicted.shape or y.ndim != 1 or not y.size:
        raise ValueError(
            f"y of shape {y.shape} and predicted of shape {predicted.shape} must be "
            "two lists of classes, equally long."
        )
    classes, found = np.unique(np.concatenate([y, predicted]), return_inverse=True)
    n = len(classes)
    if n > LARGEST_TABLE:
        raise ValueError(
            f"y and predicted hold {n} classes; a table of at most {LARGEST_TABLE} "
            "can be read. Draw numbers with predictions, or join rare classes first."
        )
    counts = np.zeros((n, n), int)
    np.add.at(counts, tuple(found.reshape(2, -1)), 1)
    side = min(3.0 + 0.45 * n, 9.0)
    ax = axes_or_new(ax, size=(side + 0.6, side))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if share[row, column] > 0.5 else "black"
        ax.text(column, row, str(count), ha="center", va="center", color=color)
    names = [str(name) for name in classes]
    turned = max(map(len, names)) > 4
    slope: dict[str, Any] = {"rotation": 45, "ha": "right"} if turned else {}
    ax.set_xticks(range(n), names, rotation_mode="anchor", parse_math=False, **slope)
    ax.set_yticks(range(n), names, parse_math=False)
    ax.grid(visible=False)
    right = np.trace(counts)
    ax.set(xlabel="predicted", ylabel="true")
    ax.set_title(f"{right} of {counts.sum()} right ({right / counts.sum():.1%})")
    return ax


def as_series(argument: str, values: Any) -> np.ndarray:
    """Finite numbers as a NumPy vector; `ValueError` or `TypeError` if they are not.

    >>> as_series("y", [[1.0], [2.0]]).shape
    (2,)
    """
    array = np.asarray(values)
    if array.dtype.kind in "OSUc":
        raise TypeError(f"{argument} must be real numbers, not {array.dtype}.")
    array = array.astype(float)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{argument} has shape {array.shape}; it must be a sequence of numbers."
        )
    check_finite(argument, array)
    return array
