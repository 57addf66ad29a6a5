"""The name of each curve written at its end, in place of a legend."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from nanonet.plot.style import Axes, any_letters, figure_of, legend

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

_MOST = 6
_GAP = 6  # points between a curve's end and its name
_EDGE = 0.93  # of the axes' width; names of curves that end beyond are in the margin
_FARTHEST = 1.3  # heights of a line of text, which a name may be off its curve's end


def name_ends(ax: "Axes") -> None:
    """Write each curve's name at its end, or make a legend where that cannot be read.

    Names in the right margin move apart, up and down, so that none hides another.
    There is a legend instead if there are many curves, if a name would be far from the
    end of its curve, or if it would hide another curve or name. A curve alone needs no
    name.

    >>> from nanonet.plot.style import axes_or_new
    >>> ax = axes_or_new(None)
    >>> for name, end in ("up", 1.0), ("down", -1.0):
    ...     line = ax.plot([0.0, 1.0], [0.0, end], label=name)
    >>> name_ends(ax)
    >>> [text.get_text() for text in ax.texts]
    ['up', 'down']
    """
    named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    if len(named) < 2:
        return
    texts = [] if len(named) > _MOST else _write(ax, named)
    if not texts or _crowded(ax, texts):
        for text in texts:
            text.remove()
        legend(ax)
    # Once more when it is drawn, in the scale that it then has.
    ax.autoscale(None)  # type: ignore[arg-type]


def _write(ax: "Axes", lines: "list[Line2D]") -> list[Any]:
    """Each name beside its curve's end; none, if one is far off or has no end."""
    ends = [_points(line)[-1:] for line in lines]
    if not all(map(len, ends)):
        return []
    ends = np.concatenate(ends)
    ax.autoscale_view()  # else matplotlib puts it off until it draws
    x, y = ax.transData.transform(ends).T
    in_margin = x > ax.bbox.x0 + _EDGE * ax.bbox.width
    pixels = ax.figure.dpi / 72  # in a point
    height = 1.25 * 9 * pixels
    shift = np.zeros(len(ends))
    shift[in_margin] = spread(y[in_margin], height) - y[in_margin]
    if np.abs(shift).max() > _FARTHEST * height:
        return []
    return [
        ax.annotate(
            str(line.get_label()),
            end,
            xytext=(_GAP, up / pixels),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
            fontsize=9,
            annotation_clip=False,
            parse_math=False,
        )
        for line, end, up in zip(lines, ends.tolist(), shift.tolist(), strict=True)
    ]


def spread(y: Float[np.ndarray, " n"], gap: float) -> Float[np.ndarray, " n"]:
    """The places nearest to ``y``, in the same order, that are ``gap`` apart or more.

    By least squares: less i·gap, the i-th place from below may not fall, so it is the
    mean of those that it would have to pass (Ayer et al., "An empirical distribution
    function for sampling with incomplete information", 1955).

    >>> print(spread(np.array([5.0, 0.0, 0.0]), 2.0))
    [ 5. -1.  1.]
    """
    order = np.argsort(y, kind="stable")
    steps = gap * np.arange(len(y))
    pools: list[list[float]] = []
    for value in (y[order] - steps).tolist():
        pool = [value]
        while pools and np.mean(pools[-1]) >= np.mean(pool):
            pool = pools.pop() + pool
        pools.append(pool)
    places = np.empty(len(y))
    places[order] = steps + [np.mean(pool) for pool in pools for _ in pool]
    return places


def _crowded(ax: "Axes", texts: list[Any]) -> bool:
    """Whether a name lies on a curve or on another name."""
    with any_letters():
        figure_of(ax).draw_without_rendering()  # makes room for the names
        boxes = [text.get_window_extent() for text in texts]
    if any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]):
        return True
    curves = [line.get_path().transformed(line.get_transform()) for line in ax.lines]
    inside = [box for box in boxes if box.x0 < ax.bbox.x1]
    return any(
        curve.intersects_bbox(box, filled=False) for box in inside for curve in curves
    )


def _points(line: "Line2D") -> np.ndarray:
    """Where the curve goes, the places left out at which it is broken."""
    points = np.asarray(line.get_xydata(), float)
    return points[np.isfinite(points).all(axis=1)]
