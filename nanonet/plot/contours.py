"""The paths of several rules on the contours of J."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nanonet.network.names import parameter_names
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.plot.arguments import as_runs
from nanonet.plot.plane import (
    Landscape,
    Limits,
    Path,
    Plane,
    coordinate_plane,
    landscape,
    paths_of,
    principal_plane,
)
from nanonet.plot.style import BLACK, axes_or_new, legend, looks
from nanonet.solve.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVELS = 14
_FEW_STEPS = 60


class Scene(NamedTuple):
    """What a picture of paths is drawn from."""

    landscape: Landscape
    tracks: dict[str, np.ndarray]  # of each run, (a, b) of each point: [points, 2]


def paths(
    fun: ScalarFunction,
    runs: Mapping[str, Result] | Result,
    *,
    plane: Plane | tuple[str, str] | None = None,
    limits: Limits | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the path of each run on the contours of J.

    Of two parameters the picture is exact. Of more, it shows a plane: J is that of the
    plane's own points, and each path is its shadow on the plane, so that J along the
    path is not what the contours say beside it. Contours are spaced evenly in the
    logarithm of J above its least value in the picture. A ring marks the start, a dot
    the end.

    Args:
      fun: J(params), which the runs minimised.
      runs: a `Result` of ``minimize(..., keep_params=True)``, or a dict of
        name → `Result`.
      plane: the names of two parameters, for the plane through the end of the first
        run in which they alone change; or a `Plane`; by default the two parameters
        there are, or the principal plane of all paths.
      limits: the ends of both axes; by default all points are in the picture.
      ax: where to draw; new axes by default.

    Raises:
      TypeError: ``runs`` are no results.
      ValueError: a history without parameters, runs of different parameters or of one
        parameter, no such name, a J that is nowhere finite.
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> J = lambda theta: theta @ theta
    >>> rule = gradient_descent(0.25)
    >>> result = minimize(J, np.ones(2), rule, max_steps=2, keep_params=True)
    >>> print(paths(J, result).lines[0].get_xdata())
    [1.   0.5  0.25]
    """
    scene = make_scene(fun, as_runs(runs), plane, limits)
    ax = axes_or_new(ax, size=(6.8, 4.4))
    draw_scene(scene, ax)
    return ax


def make_scene(
    fun: ScalarFunction,
    runs: dict[str, Result],
    plane: Plane | tuple[str, str] | None,
    limits: Limits | None,
) -> Scene:
    """Choose the plane and the limits; compute J and the tracks."""
    courses = paths_of(runs)
    first = next(iter(courses.values()))
    chosen = _choose_plane(plane, courses, first)
    tracks = {name: chosen.project(course.theta) for name, course in courses.items()}
    limits = limits or _limits(np.concatenate(list(tracks.values())))
    return Scene(landscape(fun, first.first, chosen, limits), tracks)


def draw_scene(scene: Scene, ax: "Axes", *, until: int | None = None) -> None:
    """Draw the contours, and the paths as far as step ``until``."""
    draw_contours(scene.landscape, ax)
    for name, look in looks(scene.tracks).items():
        track = scene.tracks[name][: None if until is None else until + 1]
        a, b = track.T
        dots = "." if len(scene.tracks[name]) <= _FEW_STEPS else ""
        ax.plot(a, b, label=name, lw=1.6, marker=dots, ms=5, **look._asdict())
        ax.plot(*track[-1], "o", ms=7, color=look.color, mec="white", mew=0.8)
    starts = {tuple(track[0].tolist()) for track in scene.tracks.values()}
    for start in starts:
        ax.plot(*start, "o", ms=9, mfc="none", mec=BLACK, mew=1.5)
    legend(ax)


def draw_contours(land: Landscape, ax: "Axes") -> None:
    """Draw contours of J in grey, darker where J is larger."""
    finite = np.isfinite(land.J)
    if not finite.any():
        raise ValueError("J is not finite anywhere in the picture; set other limits.")
    levels = _levels(land.J[finite])
    if len(levels) > 2:
        J = np.ma.masked_invalid(land.J)
        shades = [str(shade) for shade in np.linspace(1.0, 0.72, len(levels) - 1)]
        ax.contourf(land.a, land.b, J, levels, colors=shades)
        lines = {"colors": "0.55", "linewidths": 0.5, "linestyles": "-"}
        ax.contour(land.a, land.b, J, levels[1:], **lines)
    ax.grid(visible=False)
    ax.set(
        xlim=land.a[[0, -1]],
        ylim=land.b[[0, -1]],
        xlabel=land.plane.labels[0],
        ylabel=land.plane.labels[1],
    )


def _levels(J: np.ndarray) -> np.ndarray:
    """From the least J to the largest; those that rounding makes equal are one."""
    above = J - J.min()
    if not above.any():
        return J[:1]
    least = max(np.quantile(above, 0.01), above.max() * 1e-6)
    rising = np.geomspace(least, above.max(), _LEVELS)
    return np.unique(J.min() + np.append(0.0, rising))


def _choose_plane(
    plane: Plane | tuple[str, str] | None, paths: dict[str, Path], first: Path
) -> Plane:
    n = first.theta.shape[1]
    if isinstance(plane, Plane):
        if plane.directions.shape != (2, n):
            raise ValueError(
                f"plane is of {plane.directions.shape[1]} parameters, the runs of {n}."
            )
        return plane
    if plane is None and n > 2:
        return principal_plane(paths)
    names = parameter_names(first.first)
    one, other = names if plane is None else plane
    chosen = coordinate_plane(first.first, one, other)
    origin = first.theta[-1] * (1 - chosen.directions.sum(axis=0))
    return chosen._replace(origin=origin)


def _limits(points: np.ndarray) -> Limits:
    """Both ends of a and b, with a margin about the points."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    size = np.maximum(size, 0.2 * size.max())  # no picture thinner than a fifth
    middle = (low + high) / 2
    (a0, b0), (a1, b1) = np.stack([middle - 0.62 * size, middle + 0.62 * size]).tolist()
    return (a0, a1), (b0, b1)
