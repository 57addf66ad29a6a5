"""What `fit_many` is given: starts, data, and which of them are each network's own."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_count, check_number, check_parameters
from nanonet.many.blocks import initialize
from nanonet.network.network import Network
from nanonet.objectives.bounded import Box, check_bounds
from nanonet.objectives.data import check_real
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import objective
from nanonet.rules._parts.rule import Recipe


def read_starts(network: Network, given: PyTree) -> tuple[PyTree, Callable, bool]:
    """Return the starts on the host, what makes parameters of them, and if randomly."""
    leaves = jax.tree.leaves(given)
    if not leaves or any(np.ndim(leaf) == 0 for leaf in leaves):
        raise ValueError("params_or_keys must have a leading axis, one per network.")
    lengths = {len(leaf) for leaf in leaves}
    if len(lengths) > 1:
        raise ValueError(
            f"params_or_keys has leading axes of {sorted(lengths)}; they must be alike."
        )
    if lengths == {0}:
        raise ValueError("params_or_keys holds no networks.")
    dtype = leaves[0].dtype if len(leaves) == 1 else None
    is_typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if is_typed or (dtype == np.uint32 and np.shape(leaves[0])[1:] == (2,)):
        key_type = str(jax.random.key_impl(given)) if is_typed else None
        keys = jax.random.key_data(given) if is_typed else given
        draw = functools.partial(initialize, network.init, key_type)
        return np.asarray(keys), draw, True
    check_parameters("params_or_keys", given)
    return jax.tree.map(np.asarray, given), lambda params: params, False


def read_data(
    network: Network, loss: Loss, params: PyTree, x: ArrayLike, y: ArrayLike, N: int
) -> tuple[Any, Any, list]:
    """Return x, y and, in a list, those of them that all networks share."""
    x, y = _on_host("x", x), _on_host("y", y)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; it must be [n, inputs].")
    x_is_own = x.ndim == 3
    check_own("x", x, N, is_own=x_is_own)
    n = x.shape[1] if x_is_own else len(x)
    one_x = x[0] if x_is_own else x
    if network.architecture is not None:
        outputs = network.architecture.sizes[-1]
    else:
        outputs = jax.eval_shape(network.apply, params, one_x[0]).size if n else 1
    y_is_own = y.shape[:1] != (n,) or y.size != n * outputs
    check_own("y", y, N, is_own=y_is_own)
    objective(network, loss, one_x, y[0] if y_is_own else y)  # for its errors
    return x, y, [d for d, own in ((x, x_is_own), (y, y_is_own)) if not own]


def read_bounds(bounds: Any, params: PyTree, N: int) -> tuple[Box | None, list]:
    """Return the bounds on the host and, in a list, those that all networks share."""
    if bounds is None:
        return None, []
    box = jax.tree.map(np.asarray, check_bounds(bounds, params, many=N))
    like = (params, params)
    shared = jax.tree.map(lambda of, one: np.ndim(of) == np.ndim(one), tuple(box), like)
    leaves = zip(jax.tree.leaves(box), jax.tree.leaves(shared), strict=True)
    return box, [leaf for leaf, of_all in leaves if of_all]


def _on_host(argument: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    check_real(argument, array)
    return array if array.dtype.kind in "fV" else array.astype(jnp.result_type(float))


def check_own(name: str, value: Any, N: int, *, is_own: bool = True) -> None:
    """Raise `ValueError` unless an array of each network's own is of N networks."""
    if is_own and np.ndim(value) > 0 and len(value) != N:
        raise ValueError(
            f"{name} has shape {np.shape(value)}; its first axis must be of {N}, one "
            "for each network."
        )


def check_hyperparameters(rule: optax.GradientTransformation, N: int) -> None:
    """Raise `ValueError` unless hyperparameters that are arrays are of N networks."""
    for leaf in jax.tree.leaves(rule, is_leaf=lambda node: isinstance(node, Recipe)):
        if isinstance(leaf, Recipe):
            for name, value in leaf.arguments.items():
                if isinstance(value, np.ndarray | jax.Array):
                    check_own(name, value, N)


def check_limits(gtol: float | None, goal: float | None, **sizes: int | None) -> None:
    """Raise unless the tolerances given are numbers, and the sizes whole ones."""
    if gtol is not None:
        check_number("gtol", gtol, at_least=0)
    if goal is not None:
        check_number("goal", goal)
    for name, size in sizes.items():
        if size is not None:
            check_count(name, size, at_least=1)
