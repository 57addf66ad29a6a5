"""Planes through the space of parameters, runs in them, and J on a grid of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_real_scalar
from nanonet._internal.static import jit
from nanonet.network.names import parameter_names
from nanonet.objectives.modes import ScalarFunction
from nanonet.solve.result import History

Limits = tuple[tuple[float, float], tuple[float, float]]

_POINTS_AT_A_TIME = 256


class Plane(NamedTuple):
    """The points origin + a·directions[0] + b·directions[1]."""

    origin: Float[np.ndarray, " n"]
    """Where a = b = 0; parameters in the order of `jax.flatten_util.ravel_pytree`."""

    directions: Float[np.ndarray, "2 n"]
    """Two orthogonal vectors of length 1."""

    labels: tuple[str, str]
    """What a and b are called."""

    def project(self, theta: Float[np.ndarray, "points n"]) -> np.ndarray:
        """The (a, b) of the points of the plane nearest to θ."""
        return (theta - self.origin) @ self.directions.T


def path_of(name: str, run: History) -> Float[np.ndarray, "points n"]:
    """θ of each point of a run, as far as they are finite."""
    if run.params is None:
        raise ValueError(
            f"runs[{name!r}] keeps no parameters: a path needs a run of "
            "minimize(..., keep_params=True)."
        )
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(run.params)]
    if any(map(np.iscomplexobj, leaves)):
        raise ValueError(f"runs[{name!r}] has complex parameters; no plane holds them.")
    theta = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
    finite = np.all(np.isfinite(theta), axis=1)
    if not finite[0]:
        raise ValueError(f"runs[{name!r}] starts at parameters that are not finite.")
    return theta[np.logical_and.accumulate(finite)].astype(float)


def paths_of(runs: dict[str, History]) -> dict[str, np.ndarray]:
    """The path of each run, all of the same parameters."""
    paths = {name: path_of(name, run) for name, run in runs.items()}
    first = next(iter(paths))
    n = paths[first].shape[1]
    for name, theta in paths.items():
        if theta.shape[1] != n:
            raise ValueError(
                f"runs[{name!r}] has {theta.shape[1]} parameters and "
                f"runs[{first!r}] has {n}; paths in one picture need the same."
            )
    if n < 2:
        raise ValueError(
            "runs have one parameter, and a plane needs two or more; losses draws J, "
            "and tangents and secants draw a function of one number."
        )
    return paths


def coordinate_plane(params: PyTree, first: str, second: str) -> Plane:
    """The plane of two parameters, by name, through ``params``.

    >>> plane = coordinate_plane({"u": 1.0, "v": 2.0, "w": 3.0}, "u", "w")
    >>> print(plane.origin, plane.labels)
    [0. 2. 0.] ('u', 'w')
    """
    names: list[str] = [*parameter_names(params)]
    for name in (first, second):
        if name not in names:
            raise ValueError(
                f"no parameter is called {name!r}; there are {', '.join(names[:20])}."
            )
    if first == second:
        raise ValueError(
            f"a plane needs two different parameters, not {first!r} twice."
        )
    chosen = [names.index(first), names.index(second)]
    origin = np.array(ravel_pytree(params)[0], float)
    origin[chosen] = 0.0
    return Plane(origin, np.eye(len(names))[chosen], (first, second))


def principal_plane(paths: dict[str, np.ndarray]) -> Plane:
    """The plane nearest to all points of the paths, by least squares.

    Its directions are the first two principal components of the points, its origin is
    their mean; each label says which share of the variance lies along it.

    Source: Li et al., "Visualizing the loss landscape of neural nets", 2018,
    section 7.2.
    """
    theta = np.concatenate(list(paths.values()))
    origin = theta.mean(axis=0)
    _, s, directions = np.linalg.svd(theta - origin, full_matrices=False)
    if len(s) < 2:
        raise ValueError("runs hold one point: a principal plane needs three or more.")
    shares = s[:2] ** 2 / max(np.sum(s**2), np.finfo(float).tiny)
    first, second = (
        f"principal direction {i} ({share:.0%} of the variance)"
        for i, share in enumerate(shares, start=1)
    )
    return Plane(origin, directions[:2], (first, second))


def grid(
    limits: Limits | np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "points 2"]]:
    """Both axes of a square grid between the limits, and its points, row by row.

    >>> a, b, points = grid(((0.0, 1.0), (3.0, 5.0)), 2)
    >>> print(*points)
    [0. 3.] [1. 3.] [0. 5.] [1. 5.]
    """
    a, b = (np.linspace(low, high, count) for low, high in limits)
    return a, b, np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)


def heights(
    fun: ScalarFunction, params: PyTree, plane: Plane, ab: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " points"]:
    """J at the points (a, b) of the plane; ``params`` is any tree like its points."""
    check_real_scalar("fun", jax.eval_shape(fun, params))
    vectors = np.stack([plane.origin, *plane.directions])
    return np.asarray(_heights(fun, params, vectors, ab), float)


@jit
def _heights(fun: ScalarFunction, params: PyTree, plane: Any, ab: Any) -> Array:
    flat, unravel = ravel_pytree(params)
    plane, ab = jnp.asarray(plane, flat.dtype), jnp.asarray(ab, flat.dtype)

    def height(ab: Array) -> Array:
        return fun(unravel(plane[0] + ab[0] * plane[1] + ab[1] * plane[2]))

    return lax.map(height, ab, batch_size=_POINTS_AT_A_TIME)
