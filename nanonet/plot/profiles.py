"""The prediction profiler as a picture: each input's effect, with how sure it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nanonet._internal.checks import check_count
from nanonet._internal.optional import require
from nanonet.fitting.fitted import Fit
from nanonet.fitting.profile import Profile, profiles_of
from nanonet.plot.style import (
    BLACK,
    BLUE,
    STYLE,
    Axes,
    looks,
    short_name,
)
from nanonet.table.columns import told


def profile(
    found: Fit,
    *,
    held: Mapping[str, Any] | None = None,
    level: float = 0.95,
    most: int = 12,
) -> tuple["Axes", ...]:
    """Draw what is predicted for the values of each column, the others held.

    The dark band holds the mean of y with probability ``level``, the pale one a new y
    (see `Fit.predict_interval`); of classes there is the probability of each. The
    columns by which the prediction moves most come first. A dashed line is where a
    column stays while the others change: at ``held``, by name, else at the median or
    the most frequent category.

    Args:
      found: of one target.
      held: values of columns, such as ``{"age": 40}``.
      level: of the bands.
      most: how many columns to draw.

    Raises:
      ValueError: there are several targets, or ``held`` does not fit the table.

    >>> import jax
    >>> from nanonet.fitting.fit import fit
    >>> from nanonet.network.network import mlp
    >>> x = np.random.default_rng(0).uniform(size=(60, 2))
    >>> found = fit(mlp([2, 2, 1], "tanh", "identity"), x, x[:, 1] ** 2, starts=1,
    ...             key=jax.random.key(0))
    >>> print(*(ax.get_xlabel() for ax in profile(found)))
    x2 x1
    """
    most = check_count("most", most, at_least=1)
    profiles = sorted(profiles_of(found, held, level), key=lambda of: -of.effect)
    profiles = profiles[:most]
    across = min(len(profiles), 4)
    down = -(-len(profiles) // across)
    matplotlib = require("matplotlib", extra="plot")
    from matplotlib.figure import Figure

    from nanonet.plot.canvas import Picture, Pictures

    with matplotlib.rc_context(STYLE):
        size = (1.2 + 2.3 * across, 0.6 + 2.1 * down)
        figure = Figure(figsize=size, layout="constrained")
        drawn: list[Any] = []
        for i in range(len(profiles)):
            first = drawn[0] if drawn else None
            place = (down, across, i + 1)
            drawn.append(figure.add_subplot(*place, sharey=first, axes_class=Picture))
    for i, (ax, of) in enumerate(zip(drawn, profiles, strict=True)):
        _draw(of, found, ax)
        if i % across:
            ax.tick_params(labelleft=False)
        else:
            what = found.targets[0].name if found.classes is None else "probability"
            ax.set_ylabel(short_name(what), parse_math=False)
    handles, labels = drawn[0].get_legend_handles_labels()
    if len(handles) > 1:
        place = {"loc": "outside upper left", "ncols": min(len(handles), 6)}
        figure.legend(handles, labels, frameon=False, fontsize=9, **place)
    return Pictures(drawn)


def _draw(profile: Profile, found: Fit, ax: Any) -> None:
    column, at = profile.column, profile.at
    names = ["predicted, ŷ"]
    if found.classes is not None:
        names = [short_name(str(name)) for name in found.classes]
    colors = [look.color for look in looks(names).values()]
    if found.classes is None:
        colors = [BLUE]
        _bands(profile, ax)
    elif len(names) == 2:
        names, colors = names[1:], colors[1:]
    values = profile.prediction[:, -len(names) :].T
    form = "-" if column.levels is None else "o"
    for name, color, curve in zip(names, colors, values, strict=True):
        ax.plot(at, curve, form, color=color, lw=1.6, ms=5, label=name)
    ax.axvline(profile.held, color=BLACK, lw=0.8, ls=(0, (4, 3)))
    if column.levels is not None:
        levels = [short_name(told(level)) for level in column.levels]
        slope = {"rotation": 30, "ha": "right"} if sum(map(len, levels)) > 16 else {}
        ax.set_xticks(at, levels, parse_math=False, **slope)
        ax.set_xlim(-0.6, len(at) - 0.4)
    ax.set_xlabel(short_name(column.name), parse_math=False)


def _bands(profile: Profile, ax: Any) -> None:
    """Both bands, or of categories a bar for each, the pale one below."""
    shown = {"a new y": (profile.new, 0.15, 9), "its mean": (profile.mean, 0.4, 5)}
    for label, (ends, alpha, width) in shown.items():
        if ends is None or not np.isfinite(ends).all():
            continue
        look: dict[str, Any] = {"color": BLUE, "alpha": alpha, "label": label}
        if profile.column.levels is None:
            ax.fill_between(profile.at, *ends, lw=0, **look)
        else:
            ax.vlines(profile.at, *ends, lw=width, **look)
