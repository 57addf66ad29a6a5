"""Many problems as they are given: what is each one's own, and what all share."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from nanonet._internal.checks import (
    check_parameters,
    check_untraced,
    whole_as_floats,
)
from nanonet._internal.static import partition
from nanonet.many.axes import Shape, along_first, read_own
from nanonet.many.lane import Problem
from nanonet.objectives.bounded import Box, check_bounds
from nanonet.objectives.given import Given, given
from nanonet.rules._parts.rule import Recipe
from nanonet.solve.minimize import check_rule


class Problems(NamedTuple):
    """N problems on the host; `problems_of` makes them."""

    shape: Shape
    """Of the axes along which they lie; N is its product."""

    starts: PyTree
    """Of each problem its parameters, or its random key, along a first axis of N."""

    params: PyTree
    """The parameters of one problem, as shapes."""

    draw: Callable[..., PyTree] | None
    """What makes parameters of a key."""

    rule: optax.GradientTransformation
    static: Any
    """All that is compiled in."""

    is_own: tuple[bool, ...]
    """Which of a problem's numbers are its own."""

    own: list[np.ndarray]
    """These, along a first axis of N."""

    shared: list[Any]
    """The others."""

    @property
    def N(self) -> int:
        """How many problems there are."""
        return math.prod(self.shape)


def read_problems(
    name: str,
    make: Callable[[Any, Any], Any],
    fun: Any,
    params: PyTree,
    rule: optax.GradientTransformation,
    args: Any,
    in_axes: Any,
    shape: Shape | None,
    bounds: tuple[Any, Any] | None,
) -> Problems:
    """The problems of one function, and what each is given.

    ``make(fun, args)`` is a J of the parameters alone. Errors: those of
    `minimize_many`, in which ``name`` is what the user has called.
    """
    check_untraced(name, (params, args, rule, bounds))
    check_rule(rule)
    params = whole_as_floats(params)
    check_parameters("params", params)
    whole = given(fun, args)
    arguments = whole.args if isinstance(whole, Given) else ()
    names = ["params", *(f"args[{i}]" for i in range(len(arguments)))]
    trees = dict(zip(names, [params, *arguments], strict=True))
    found, (starts, *args), (moved, *is_own) = read_own(trees, in_axes, shape)
    N = math.prod(found)

    def of_one(start: Any, own: bool) -> jax.ShapeDtypeStruct:
        start = start[0] if own else start
        return jax.ShapeDtypeStruct(np.shape(start), jnp.result_type(start))

    def of_all(start: Any, own: bool) -> np.ndarray:
        return start if own else np.broadcast_to(start, (N, *np.shape(start)))

    return problems_of(
        found,
        jax.tree.map(of_all, starts, moved),
        jax.tree.map(of_one, starts, moved),
        make,
        (fun, tuple(args)),
        (jax.tree.map(lambda _: False, fun), tuple(is_own)),
        rule,
        bounds,
    )


def problems_of(
    shape: Shape,
    starts: PyTree,
    params: PyTree,
    make: Callable[..., Any],
    data: Any,
    is_own: Any,
    rule: optax.GradientTransformation,
    bounds: tuple[Any, Any] | None,
    draw: Callable[..., PyTree] | None = None,
) -> Problems:
    """Part what is each problem's own from what all share.

    ``is_own`` is a tree like ``data``, of booleans; what is own has the first axis
    already. Bounds and hyperparameters are own where they have the problems' axes.

    Raises:
      ValueError: a hyperparameter is an array of another length; bounds cross, or are
        not like the parameters.
    """
    rule, rule_is_own = _own_rule(rule, shape)
    none = (None, None)
    box, box_is_own = none if bounds is None else _own_box(bounds, params, shape)
    static, numbers = partition(Problem(make, data, rule, box, draw is not None))
    every = jax.tree.leaves((False, is_own, rule_is_own, box_is_own, False))
    marks = [
        bool(mark) for mark, numeric in zip(every, static[2], strict=True) if numeric
    ]
    return Problems(
        shape,
        starts,
        params,
        draw,
        rule,
        static,
        tuple(marks),
        [np.asarray(n) for n, mine in zip(numbers, marks, strict=True) if mine],
        [n for n, mine in zip(numbers, marks, strict=True) if not mine],
    )


def _own_rule(rule: Any, shape: Shape) -> tuple[Any, Any]:
    """The rule, and which of its hyperparameters are own: those that are arrays."""
    for node in jax.tree.leaves(rule, is_leaf=lambda node: isinstance(node, Recipe)):
        if isinstance(node, Recipe):
            for name, value in node.arguments.items():
                if _is_array(value):
                    along_first(name, value, shape)  # for its error

    def along(leaf: Any) -> Any:
        return along_first("rule", leaf, shape) if _is_array(leaf) else leaf

    return jax.tree.map(along, rule), jax.tree.map(_is_array, rule)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | jax.Array) and leaf.ndim > 0


def _own_box(bounds: tuple[Any, Any], params: PyTree, shape: Shape) -> tuple[Box, Box]:
    """The bounds, and which of them are own: those that have the problems' axes."""
    box = jax.tree.map(np.asarray, check_bounds(bounds, params, many=shape))
    like = Box(params, params)
    is_own = jax.tree.map(lambda bound, one: bound.ndim > one.ndim, box, like)

    def along(bound: np.ndarray, own: bool) -> np.ndarray:
        return along_first("bounds", bound, shape) if own else bound

    return jax.tree.map(along, box, is_own), is_own
