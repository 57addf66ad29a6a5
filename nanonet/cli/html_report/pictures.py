"""The pictures of a report, drawn with matplotlib."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from nanonet._internal.text import printable
from nanonet.model.model import Model
from nanonet.network.layers import Layer
from nanonet.plot.style import BLUE, GREY, NEGATIVE, ORANGE, POSITIVE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAIN, HELD_OUT = BLUE, ORANGE

#: Units of a layer that are drawn; of a larger one, as many, and an ellipsis.
DRAWN = 12

#: Points that are drawn one by one; more are one image, for the size of the file.
MOST_POINTS = 2000

#: Characters of a name that are shown.
LONGEST_NAME = 28


def predicted_against_true(
    y: Float[np.ndarray, " n"],
    prediction: Float[np.ndarray, " n"],
    held_out: Bool[np.ndarray, " n"],
) -> "Axes":
    """One point per row; on the diagonal, where the prediction is right."""
    axes = _axes("true", "predicted")
    ends = min(y.min(), prediction.min()), max(y.max(), prediction.max())
    axes.plot(ends, ends, color=GREY, lw=1, zorder=0)
    _scatter(axes, y, prediction, held_out)
    return axes


def residuals(
    y: Float[np.ndarray, " n"],
    prediction: Float[np.ndarray, " n"],
    held_out: Bool[np.ndarray, " n"],
) -> "Axes":
    """What is left, against the prediction; no pattern should show."""
    axes = _axes("predicted", "true - predicted")
    axes.axhline(0, color=GREY, lw=1, zorder=0)
    _scatter(axes, prediction, y - prediction, held_out)
    return axes


def importances(names: list[str], means: np.ndarray, deviations: np.ndarray) -> "Axes":
    """One bar for each column, the most important on top."""
    height = 1.2 + 0.3 * len(names)
    axes = _axes("rise of the loss when shuffled", "", height=height)
    places = np.arange(len(names))
    axes.barh(places, means, xerr=deviations, color=TRAIN, ecolor=GREY, height=0.7)
    axes.set_yticks(places, [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first on top
    axes.axvline(0, color=GREY, lw=1)
    axes.grid(visible=False, axis="y")
    return axes


def network_diagram(model: Model) -> "Axes":
    """Units as circles, weights as lines, as wide as |w| and coloured by sign."""
    layers: tuple[Layer, ...] = model.params
    sizes = [len(layers[0].w), *(len(b) for _, b in layers)]
    names = _unit_names(model)
    axes = _axes("", "", width=9, height=1 + 0.4 * min(max(sizes), DRAWN + 1))
    axes.axis("off")
    places = [_places(size) for size in sizes]
    for i, (w, _) in enumerate(layers):
        _draw_weights(axes, i, np.asarray(w), places[i], places[i + 1])
    for i, heights in enumerate(places):
        axes.scatter([i] * len(heights), heights, 180, "white", edgecolors="#222")
        if len(heights) < sizes[i]:
            text = f"… {sizes[i] - len(heights):,} more"
            axes.text(i, min(heights) - 0.9, text, ha="center", va="center")
    for name, height in zip(names[0], places[0], strict=False):
        _write(axes, -0.08, height, name, "right")
    for name, height in zip(names[1], places[-1], strict=False):
        _write(axes, len(layers) + 0.08, height, name, "left")
    axes.margins(x=0.35, y=0.1)
    return axes


def _unit_names(model: Model) -> tuple[list[str], list[str]]:
    """What the inputs and the outputs stand for."""
    inputs = [
        column.name if level is None else f"{column.name} = {level}"
        for column in model.inputs
        for level in column.levels or [None]
    ]
    targets = model.targets
    return inputs, list(targets[0].levels or [column.name for column in targets])


def _places(size: int) -> list[float]:
    """Heights of the units that are drawn, from top to bottom, around 0."""
    drawn = min(size, DRAWN)
    return [(drawn - 1) / 2 - i for i in range(drawn)]


def _draw_weights(
    axes: "Axes",
    layer: int,
    w: Float[np.ndarray, "n_in n_out"],
    begin: list[float],
    end: list[float],
) -> None:
    largest = np.abs(w).max() or 1.0
    for (i, a), (j, b) in itertools.product(enumerate(begin), enumerate(end)):
        share = float(np.abs(w[i, j]) / largest)
        color = POSITIVE if w[i, j] > 0 else NEGATIVE
        axes.plot(
            [layer, layer + 1],
            [a, b],
            color=color,
            lw=0.2 + 2.8 * share,
            alpha=0.25 + 0.6 * share,
            zorder=0,
        )


def _scatter(axes: "Axes", x: Any, y: Any, held_out: np.ndarray) -> None:
    size = float(np.clip(4000 / len(x), 4, 25))
    for rows, color, label in [
        (~held_out, TRAIN, "train"),
        (held_out, HELD_OUT, "held out"),
    ]:
        axes.scatter(
            x[rows],
            y[rows],
            size,
            color,
            alpha=0.6,
            lw=0,
            label=label,
            rasterized=len(x) > MOST_POINTS,
        )
    axes.figure.legend(loc="outside lower center", ncols=2, frameon=False)


def _axes(x: str, y: str, *, width: float = 5.5, height: float = 4.5) -> "Axes":
    axes = axes_or_new(None, size=(width, height))
    axes.set(xlabel=x, ylabel=y)
    return axes


def _write(axes: "Axes", x: float, y: float, name: str, side: str) -> None:
    axes.text(x, y, _short(name), ha=side, va="center")


def _short(name: str) -> str:
    """A name in one line that leaves room for the picture, and is no formula."""
    name = " ".join(printable(name).split())
    shown = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    return shown.replace("$", r"\$")
