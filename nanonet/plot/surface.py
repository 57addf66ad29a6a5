"""What a network of two inputs answers everywhere, beside its data."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.checks import check_finite
from nanonet._internal.optional import require
from nanonet.network.network import Network
from nanonet.plot.style import (
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    axes_or_new,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GRID = 201
_CLASSES = [
    (VERMILLION, "o"), (BLUE, "s"), (GREEN, "^"), (PURPLE, "D"),
    (ORANGE, "v"), (SKY, "P"), (BROWN, "X"),
]  # fmt: skip


class Data(NamedTuple):
    """Examples to draw."""

    x: np.ndarray  # [n, 2]
    y: np.ndarray  # [n] numbers, or [n, classes]


def decision_surface(
    network: Network, params: PyTree, x: Any, y: Any, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw ŷ over the plane of the two inputs, and the examples on it.

    One output: the shade is ŷ; where every y is 0 or 1, a line is drawn at ŷ = ½ and
    the two classes have their own markers. Several outputs: the colour is that of the
    class of the largest ŷ, as in the examples.

    Args:
      network: of two inputs.
      params: its parameters.
      x: examples, shape [n, 2].
      y: targets, shape [n] or [n, 1], or one-hot of shape [n, classes].
      ax: where to draw; new axes by default.

    Raises:
      ValueError: the network has not two inputs, or x not two columns; x and y are
        not equally long; y has not the network's outputs; more than 7 classes; numbers
        that are not finite.
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).

    >>> from nanonet.network.layers import Layer
    >>> from nanonet.network.network import mlp
    >>> flat = (Layer(jnp.zeros((2, 1)), jnp.zeros(1)),)
    >>> ax = decision_surface(mlp([2, 1]), flat, jnp.eye(2), [0, 1])
    >>> print(ax.images[0].get_array().max())
    0.5
    """
    data = check_data(network, x, y)
    check_finite("params", params)
    ax = axes_or_new(ax, size=(5.4, 4.4))
    draw_surface(network, params, data, ax)
    return ax


def check_data(network: Network, x: Any, y: Any) -> Data:
    """Return the examples as arrays, or raise `ValueError`."""
    if network.architecture is not None and network.architecture.sizes[0] != 2:
        raise ValueError(
            f"network has {network.architecture.sizes[0]} inputs; a surface is drawn "
            "over two. Of more, draw predictions or confusion."
        )
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(
            f"x has shape {x.shape}; a surface is drawn over two inputs, [n, 2]."
        )
    if y.ndim not in (1, 2) or len(x) != len(y) or not len(x):
        raise ValueError(
            f"x of shape {x.shape} and y of shape {y.shape} must hold equally many "
            "examples, one or more."
        )
    check_finite("x", x)
    check_finite("y", y)
    if y.ndim == 2 and y.shape[1] > len(_CLASSES):
        raise ValueError(
            f"y has {y.shape[1]} classes; at most {len(_CLASSES)} can be told apart."
        )
    return Data(x, y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y)


def draw_surface(network: Network, params: PyTree, data: Data, ax: "Axes") -> None:
    """Draw the surface and the examples."""
    low, high = data.x.min(axis=0), data.x.max(axis=0)
    margin = 0.2 * np.where(high > low, high - low, 1.0)
    x1, x2 = np.linspace(low - margin, high + margin, _GRID).T
    X1, X2 = np.meshgrid(x1, x2)
    inputs = jnp.asarray(np.stack([X1.ravel(), X2.ravel()], axis=1))
    answers = np.asarray(_answers(network.apply, params, inputs), float)
    outputs = 1 if data.y.ndim == 1 else data.y.shape[1]
    if answers.size != outputs * len(inputs):
        raise ValueError(
            f"y has {outputs} columns and the network {answers.size // len(inputs)} "
            "outputs; they must be as many: classes are one-hot rows."
        )
    if outputs == 1:
        _draw_one_output(x1, x2, answers.reshape(X1.shape), data, ax)
    else:
        _draw_classes(x1, x2, answers.reshape(*X1.shape, outputs), data, ax)
    ax.grid(visible=False)
    ax.set(xlabel="x1", ylabel="x2", xlim=x1[[0, -1]], ylim=x2[[0, -1]])


@functools.partial(jax.jit, static_argnums=0)
def _answers(apply: Callable, params: PyTree, inputs: jax.Array) -> jax.Array:
    return jax.vmap(apply, (None, 0))(params, inputs)


def _draw_one_output(
    x1: np.ndarray, x2: np.ndarray, answers: np.ndarray, data: Data, ax: "Axes"
) -> None:
    binary = np.isin(data.y, [0, 1]).all()
    both = np.concatenate([answers.ravel(), data.y])
    low, high = (0.0, 1.0) if binary else (both.min(), both.max())
    scale = {"cmap": _pale_diverging(), "vmin": low, "vmax": high}
    mesh = ax.imshow(
        answers,
        extent=(x1[0], x1[-1], x2[0], x2[-1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
        **scale,
    )
    ax.figure.colorbar(mesh, ax=ax, label="ŷ")
    if not binary:
        ax.scatter(*data.x.T, c=data.y, s=36, edgecolors=BLACK, linewidths=0.8, **scale)
        return
    if answers.min() < 0.5 < answers.max():
        ax.contour(x1, x2, answers, [0.5], colors=BLACK, linewidths=1.5)
    for value, (color, marker) in zip((0, 1), _CLASSES, strict=False):
        _draw_examples(data.x[data.y == value], color, marker, f"y = {value}", ax)
    _legend_above(ax)


def _pale_diverging() -> Any:
    """From vermillion over white to blue, paler than the markers."""
    colors = require("matplotlib.colors", extra="plot")
    ends = [0.7 * np.array(colors.to_rgb(c)) + 0.3 for c in (VERMILLION, BLUE)]
    return colors.LinearSegmentedColormap.from_list(
        "pale", [ends[0], (1.0, 1.0, 1.0), ends[1]]
    )


def _draw_classes(
    x1: np.ndarray, x2: np.ndarray, answers: np.ndarray, data: Data, ax: "Axes"
) -> None:
    n = answers.shape[-1]
    winner, truth = answers.argmax(axis=-1), data.y.argmax(axis=-1)
    colors = [color for color, _ in _CLASSES[:n]]
    levels = np.arange(n + 1) - 0.5
    ax.contourf(x1, x2, winner, levels, colors=colors, alpha=0.3)
    for i, (color, marker) in enumerate(_CLASSES[:n]):
        _draw_examples(data.x[truth == i], color, marker, f"class {i + 1}", ax)
    _legend_above(ax)


def _draw_examples(
    x: np.ndarray, color: str, marker: str, label: str, ax: "Axes"
) -> None:
    ax.plot(*x.T, marker, color=color, mec="white", mew=0.8, ms=8, label=label)


def _legend_above(ax: "Axes") -> None:
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, fontsize=9
    )
