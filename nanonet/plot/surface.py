"""What a network of two inputs answers everywhere, beside its data."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.checks import check_finite
from nanonet.model.rows import outputs
from nanonet.network.network import Network
from nanonet.objectives.data import check_data, targets_like
from nanonet.plot.plane import grid
from nanonet.plot.style import (
    ABOVE,
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Axes,
    axes_or_new,
    figure_of,
    legend,
)

_GRID = 201
_CLASSES = [
    (VERMILLION, "o"), (BLUE, "s"), (GREEN, "^"), (PURPLE, "D"),
    (ORANGE, "v"), (SKY, "P"), (BROWN, "X"),
]  # fmt: skip


def decision_surface(
    network: Network, params: PyTree, x: Any, y: Any, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw ŷ over the plane of the two inputs, and the examples on it.

    One output: the shade is ŷ; where every y is 0 or 1, a line is drawn at ŷ = ½ and
    the two classes have their own markers. Several outputs: the color is that of the
    class of the largest ŷ, as in the examples.

    Args:
      network: of two inputs.
      params: its parameters.
      x: examples, shape [n, 2].
      y: targets, shape [n] or [n, 1], or one-hot of shape [n, classes], at most 7.

    >>> from nanonet.network.layers import Layer
    >>> from nanonet.network.network import mlp
    >>> flat = (Layer(np.zeros((2, 1)), np.zeros(1)),)
    >>> ax = decision_surface(mlp([2, 1]), flat, np.eye(2), [0, 1])
    >>> print(ax.images[0].get_array().max())
    0.5
    """
    x, y = check_data(network, x, y)
    if x.shape[1:] != (2,):
        raise ValueError(
            f"x has shape {x.shape}; a surface is drawn over two inputs, [n, 2]. Of "
            "more, draw predictions or confusion."
        )
    for argument, tree in {"params": params, "x": x, "y": y}.items():
        check_finite(argument, tree)
    x = np.asarray(x)
    y = np.asarray(targets_like(jnp.asarray(outputs(network, params, x)), y))
    if y.shape[1] > len(_CLASSES):
        raise ValueError(
            f"y has {y.shape[1]} classes; at most {len(_CLASSES)} can be told apart."
        )
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.2 * np.where(high > low, high - low, 1.0)
    x1, x2, points = grid(np.stack([low - margin, high + margin], axis=1), _GRID)
    heights = outputs(network, params, points).reshape(_GRID, _GRID, -1)
    ax, classes = axes_or_new(ax, size=(5.4, 4.4)), y.shape[1]
    if classes > 1:
        colors = [color for color, _ in _CLASSES[:classes]]
        levels = np.arange(classes + 1) - 0.5
        ax.contourf(x1, x2, heights.argmax(-1), levels, colors=colors, alpha=0.3)
        names = [f"class {i + 1}" for i in range(classes)]
        _draw_examples(x, y.argmax(axis=1), names, ax)
    elif np.isin(y, [0, 1]).all():
        _draw_shades(x1, x2, heights[..., 0], 0.0, 1.0, ax)
        if heights.min() < 0.5 < heights.max():
            contour = {"colors": BLACK, "linewidths": 1.5}
            ax.contour(x1, x2, heights[..., 0], [0.5], **contour)
        _draw_examples(x, y[:, 0], ["y = 0", "y = 1"], ax)
    else:
        low, high = min(heights.min(), y.min()), max(heights.max(), y.max())
        scale = _draw_shades(x1, x2, heights[..., 0], low, high, ax)
        ax.scatter(*x.T, c=y, s=36, edgecolors=BLACK, linewidths=0.8, **scale)
    ax.grid(visible=False)
    ax.set(xlabel="x1", ylabel="x2", xlim=x1[[0, -1]], ylim=x2[[0, -1]])
    return ax


def _draw_shades(
    x1: np.ndarray, x2: np.ndarray, y: np.ndarray, low: float, high: float, ax: "Axes"
) -> dict[str, Any]:
    """ŷ from vermillion over white to blue, paler than the markers; returns how."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    colors = np.array([to_rgb(color) for color in (VERMILLION, "white", BLUE)])
    pale = LinearSegmentedColormap.from_list("pale", (0.7 * colors + 0.3).tolist())
    scale = {"cmap": pale, "vmin": low, "vmax": high}
    place = {"extent": (x1[0], x1[-1], x2[0], x2[-1]), "origin": "lower"}
    image = ax.imshow(y, aspect="auto", interpolation="bilinear", **place, **scale)
    figure_of(ax).colorbar(image, ax=ax, label="ŷ")
    return scale


def _draw_examples(
    x: np.ndarray, which: np.ndarray, names: list[str], ax: "Axes"
) -> None:
    look = {"mec": "white", "mew": 0.8, "ms": 8}
    for i, (name, (color, marker)) in enumerate(zip(names, _CLASSES, strict=False)):
        ax.plot(*x[which == i].T, marker, color=color, label=name, **look)
    legend(ax, ncols=4, **ABOVE)
