"""The network as circles and lines: weights as width and color, activations inside."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.checks import check_finite
from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.names import LayerNames, layer_names, unit_names
from nanonet.network.network import Network
from nanonet.network.two_two_one import TwoTwoOne, layers_of
from nanonet.plot.style import NEGATIVE, POSITIVE, Axes, axes_or_new, short_name

_LARGEST_LAYER, _MOST_LAYERS = 12, 6  # of a layer, so many units are drawn
_FEW_WEIGHTS = 6  # between two layers: so many can be labelled
_FEW_UNITS = 4  # in a layer: their biases can be labelled
_RADIUS, _ACROSS, _DOWN = 0.36, 2.8, 1.35
_WIDEST_LINE = 6.0  # points, where layers are small
_BOX = {"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.85}

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
    under the names of the notes. With an example x, each unit holds what it gives, and
    above that, where there is room, its weighted sum z. Of a layer of more than 12
    units the first 12 are drawn. Weights that skip the hidden units are dashed arcs.

    Args:
      network: of `mlp` or `two_two_one`, of at most 6 layers.
      params: its parameters.
      x: one example, of shape [inputs].
      names: what the inputs and what the outputs stand for, to be written beside them.

    Source: page 1 of the notes.

    >>> from nanonet.network.network import two_two_one
    >>> params = TwoTwoOne(w1=1, w2=-1, w3=1, w4=-1, w5=2, w6=2, b3=0, b4=1, b5=-3)
    >>> ax = diagram(two_two_one(), params, [0.0, 1.0])
    >>> print(ax.texts[-2].get_text())
    o1
    z -0.538
    0.369
    """
    sizes = _check_size(network)
    check_finite("params", params)
    layers = layers_of(params)
    shapes = [np.shape(getattr(layer, "w", ())) for layer in layers]
    if shapes != list(itertools.pairwise(sizes)):
        raise ValueError(
            f"params hold weights of shapes {shapes}; the network's are "
            f"{list(itertools.pairwise(sizes))}."
        )
    inside = None if x is None else _inside(network, params, x)
    drawn = [min(size, _LARGEST_LAYER) for size in sizes]
    size = (1.9 * len(sizes) + 1.2 + 3 * bool(names), 1.2 + 0.75 * max(drawn))
    ax = axes_or_new(ax, size=size)
    # The center of each unit: layers from left to right, units from top to bottom.
    places = [
        [(_ACROSS * i, _DOWN * ((count - 1) / 2 - unit)) for unit in range(count)]
        for i, count in enumerate(drawn)
    ]
    symbols = layer_names(sizes, notes=True) if isinstance(params, TwoTwoOne) else None
    widest = _WIDEST_LINE / max(1.0, max(drawn) / _FEW_UNITS)
    weights = [float(np.abs(w).max()) for layer in layers for w in layer[:-1]]
    width = widest / (max(weights) or 1.0)
    for i, ends in enumerate(itertools.pairwise(places)):
        _draw_weights(layers[i], symbols[i] if symbols else None, ends, width, ax)
    if isinstance(layers[-1], SkipLayer):
        _draw_skips(layers[-1], (places[0], places[-1]), width, ax)
    roomy = max(sizes) <= _FEW_UNITS
    for i, units in enumerate(unit_names(drawn)):
        z, out = (None, None) if inside is None else inside[i]
        _draw_units(places[i], units, z if roomy else None, out, ax)
        if i and sizes[i] <= _FEW_UNITS:
            words = symbols[i - 1].b if symbols else ["b"] * sizes[i]
            _draw_biases(places[i], words, np.asarray(layers[i - 1].b, float), ax)
    _write_beside(sizes, places, names, ax)
    right, top = _ACROSS * (len(sizes) - 1), _DOWN * (max(drawn) - 1) / 2
    room, below = 3.8 if names else 0.8, _DOWN * (max(sizes) > max(drawn))
    ax.set_axis_off()
    ax.set_aspect("equal")
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


def _inside(
    network: Network, params: PyTree, x: Any
) -> list[tuple[np.ndarray | None, np.ndarray]]:
    """Z and what each unit gives, layer by layer; first the inputs, without a z."""
    assert network.architecture is not None
    x, size = np.asarray(x, float), network.architecture.sizes[0]
    if x.shape != (size,):
        raise ValueError(
            f"x has shape {x.shape}; one example of this network has shape ({size},)."
        )
    check_finite("x", x)
    steps = network.trace(jax.tree.map(jnp.asarray, params), jnp.asarray(x))
    return [(None, x), *((_doubles(z), _doubles(out)) for z, out in steps)]


def _draw_weights(
    layer: Layer | SkipLayer,
    names: LayerNames | None,
    ends: tuple[list[Position], list[Position]],
    width: float,
    ax: "Axes",
) -> None:
    """A line for each weight, ``width`` points wide for a weight of 1."""
    w, (sources, targets) = np.asarray(layer.w, float), ends
    for (i, j), weight in np.ndenumerate(w[: len(sources), : len(targets)]):
        (x0, y0), (x1, y1) = sources[i], targets[j]
        look = {"color": _sign_color(weight), "alpha": 0.75, "zorder": 1}
        look |= {"lw": max(0.4, width * abs(weight)), "solid_capstyle": "butt"}
        ax.plot([x0, x1], [y0, y1], **look)
        if w.size <= _FEW_WEIGHTS:
            # A third of the way, where lines have not yet crossed.
            x, y = x0 + 0.34 * (x1 - x0), y0 + 0.34 * (y1 - y0)
            angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
            look = {"rotation": angle, "rotation_mode": "anchor", "zorder": 2}
            look |= {"transform_rotates_text": True, "bbox": _BOX}
            name = f"{names.w[i, j]} = " if names else ""
            _write(ax, x, y, f"{name}{weight:.3g}", **look)


def _draw_skips(
    layer: SkipLayer,
    ends: tuple[list[Position], list[Position]],
    width: float,
    ax: "Axes",
) -> None:
    """A dashed arc from each input to each output, as wide as a line would be."""
    s, (sources, targets) = np.asarray(layer.s, float), ends
    for (i, j), weight in np.ndenumerate(s[: len(sources), : len(targets)]):
        look = {"color": _sign_color(weight), "alpha": 0.75, "ls": (0, (4, 2))}
        look |= {"lw": max(0.4, width * abs(weight)), "zorder": 1}
        look |= {"arrowstyle": "-", "connectionstyle": "arc3,rad=-0.15"}
        ax.annotate("", targets[j], sources[i], arrowprops=look)


def _draw_units(
    places: list[Position],
    names: Sequence[str],
    z: np.ndarray | None,
    out: np.ndarray | None,
    ax: "Axes",
) -> None:
    """A circle for each unit, with its name, its weighted sum and what it gives."""
    from matplotlib.patches import Circle

    for unit, (place, name) in enumerate(zip(places, names, strict=True)):
        value = None if out is None else float(out[unit])
        look = {"fc": _shade(value), "ec": "black", "lw": 1.2, "zorder": 3}
        ax.add_patch(Circle(place, _RADIUS, **look))
        lines = [str(name)]
        lines += [] if z is None else [f"z {_brief(float(z[unit]))}"]
        lines += [] if value is None else [_brief(value)]
        size = 7 if len(lines) == 3 else 8
        _write(ax, *place, "\n".join(lines), zorder=4, fontsize=size)


def _draw_biases(
    places: list[Position], names: Iterable[str], b: np.ndarray, ax: "Axes"
) -> None:
    for (x, y), name, bias in zip(places, names, b, strict=True):
        look = {"color": _sign_color(bias), "zorder": 4, "bbox": _BOX}
        _write(ax, x, y - _RADIUS - 0.05, f"{name} = {bias:.3g}", va="top", **look)


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
            _write(ax, x, y - _DOWN, f"… {size - len(drawn):,} more")
    for layer, side, words in zip((0, -1), (-1, 1), names or (), strict=False):
        look = {"ha": "left" if side > 0 else "right", "fontsize": 9}
        for (x, y), word in zip(places[layer], words, strict=False):
            x += side * (_RADIUS + 0.15)
            _write(ax, x, y, short_name(word), parse_math=False, **look)


def _write(ax: "Axes", x: float, y: float, text: str, **look: Any) -> None:
    ax.text(x, y, text, **({"ha": "center", "va": "center", "fontsize": 8} | look))


def _doubles(array: jax.Array) -> np.ndarray:
    return np.asarray(array, float)


def _brief(number: float) -> str:
    """Three digits, or as many as a circle has room for.

    >>> _brief(-0.5382), _brief(2.11e-5)
    ('-0.538', '2e-05')
    """
    shown = [f"{number:.{digits}g}" for digits in (3, 2, 1)]
    return next((text for text in shown if len(text) <= 6), shown[-1])


def _sign_color(number: float) -> str:
    return "black" if number == 0 else POSITIVE if number > 0 else NEGATIVE


def _shade(value: float | None) -> Any:
    """White for 0; towards blue for an activation near 1, vermillion near -1."""
    from matplotlib.colors import to_rgb

    value = value or 0.0
    color = np.array(to_rgb(_sign_color(value)))
    weight = 0.55 * min(abs(value), 1.0)
    return tuple(weight * color + (1 - weight))
