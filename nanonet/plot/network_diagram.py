"""The network as circles and lines: weights as width and colour, activations inside."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.checks import check_finite
from nanonet._internal.optional import require
from nanonet.network.layers import Layer
from nanonet.network.names import unit_names
from nanonet.network.network import Network, TwoTwoOne, layers_of
from nanonet.plot.style import NEGATIVE, POSITIVE, axes_or_new, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LARGEST_LAYER, _MOST_LAYERS = 12, 6  # of a layer, so many units are drawn
_FEW_WEIGHTS = 6  # between two layers: so many can be labelled
_FEW_UNITS = 4  # in a layer: their biases can be labelled
_RADIUS, _ACROSS, _DOWN = 0.3, 2.8, 1.35
_WIDEST_LINE = 6.0  # points, where layers are small

Position = tuple[float, float]


def diagram(
    network: Network,
    params: PyTree,
    x: Any = None,
    *,
    names: tuple[Sequence[str], Sequence[str]] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the network: a circle for each unit, a line for each weight.

    A line is the wider the larger |w|, blue where w > 0 and vermillion where w < 0.
    Weights and biases are written beside them where there is room, in `two_two_one`
    under the names of the notes. With an example x, each unit holds its activation.
    Of a layer of more than 12 units the first 12 are drawn.

    Args:
      network: of `mlp` or `two_two_one`.
      params: its parameters.
      x: one example, of shape [inputs].
      names: what the inputs and what the outputs stand for, to be written beside them.
      ax: where to draw; new axes by default.

    Raises:
      ValueError: a network that is not made of layers, or of more than 6 of them;
        parameters or x that are not finite, or not the network's.
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).

    Source: page 1 of the notes.

    >>> from nanonet.network.network import two_two_one
    >>> params = TwoTwoOne(w1=1, w2=-1, w3=1, w4=-1, w5=2, w6=2, b3=0, b4=1, b5=-3)
    >>> ax = diagram(two_two_one(), params, [0.0, 1.0])
    >>> print(ax.texts[-2].get_text())
    o1
    0.369
    """
    sizes = _check_size(network)
    check_finite("params", params)
    layers = layers_of(params)
    _check_layers(layers, sizes)
    outputs = None if x is None else _outputs(network, params, x)
    drawn = [min(size, _LARGEST_LAYER) for size in sizes]
    size = (1.9 * len(sizes) + 1.2 + 3 * bool(names), 1.2 + 0.75 * max(drawn))
    ax = axes_or_new(ax, size=size)
    places = _places(drawn)
    symbols = TwoTwoOne._fields if isinstance(params, TwoTwoOne) else None
    _draw_weights(layers, places, symbols, ax)
    _draw_units(layers, places, symbols, outputs, ax)
    right, top = _ACROSS * (len(sizes) - 1), _DOWN * (max(drawn) - 1) / 2
    _write_beside(sizes, places, names, ax)
    ax.set_axis_off()
    ax.set_aspect("equal")
    room, below = 3.8 if names else 0.8, _DOWN * (max(sizes) > max(drawn))
    ax.set(xlim=(-room, right + room), ylim=(-top - 0.75 - below, top + 0.75))
    return ax


def _check_size(network: Network) -> tuple[int, ...]:
    if network.architecture is None:
        raise ValueError(
            "network is not known to be made of layers; "
            "only networks of mlp and two_two_one can be drawn."
        )
    sizes = network.architecture.sizes
    if len(sizes) > _MOST_LAYERS:
        raise ValueError(
            f"network has {len(sizes)} layers, too many to draw: at most "
            f"{_MOST_LAYERS} can be read. Show the weights of a layer as an image "
            "instead: ax.imshow(params[0].w)."
        )
    return sizes


def _check_layers(layers: Sequence[Any], sizes: tuple[int, ...]) -> None:
    shapes = [np.shape(getattr(layer, "w", ())) for layer in layers]
    expected = list(itertools.pairwise(sizes))
    if shapes != expected:
        raise ValueError(
            f"params hold weights of shapes {shapes}; the network's are {expected}."
        )


def _outputs(network: Network, params: PyTree, x: Any) -> list[np.ndarray]:
    """What each unit gives out, layer by layer, the inputs first."""
    assert network.architecture is not None
    x, size = np.asarray(x, float), network.architecture.sizes[0]
    if x.shape != (size,):
        raise ValueError(
            f"x has shape {x.shape}; one example of this network has shape ({size},)."
        )
    check_finite("x", x)
    steps = network.trace(jax.tree.map(jnp.asarray, params), jnp.asarray(x))
    return [x, *(np.asarray(out, float) for _, out in steps)]


def _places(sizes: Sequence[int]) -> list[list[Position]]:
    """The centre of each unit: layers from left to right, units from top to bottom."""
    return [
        [(_ACROSS * i, _DOWN * ((size - 1) / 2 - unit)) for unit in range(size)]
        for i, size in enumerate(sizes)
    ]


def _draw_weights(
    layers: Sequence[Layer],
    places: list[list[Position]],
    names: Sequence[str] | None,
    ax: "Axes",
) -> None:
    largest = max(float(np.abs(layer.w).max()) for layer in layers) or 1.0
    widest = _WIDEST_LINE / max(1.0, max(map(len, places)) / _FEW_UNITS)
    labels = iter(names or ())
    for (sources, targets), layer in zip(
        itertools.pairwise(places), layers, strict=True
    ):
        w = np.asarray(layer.w, float)
        for (i, j), weight in np.ndenumerate(w[: len(sources), : len(targets)]):
            start, end = sources[i], targets[j]
            ax.plot(
                *zip(start, end, strict=True),
                color=_sign_color(weight),
                lw=max(0.4, widest * abs(weight) / largest),
                solid_capstyle="butt",
                alpha=0.75,
                zorder=1,
            )
            name = next(labels, "")
            if w.size <= _FEW_WEIGHTS:
                _label_weight(start, end, f"{name} = {weight:.3g}".lstrip(" ="), ax)


def _label_weight(start: Position, end: Position, text: str, ax: "Axes") -> None:
    """Write beside a line, a third of the way, where lines have not yet crossed."""
    (x0, y0), (x1, y1) = start, end
    angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    ax.text(
        x0 + 0.31 * (x1 - x0),
        y0 + 0.31 * (y1 - y0),
        text,
        ha="center",
        va="center",
        rotation=angle,
        rotation_mode="anchor",
        transform_rotates_text=True,
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85},
        zorder=2,
    )


def _draw_units(
    layers: Sequence[Layer],
    places: list[list[Position]],
    names: Sequence[str] | None,
    outputs: list[np.ndarray] | None,
    ax: "Axes",
) -> None:
    Circle = require("matplotlib.patches", extra="plot").Circle
    units = unit_names([len(layer_places) for layer_places in places])
    biases = [None, *(np.asarray(layer.b, float) for layer in layers)]
    bias_names = iter((names or ())[6:])
    for i, layer_places in enumerate(places):
        bias = biases[i]
        for unit, (x, y) in enumerate(layer_places):
            value = None if outputs is None else float(outputs[i][unit])
            ax.add_patch(
                Circle((x, y), _RADIUS, fc=_shade(value), ec="black", lw=1.2, zorder=3)
            )
            name = units[i][unit]
            inside = name if value is None else f"{name}\n{value:.3g}"
            ax.text(x, y, inside, ha="center", va="center", fontsize=8, zorder=4)
            if bias is not None and len(bias) <= _FEW_UNITS:
                label = f"{next(bias_names, 'b')} = {bias[unit]:.3g}"
                ax.text(
                    x,
                    y - _RADIUS - 0.05,
                    label,
                    ha="center",
                    va="top",
                    fontsize=8,
                    color=_sign_color(bias[unit]),
                    zorder=4,
                    bbox={
                        "boxstyle": "round,pad=0.1",
                        "fc": "white",
                        "ec": "none",
                        "alpha": 0.85,
                    },
                )


def _write_beside(
    sizes: Sequence[int],
    places: list[list[Position]],
    names: tuple[Sequence[str], Sequence[str]] | None,
    ax: "Axes",
) -> None:
    """Write what inputs and outputs stand for, and how many units are not drawn."""
    for size, drawn in zip(sizes, places, strict=True):
        if size > len(drawn):
            x, y = drawn[-1]
            more = f"… {size - len(drawn):,} more"
            ax.text(x, y - _DOWN, more, ha="center", va="center", fontsize=8)
    for layer, side, words in zip((0, -1), (-1, 1), names or (), strict=False):
        for (x, y), word in zip(places[layer], words, strict=False):
            ax.text(
                x + side * (_RADIUS + 0.15),
                y,
                short_name(word),
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=9,
                parse_math=False,
            )


def _sign_color(number: float) -> str:
    return "black" if number == 0 else POSITIVE if number > 0 else NEGATIVE


def _shade(value: float | None) -> Any:
    """White for 0; towards blue for an activation near 1, vermillion near -1."""
    if value is None:
        return "white"
    to_rgb = require("matplotlib.colors", extra="plot").to_rgb
    color = np.array(to_rgb(POSITIVE if value > 0 else NEGATIVE))
    weight = 0.55 * min(abs(value), 1.0)
    return tuple(weight * color + (1 - weight))
