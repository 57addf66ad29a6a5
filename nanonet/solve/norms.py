"""Lengths of trees of arrays."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

Scalar = Float[Array, ""]


def norm(tree: PyTree) -> Scalar:
    """‖tree‖₂, in float32 at the least: float16's squares overflow at 256."""
    return jnp.sqrt(_sum_of_squares(_sizes(tree)))


def safe_norm(tree: PyTree) -> Scalar:
    """‖tree‖₂ of entries however large or small, at twice the price of `norm`.

    ::

        ‖x‖ = √(Σ (s x)²) / s        s = 1, or a power of two

    with s chosen so that the sum neither overflows nor vanishes: float32's squares do
    above 10¹⁹ and below 10⁻²³.

    Source: Blue, "A portable Fortran program to find the Euclidean norm of a vector",
    1978.
    """
    sizes = _sizes(tree)
    total = _sum_of_squares(sizes)
    exponent = jnp.finfo(total.dtype).maxexp
    up, small = 2.0 ** (exponent // 2 - 1), 2.0 ** (-exponent // 2)
    down = 2.0 ** (-5 * exponent // 8)
    scale = jnp.where(total == jnp.inf, down, jnp.where(total < small, up, 1))
    scale = scale.astype(total.dtype)
    # The maximum changes nothing. Without it jax 0.10 takes s² x², which may be 0 · ∞,
    # for the square of an x that is known as it compiles.
    scaled = [jnp.maximum(scale * size, 0) for size in sizes]
    return jnp.sqrt(_sum_of_squares(scaled)) / scale


def _sizes(tree: PyTree) -> list[Array]:
    """|x| of all entries, in float32 at the least."""
    leaves = [jnp.abs(leaf) for leaf in jax.tree.leaves(tree)]
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(jnp.float32, *leaves)
    return [leaf.astype(dtype) for leaf in leaves]


def _sum_of_squares(sizes: list[Array]) -> Array:
    return jnp.asarray(sum(jnp.sum(size**2) for size in sizes))
