"""A function together with the box that its parameters are to stay in."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from nanonet._internal.tracing import is_traced

Vector = Float[Array, " n"]


class Box(NamedTuple):
    """Bounds: each a tree like the parameters, or a vector like theirs."""

    lower: Any
    upper: Any

    def inside(self, params: PyTree) -> PyTree:
        """The nearest point in the box."""
        return jax.tree.map(jnp.clip, params, self.lower, self.upper)

    def excludes(self, params: PyTree) -> Any:
        """Whether a parameter is outside; traced, if something of it is."""
        traced = is_traced((self, params))
        xp = jnp if traced else np

        def beyond(param: Any, low: Any, high: Any) -> Any:
            param = xp.asarray(param)
            return xp.any((param < low) | (param > high))

        outside = jax.tree.map(beyond, params, self.lower, self.upper)
        either = xp.any(xp.stack(jax.tree.leaves(outside)))
        return either if traced else bool(either)

    def mirrored(self, params: PyTree) -> PyTree:
        """What is outside is reflected at its bound, and ends in the box at any rate.

        Random weights of either sign so become random weights of one. At the nearest
        point half of them would be 0, and some units dead from the start.
        """

        def mirror(param: Array, low: Array, high: Array) -> Array:
            param = jnp.where(param < low, 2 * low - param, param)
            return jnp.where(param > high, 2 * high - param, param)

        return self.inside(jax.tree.map(mirror, params, self.lower, self.upper))

    def holds(self, theta: Vector) -> Bool[Array, " n"]:
        """Which parameters are in the box."""
        return (self.lower <= theta) & (theta <= self.upper)

    def free(self, theta: Vector, slope: Vector) -> Bool[Array, " n"]:
        """Which parameters may move downhill: no bound is in the way."""
        low = (theta <= self.lower) & (slope > 0)
        high = (theta >= self.upper) & (slope < 0)
        return ~(low | high) & (self.lower < self.upper)

    def projected(self, params: PyTree, gradient: PyTree) -> PyTree:
        """How far down the gradient the box lets one go: 0 at a minimum within it."""
        ahead = self.inside(jax.tree.map(jnp.subtract, params, gradient))
        return jax.tree.map(jnp.subtract, params, ahead)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Bounded:
    """A function of parameters in a box; outside, of the nearest point in it.

    Its derivatives outside are those at that point, all of them.
    """

    fun: Callable[..., Any]
    bounds: Box

    def __call__(self, params: PyTree) -> Any:
        """The value at ``params``, or at the nearest point in the box."""
        return self.fun(_moved(params, self.bounds))

    def aux(self, params: PyTree) -> Any:
        """What the function returns beside, with ``has_aux``."""
        return self.fun.aux(params)  # pyright: ignore

    @property
    def residuals(self) -> "Bounded":
        """Those that the function knows; else `AttributeError`."""
        return Bounded(self.fun.residuals, self.bounds)  # pyright: ignore

    @property
    def jacobian(self) -> Any:
        """That which the function knows; else `AttributeError`."""
        return self.fun.jacobian  # pyright: ignore

    @property
    def normal_equations(self) -> Any:
        """Those which the function knows; else `AttributeError`."""
        return self.fun.normal_equations  # pyright: ignore

    @property
    def solution_derivatives(self) -> Any:
        """How derivatives of its least point are had; else `AttributeError`."""
        return self.fun.solution_derivatives  # pyright: ignore


@jax.custom_jvp
def _moved(params: PyTree, bounds: Box) -> PyTree:
    return bounds.inside(params)


@_moved.defjvp
def _moved_jvp(primals: tuple, tangents: tuple) -> tuple[PyTree, PyTree]:
    return _moved(*primals), tangents[0]


def bounds_of(fun: Any) -> Box | None:
    """The box of a function that has one."""
    return getattr(fun, "bounds", None)


def check_bounds(bounds: Any, params: PyTree, many: tuple[int, ...] = ()) -> Box:
    """``bounds=(lower, upper)`` as arrays like the parameters; None is no bound.

    With ``many``, those that have such leading axes keep them.

    Raises:
      ValueError: a bound is NaN, a lower one is above its upper one, or +∞; or a tree
        is not like the parameters.
      TypeError: it is not a pair, or the parameters are complex.

    >>> box = check_bounds((0.0, None), {"a": jnp.ones(2), "b": jnp.ones(())})
    >>> print(box.lower["a"], box.upper["b"])
    [0. 0.] inf
    """
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise TypeError(f"bounds={bounds!r} must be a pair, (lower, upper).")
    if any(map(jnp.iscomplexobj, jax.tree.leaves(params))):
        raise TypeError("bounds are of real parameters; some of params are complex.")
    box = Box(
        _like("lower", bounds[0], -jnp.inf, params, many),
        _like("upper", bounds[1], jnp.inf, params, many),
    )
    if not is_traced(box):
        paths = jax.tree_util.tree_leaves_with_path(params)
        lowers, uppers = map(jax.tree.leaves, box)
        for (path, _), low, high in zip(paths, lowers, uppers, strict=True):
            _check_pair(jax.tree_util.keystr(path), *np.broadcast_arrays(low, high))
    return box


def _like(
    name: str, bound: Any, missing: float, params: PyTree, many: tuple[int, ...]
) -> PyTree:
    """A bound for each parameter."""

    def filled(param: Any, bound: Any) -> Array | np.ndarray:
        shape = np.shape(param)
        if np.shape(bound) not in ((), shape, (*many, *shape)):
            raise ValueError(np.shape(bound))
        number = missing if bound is None else bound
        # By NumPy, which compiles nothing.
        xp = jnp if isinstance(number, jax.Array) else np
        array = xp.asarray(number, jnp.result_type(param))
        return xp.broadcast_to(array, array.shape or shape)

    try:  # None is a leaf here: no bound on these parameters.
        whole = jax.tree.broadcast(bound, params, is_leaf=lambda node: node is None)
        return jax.tree.map(filled, params, whole)
    except ValueError as error:
        raise ValueError(
            f"bounds: {name} is not like params; it must be a number, None, or a tree "
            f"like {jax.tree.structure(params)} of such and of arrays like theirs; one "
            "may stand for a branch."
        ) from error


def _check_pair(where: str, low: np.ndarray, high: np.ndarray) -> None:
    wrong = np.isnan(low) | np.isnan(high) | (low > high)
    wrong |= (low == np.inf) | (high == -np.inf)
    if np.any(wrong):
        raise ValueError(
            f"bounds of params{where}: {low[wrong][0]} ≤ θ ≤ {high[wrong][0]} leaves "
            "no room; lower must be at most upper, and neither NaN."
        )
