"""The eigenvalues of the Hessian: which kind of point it is, and how steep (page 8)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from nanonet._internal.checks import check_finite
from nanonet.objectives.derivatives import hessian
from nanonet.plot.style import GREY, NEGATIVE, POSITIVE, Axes, axes_or_new, count_on_x
from nanonet.solve.stationary import stationary_point


def spectrum(
    fun: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the eigenvalues λ of H, the Hessian of J, by size on a logarithmic axis.

    Positive ones are blue dots, negative ones vermillion triangles; in the grey band
    are those too small to be told from 0, as `nanonet.stationary_point` does.

    Source: pages 8 and 9 of the notes.

    >>> ax = spectrum(lambda t: t[0] ** 2 - t[1] ** 2, np.zeros(2))
    >>> print(*(line.get_label() for line in ax.lines))
    λ > 0: 1 λ < 0: 1
    """
    check_finite("params", params)
    point = stationary_point(fun, params, args=args, has_aux=has_aux)
    eigenvalues = np.asarray(point.eigenvalues, float)
    check_finite("eigenvalues", eigenvalues)
    ax = axes_or_new(ax)
    n = np.arange(1, len(eigenvalues) + 1)
    floor = point.tolerance
    bottom = floor / 10 or 1.0
    size = np.maximum(np.abs(eigenvalues), bottom)
    groups = {
        "λ > 0": (eigenvalues > floor, "o", POSITIVE),
        "λ < 0": (eigenvalues < -floor, "v", NEGATIVE),
        "λ ≈ 0": (np.abs(eigenvalues) <= floor, "s", GREY),
    }
    for label, (chosen, marker, color) in groups.items():
        if chosen.any():
            look = {"color": color, "ms": 7, "label": f"{label}: {chosen.sum()}"}
            ax.plot(n[chosen], size[chosen], marker, **look)
    ax.set_yscale("log")
    ax.axhspan(bottom / 2, max(floor, bottom), color=GREY, alpha=0.15, lw=0)
    ax.set_ylim(bottom=bottom / 2)
    count_on_x(ax)
    ax.set(xlabel="eigenvalues λ of H, ascending", ylabel="|λ|, logarithmic")
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    ax.legend(ncols=3, frameon=False, fontsize=9, **above)
    return ax


def eigenvectors(
    fun: Callable[..., Any],
    params: PyTree,
    ax: "Axes",
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> "Axes":
    """Draw the eigenvectors of H at a point onto the contours of `paths`.

    For J of two parameters. About a minimum the contours are ellipses with these axes,
    which are as long as 1/√λ. Blue leads up both ways; vermillion, where λ < 0, down.

    Raises:
      ValueError: there are not two parameters.

    Source: pages 8 and 9 of the notes.

    >>> J = lambda t: t[0] ** 2 + 8 * t[1] ** 2
    >>> ax = eigenvectors(J, np.zeros(2), axes_or_new(None))
    >>> print(*(text.get_text() for text in ax.texts))
    λ = 2 λ = 16
    """
    matrix = np.asarray(hessian(fun, params, args=args, has_aux=has_aux).matrix, float)
    check_finite("H", matrix)
    if len(matrix) != 2:
        raise ValueError(f"params are {len(matrix)}, and a plane is of two.")
    middle = np.asarray(ravel_pytree(params)[0], float)
    values, vectors = np.linalg.eigh(matrix)
    lengths = 1 / np.sqrt(np.maximum(np.abs(values), 1e-12))
    width = min(abs(np.diff(ax.get_xlim())[0]), abs(np.diff(ax.get_ylim())[0]))
    lengths *= 0.45 * width / lengths.max()
    for value, vector, size in zip(values, vectors.T, lengths, strict=True):
        color = POSITIVE if value > 0 else NEGATIVE
        ends = np.stack([middle - size * vector, middle + size * vector])
        ax.plot(*ends.T, color=color, lw=2, solid_capstyle="round")
        label = {"xytext": (4, 3), "textcoords": "offset points", "fontsize": 9}
        ax.annotate(f"λ = {value:.3g}", tuple(ends.max(axis=0)), color=color, **label)
    return ax
