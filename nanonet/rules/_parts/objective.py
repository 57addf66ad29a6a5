"""What ``update`` is given beside the gradient: J and its residuals; as vectors.

`optax.masked` and `optax.partition` hide parameters from a rule, which J needs to see.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_precision
from nanonet.objectives.as_vector import ResidualFunction
from nanonet.objectives.modes import ScalarFunction, expand


@dataclasses.dataclass(frozen=True)
class AtPoint:
    """J where a run stands: where parameters are masked, it takes those of the point.

    So a rule that evaluates J may train some layers alone.
    """

    fun: Callable[[PyTree], Any]
    params: PyTree
    remembered: bool = False
    """Whether a rule's memory is of this point for sure; see `memory.remembers`."""

    def __call__(self, params: PyTree) -> Any:
        """J, or what else the function gives."""
        return self.fun(
            _map(lambda p, own: own if _is_masked(p) else p, params, self.params)
        )

    @property
    def residuals(self) -> "AtPoint":
        """Those that J knows; else `AttributeError`."""
        return AtPoint(self.fun.residuals, self.params)  # pyright: ignore

    def seen_with(self, params: PyTree) -> Callable[[PyTree], Any]:
        """The function of these parameters: J itself, where nothing is masked."""
        whole = jax.tree.structure(params) == jax.tree.structure(self.params)
        return self.fun if whole else self


def masked_like(params: PyTree, tree: PyTree) -> PyTree:
    """The tree without the leaves that are masked in the parameters."""
    return _map(lambda p, leaf: p if _is_masked(p) else leaf, params, tree)


def needed_objective(
    rule: str, value_fn: ScalarFunction | None, params: PyTree
) -> ScalarFunction:
    """``value_fn``; ValueError where it or the parameters are missing."""
    if value_fn is None or params is None:
        raise ValueError(
            f"{rule} needs the parameters and value_fn, J: "
            "update(gradient, state, params, value_fn=J), as minimize calls it."
        )
    check_precision("params", params)
    return value_fn.seen_with(params) if isinstance(value_fn, AtPoint) else value_fn


def needed_residuals(
    rule: str, residual_fn: ResidualFunction | None, value_fn: Any, params: PyTree
) -> ResidualFunction:
    """``residual_fn``, or the residuals that J knows; else `ValueError`.

    They are not asked of the loop, because optax's line searches refuse any argument
    that J does not take.
    """
    if residual_fn is None and value_fn is not None:
        J = needed_objective(rule, value_fn, params)
        residual_fn = getattr(J, "residuals", None)
    if residual_fn is None:
        raise ValueError(
            f"{rule} needs the residuals r with J = ½‖r‖²: use "
            f"least_squares(residuals, ..., rule={rule}()), minimize an objective of "
            "half_squared_error or mean_squared_error, or call "
            "update(gradient, state, params, residual_fn=r)."
        )
    check_precision("params", params)
    return residual_fn


def _map(choose: Callable, params: PyTree, other: PyTree) -> PyTree:
    return jax.tree.map(choose, params, other, is_leaf=_is_masked)


def _is_masked(node: Any) -> bool:
    return isinstance(node, optax.MaskedNode)


def flattened(tree: PyTree) -> tuple[Float[Array, " n"], Callable[[Array], Any]]:
    """All numbers as one real vector, and the way back; complex numbers are two each.

    >>> vector, back = flattened({"w": jnp.array([1.0, 2.0]), "z": 3 + 4j})
    >>> print(vector, back(vector)["z"])
    [1. 2. 3. 4.] (3+4j)
    """

    def parts(leaf: Any) -> Any:
        return (jnp.real(leaf), jnp.imag(leaf)) if jnp.iscomplexobj(leaf) else leaf

    def joined(leaf: Any, part: Any) -> Array:
        return lax.complex(*part) if jnp.iscomplexobj(leaf) else part

    vector, unravel = ravel_pytree(jax.tree.map(parts, tree))
    return vector, lambda vector: jax.tree.map(joined, tree, unravel(vector))


def on_vector(
    J: ScalarFunction, back: Callable[[Array], PyTree]
) -> Callable[[Array], tuple[Array, Array]]:
    """J and ∇J as functions of the vector; J in its precision."""
    return lambda vector: expand(lambda v: jnp.asarray(J(back(v)), v.dtype), vector)
