"""The paths of several rules on the contours of J."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, PyTree

from nanonet._internal.checks import check_match
from nanonet.network.names import parameter_names
from nanonet.objectives.given import given
from nanonet.objectives.modes import ScalarFunction
from nanonet.plot.curves import Runs, as_histories
from nanonet.plot.plane import (
    Limits,
    Plane,
    coordinate_plane,
    grid,
    heights,
    paths_of,
    principal_plane,
)
from nanonet.plot.style import BLACK, Axes, axes_or_new, legend, looks
from nanonet.solve.result import History

_GRID = 101
_LEVELS = 14
_FEW_STEPS = 60


class Scene(NamedTuple):
    """What a picture of paths is drawn from: J on a grid in a plane, and the tracks."""

    plane: Plane
    a: Float[np.ndarray, " columns"]
    b: Float[np.ndarray, " rows"]
    J: Float[np.ndarray, "rows columns"]
    tracks: dict[str, np.ndarray]  # of each run, (a, b) of each point: [points, 2]
    minimum: Float[np.ndarray, "2"] | None  # where J is least, if that is known
    whole: bool  # whether these two are all the parameters there are


def paths(
    fun: Callable[..., Any],
    runs: Runs,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    plane: Plane | tuple[str, str] | None = None,
    limits: Limits | None = None,
    minimum: PyTree | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the path of each run on the contours of J.

    Of two parameters the picture is exact, and drawn to scale, so that steps down the
    gradient cross the contours at right angles. Of more, it shows a plane: J is that of
    the plane's own points, and each path is its shadow on the plane, so that J along
    the path is not what the contours say beside it. Contours are spaced evenly in the
    logarithm of J above its least value in the picture. A ring marks the start, a dot
    the end; paths drawn first are the widest, so that none hides another.

    Args:
      fun: J(params, *args), which the runs minimised.
      runs: a `Result` of ``minimize(..., keep_params=True)``, or a dict of
        name → `Result`.
      args: what ``fun`` is given after the parameters.
      has_aux: ``fun`` returns a pair, of which the first is J.
      plane: the names of two parameters, for the plane through the end of the first
        run in which they alone change; or a `Plane`; by default the two parameters
        there are, or the principal plane of all paths.
      limits: the ends of both axes; by default all points are in the picture.
      minimum: the parameters where J is least, to be marked by a star.

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> J = lambda theta: theta @ theta
    >>> rule = gradient_descent(0.25)
    >>> result = minimize(J, np.ones(2), rule, max_steps=2, keep_params=True)
    >>> print(paths(J, result).lines[0].get_xdata())
    [1.   0.5  0.25]
    """
    J = given(fun, args, has_aux=has_aux)
    scene = make_scene(J, as_histories(runs), plane, limits, minimum)
    ax = axes_or_new(ax, size=(6.8, height_of(scene)))
    draw_scene(scene, ax)
    return ax


def height_of(scene: Scene) -> float:
    """Of the whole picture in inches, for axes 4.6 wide; to scale if that is asked."""
    if not scene.whole:
        return 4.4
    ratio = np.ptp(scene.b) / np.ptp(scene.a)
    return float(np.clip(4.6 * ratio + 0.7, 2.0, 4.4))


def make_scene(
    fun: ScalarFunction,
    runs: dict[str, History],
    plane: Plane | tuple[str, str] | None,
    limits: Limits | None,
    minimum: PyTree | None = None,
) -> Scene:
    """Choose the plane and the limits; compute J and the tracks."""
    courses = paths_of(runs)
    first = next(iter(runs))
    params = jax.tree.map(lambda leaf: leaf[0], runs[first].params)
    end = courses[first][-1]
    if plane is None and len(end) > 2:
        plane = principal_plane(courses)
    elif not isinstance(plane, Plane):
        plane = coordinate_plane(params, *(plane or parameter_names(params)))
        # Through the end: all but these two are what they are there.
        plane = plane._replace(origin=end * (1 - plane.directions.sum(axis=0)))
    if plane.directions.shape != (2, len(end)):
        raise ValueError(
            f"plane is of {plane.directions.shape[1]} parameters, the runs of "
            f"{len(end)}."
        )
    tracks = {name: plane.project(course) for name, course in courses.items()}
    points = list(tracks.values())
    least = None
    if minimum is not None:
        check_match("minimum", minimum, "the runs' parameters", params)
        least = plane.project(np.asarray(ravel_pytree(minimum)[0])[None])
        points.append(least)
    limits = limits or _limits(np.concatenate(points))
    a, b, points = grid(limits, _GRID)
    J = heights(fun, params, plane, points).reshape(_GRID, _GRID)
    least = None if least is None else least[0]
    return Scene(plane, a, b, J, tracks, least, whole=len(end) == 2)


def draw_scene(scene: Scene, ax: "Axes", *, until: int | None = None) -> None:
    """Draw the contours, and the paths as far as step ``until``."""
    _draw_contours(scene, ax)
    widths = np.linspace(max(1.6, min(len(scene.tracks), 4)), 1.4, len(scene.tracks))
    drawn = zip(looks(scene.tracks).items(), widths.tolist(), strict=True)
    for (name, look), width in drawn:
        track = scene.tracks[name][: None if until is None else until + 1]
        dots = "." if len(scene.tracks[name]) <= _FEW_STEPS else ""
        ax.plot(*track.T, label=name, lw=width, marker=dots, ms=5, **look._asdict())
        ax.plot(*track[-1], "o", ms=7, color=look.color, mec="white", mew=0.8)
    for start in {tuple(track[0].tolist()) for track in scene.tracks.values()}:
        ax.plot(*start, "o", ms=9, mfc="none", mec=BLACK, mew=1.5)
    if scene.minimum is not None:
        star = {"ms": 13, "color": BLACK, "mec": "white", "zorder": 3}
        ax.plot(*scene.minimum, "*", **star)
    legend(ax)


def _draw_contours(scene: Scene, ax: "Axes") -> None:
    """Draw contours of J in grey, darker where J is larger."""
    plane, a, b, J = scene.plane, scene.a, scene.b, scene.J
    J = np.ma.masked_invalid(J)
    if not J.count():
        raise ValueError("J is not finite anywhere in the picture; set other limits.")
    levels = _levels(J.compressed())
    if len(levels) > 2:
        shades = [str(shade) for shade in np.linspace(1.0, 0.72, len(levels) - 1)]
        ax.contourf(a, b, J, levels, colors=shades)
        lines = {"colors": "0.55", "linewidths": 0.5, "linestyles": "-"}
        ax.contour(a, b, J, levels[1:], **lines)
    ax.grid(visible=False)
    ax.set(xlim=a[[0, -1]], ylim=b[[0, -1]])
    if scene.whole:
        ax.set_aspect("equal")
    ax.set(xlabel=plane.labels[0], ylabel=plane.labels[1])


def _levels(J: np.ndarray) -> np.ndarray:
    """From the least J to the largest; those that rounding makes equal are one."""
    above = J - J.min()
    if not above.any():
        return J[:1]
    least = max(np.quantile(above, 0.01), above.max() * 1e-6)
    rising = np.geomspace(least, above.max(), _LEVELS)
    return np.unique(J.min() + np.append(0.0, rising))


def _limits(points: np.ndarray) -> Limits:
    """Both ends of a and b, with a margin about the points."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    size = np.maximum(size, 0.2 * size.max())  # no picture thinner than a fifth
    middle = (low + high) / 2
    (a0, b0), (a1, b1) = np.stack([middle - 0.62 * size, middle + 0.62 * size]).tolist()
    return (a0, a1), (b0, b1)
