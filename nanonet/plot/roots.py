"""Newton's and the secant method on a function of one number, and how they converge."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nanonet.objectives.given import given
from nanonet.plot.labels import name_ends
from nanonet.plot.style import BLACK, GREY, Axes, axes_or_new, count_on_x, looks
from nanonet.roots.result import Root

_CURVE = 400


def tangents(
    f: Callable,
    found: Root,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw Newton's method: the tangent at each x(t) meets the axis at x(t+1).

    The first step is written beside its triangle, Δy/Δx = f(x0)/(x0 - x1) = f′(x0), and
    a star marks the root that was found.

    ``found`` is what ``root(f, x0, method="newton")`` returned, of one real number;
    ``args`` and ``has_aux`` are those that it was called with.

    Source: page 7 of the notes.

    >>> from nanonet.roots.root import root
    >>> ax = tangents(lambda x: x**2 - 2, root(lambda x: x**2 - 2, 2.0))
    >>> print(ax.lines[2].get_xydata())
    [[2.  2. ]
     [1.5 0. ]]
    """
    f, x = given(f, args, has_aux=has_aux), _iterates("found", found)
    y = _values(f, x)
    slope = np.asarray(jax.vmap(jax.grad(f))(jnp.asarray(x)), float)
    # Where root has halved a step, x(t+1) is not where the tangent ends.
    lines = [([x[t], x[t] - y[t] / slope[t]], [y[t], 0.0]) for t in range(len(x) - 1)]
    ax = _draw(f, x, y, lines, "newton", "tangents", ax)
    if len(x) > 1:
        _name_triangle(x, y, ax)
    if bool(found.converged):
        ax.plot(float(found.x), 0.0, "*", ms=12, color=BLACK, mec="white", zorder=3)
    return ax


def secants(
    f: Callable,
    found: Root,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the secant method: the line through two iterates meets the axis at the next.

    ``found`` is of ``method="secant"``. The first line, of a search without x1, is as
    good as a tangent. See `tangents`.

    Source: page 10 of the notes.

    >>> from nanonet.roots.root import root
    >>> found = root(lambda x: x**2 - 2, 1.0, x1=2.0, method="secant")
    >>> print(secants(lambda x: x**2 - 2, found).lines[2].get_xdata().round(3))
    [1.    1.333 2.   ]
    """
    f, x = given(f, args, has_aux=has_aux), _iterates("found", found)
    y = _values(f, x)
    lines = []
    for t in range(1, len(x) - 1):
        points = sorted([(x[t - 1], y[t - 1]), (x[t], y[t]), (x[t + 1], 0.0)])
        lines.append(tuple(zip(*points, strict=True)))
    return _draw(f, x, y, lines, "secant", "secants", ax)


def convergence(searches: Mapping[str, Root], *, ax: "Axes | None" = None) -> "Axes":
    """Draw the error |x(t) - x*| of searches for a root, on a logarithmic axis.

    ``searches`` is a dict of name → what `nanonet.root` returned, x* the root that each
    found. Beside its name is the order of convergence that was observed: p, where the
    error at t+1 is like that at t to the power of p.

    Source: page 7 of the notes; Dennis & Schnabel, *Numerical Methods for Unconstrained
    Optimization and Nonlinear Equations*, section 2.3.

    >>> from nanonet.roots.root import root
    >>> found = root(lambda x: x**2 - 2, 2.0)
    >>> print(convergence({"Newton": found}).lines[0].get_ydata()[:3].round(5))
    [0.58579 0.08579 0.00245]
    """
    if not searches:
        raise ValueError("searches is empty: there is nothing to draw.")
    errors = {}
    for name, found in searches.items():
        x = _iterates(f"searches[{name!r}]", found)
        error = np.abs(x - float(found.x))
        errors[name] = np.where(error > 0, error, np.nan)
    ax = axes_or_new(ax)
    for name, look in looks(errors).items():
        order = float(searches[name].order)
        label = f"{name}, order {order:.2f}" if np.isfinite(order) else name
        ax.plot(errors[name], marker="o", ms=5, lw=1.6, label=label, **look._asdict())
    ax.set_yscale("log")
    count_on_x(ax)
    ax.set(xlabel="step t", ylabel="|x(t) - x*|, logarithmic")
    if len(errors) == 1:
        ax.legend(frameon=False, fontsize=9)  # for the order
    name_ends(ax)
    return ax


def _iterates(argument: str, found: Root) -> np.ndarray:
    """x(0), x(1), ... of a search for one real number."""
    if not isinstance(found, Root):
        raise TypeError(
            f"{argument} must be what nanonet.root returned, not {found!r}."
        )
    leaves = jax.tree.leaves(found.iterates)
    if len(leaves) != 1 or np.size(leaves[0]) != len(leaves[0]):
        raise ValueError(f"{argument} is not a search for one number.")
    if np.iscomplexobj(leaves[0]):
        raise ValueError(f"{argument} is a search among complex numbers.")
    x = np.asarray(leaves[0]).astype(float).ravel()
    return x[np.isfinite(x)]


def _values(f: Callable, x: np.ndarray) -> np.ndarray:
    return np.asarray(jax.vmap(f)(jnp.asarray(x)), float)


def _draw(
    f: Callable,
    x: np.ndarray,
    y: np.ndarray,
    lines: list[Any],
    method: str,
    what: str,
    ax: "Axes | None",
) -> "Axes":
    ax, color = axes_or_new(ax), looks([method])[method].color
    low, high = x.min(), x.max()
    margin = 0.15 * (high - low or 1.0)
    curve = np.linspace(low - margin, high + margin, _CURVE)
    ax.axhline(0.0, color=BLACK, lw=0.8)
    ax.plot(curve, _values(f, curve), color=BLACK, lw=1.8, label="f(x)")
    for i, (a, b) in enumerate(lines):
        ax.plot(a, b, color=color, lw=1.3, label=what if i == 0 else None)
    ax.vlines(x, 0.0, y, color=GREY, linestyles=":", lw=1.0)
    ax.plot(x, y, "o", color=color, ms=5)
    _name_iterates(x, y, high + margin - (low - margin), ax)
    low, high = ax.get_ylim()
    room = 0.12 * (high - low)  # for the names below or above the axis
    ylim = min(low, -room), max(high, room)
    ax.set(xlabel="x", ylabel="f(x)", xlim=curve[[0, -1]], ylim=ylim)
    ax.legend(frameon=False, fontsize=9)
    return ax


def _name_triangle(x: np.ndarray, y: np.ndarray, ax: "Axes") -> None:
    """Write Δy beside f(x0), and Δx along the axis from x1 to x0."""
    left, edge = ax.get_xlim()
    right = x[0] >= x[1] or x[0] < left + 0.2 * (edge - left)  # where there is room
    ax.annotate(
        "Δy = f(x₀)",
        (x[0], y[0] / 2),
        xytext=(4 if right else -4, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=9,
    )
    arrow = {"arrowstyle": "<->", "color": GREY, "shrinkA": 0, "shrinkB": 0}
    low, high = ax.get_ylim()
    room = 0.2 * (high - low)
    level = -room / 2 if y[0] >= 0 else room / 2
    ax.set_ylim(min(low, -room) if y[0] >= 0 else low, max(high, level + room / 2))
    ax.annotate("", (x[1], level), (x[0], level), arrowprops=arrow)
    ax.annotate(
        "Δx = x₀ − x₁",
        ((x[0] + x[1]) / 2, level),
        ha="center",
        va="top" if y[0] >= 0 else "bottom",
        xytext=(0, -2 if y[0] >= 0 else 2),
        textcoords="offset points",
        fontsize=9,
    )


def _name_iterates(x: np.ndarray, y: np.ndarray, width: float, ax: "Axes") -> None:
    """Write x(t) at the axis, away from the curve, where no other name is near."""
    named: list[float] = []
    for t, (position, value) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if all(abs(position - other) > 0.07 * width for other in named):
            ax.annotate(
                f"x({t})",
                (position, 0.0),
                xytext=(0, -4 if value >= 0 else 4),
                textcoords="offset points",
                ha="center",
                va="top" if value >= 0 else "bottom",
                fontsize=9,
            )
            named.append(position)
