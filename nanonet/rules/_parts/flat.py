"""Trees as vectors, for rules that compute with vectors."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.derivatives import ScalarFunction, expand


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
