"""The axes of what is given along which the problems lie, brought to the front."""

import math
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

Shape = tuple[int, ...]


def read_own(
    trees: dict[str, PyTree], in_axes: Any, shape: Shape | None
) -> tuple[Shape, Any, Any]:
    """Bring the problems' axes to the front.

    Returns:
      Their shape; the trees, with one first axis in place of them; and trees of
      booleans, which leaves have it.

    Raises:
      ValueError: axes that are not like the trees, or not of one length; no problems.
      TypeError: an axis is not a whole number.
    """
    whole = tuple(trees.values())
    leaves, treedef = jax.tree.flatten(whole)
    axes = _flat_axes(in_axes, whole)
    names = [
        name + jax.tree_util.keystr(path)
        for name, tree in trees.items()
        for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    ]
    owned = [
        i for i, axis in enumerate(axes) if axis is not None and np.ndim(leaves[i])
    ]
    if shape is None:
        if not owned:
            raise ValueError(
                "Nothing that is given is a problem's own, so their number is unknown; "
                "say it by shape=(N,)."
            )
        sizes, axis = np.shape(leaves[owned[0]]), axes[owned[0]] or 0
        if not -len(sizes) <= axis < len(sizes):
            raise ValueError(
                f"{names[owned[0]]} has shape {sizes} and no axis {axis}; see in_axes."
            )
        shape = (sizes[axis],)
    if not shape or math.prod(shape) < 1:
        raise ValueError(f"There are no problems: those given are {shape}.")
    for i in owned:
        leaves[i] = along_first(names[i], leaves[i], shape, axes[i])
    marks = [i in owned for i in range(len(leaves))]
    return (
        shape,
        jax.tree.unflatten(treedef, leaves),
        jax.tree.unflatten(treedef, marks),
    )


def _flat_axes(in_axes: Any, trees: tuple[PyTree, ...]) -> list[int | None]:
    """The axis for each leaf, None for what all problems share."""

    def flat(tree: PyTree) -> list:
        return jax.tree.leaves(tree, is_leaf=lambda node: node is None)

    axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
    try:
        whole = jax.tree.broadcast(axes, trees, is_leaf=lambda node: node is None)
    except ValueError as error:
        raise ValueError(
            f"in_axes={in_axes!r} is not like (params, *args), "
            f"{jax.tree.structure(trees)}: give one axis for all, or a tuple of an "
            "axis or None for params and for each of args."
        ) from error
    for axis in jax.tree.leaves(whole):
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise TypeError(f"in_axes has {axis!r}; an axis is a whole number or None.")
    pairs = zip(flat(whole), flat(trees), strict=True)
    return [axis for axis, leaf in pairs if leaf is not None]


def along_first(
    name: str, value: Any, shape: Shape, axis: int | None = 0
) -> np.ndarray:
    """An array with one first axis in place of the problems', which begin at ``axis``.

    Raises:
      ValueError: its axes are others.
    """
    array, axis = np.asarray(value), axis or 0
    first = axis + array.ndim if axis < 0 else axis
    there = range(first, first + len(shape))
    if first < 0 or array.shape[first : there.stop] != shape:
        where = "its first axes" if axis == 0 else f"from axis {axis} on they"
        raise ValueError(
            f"{name} has shape {array.shape}; {where} must be of "
            f"{' x '.join(map(str, shape))}, one entry for each problem."
        )
    moved = np.moveaxis(array, there, range(len(shape)))
    return moved.reshape(math.prod(shape), *moved.shape[len(shape) :])
