"""The derivative of an answer, by the implicit function theorem."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.scipy.sparse.linalg import bicgstab
from jaxtyping import Array, Bool, Inexact, PyTree

from nanonet.objectives.modes import in_some_mode

Vector = Inexact[Array, " n"]
Matrix = Inexact[Array, "n n"]

# Of more unknowns the equations of the tangent are solved without their matrix.
LARGEST_DENSE = 1_000


def solution(
    equations: Callable[[PyTree], PyTree],
    find: Callable[[PyTree], tuple[PyTree, PyTree]],
    start: PyTree,
) -> tuple[PyTree, PyTree]:
    """x(a) with F(x, a) = 0 as ``find`` finds it, and how the search went.

    ::

        dx/da = -(∂F/∂x)⁻¹ ∂F/∂a

    for all that ``equations``, x → F(x), closes over, in forward and in reverse mode
    and nested. How x was found does not enter. The second of what ``find(start)``
    returns has no derivatives; nor has x of equations that have no forward mode, such
    as those with a `jax.custom_vjp`.

    Source: Griewank & Walther, *Evaluating Derivatives*, chapter 15.
    """

    def find_real(_: Callable, start: PyTree) -> tuple[PyTree, PyTree]:
        x, rest = find(start)
        return x, jax.tree.map(_as_inexact, rest)

    options = {"solve": find_real, "tangent_solve": _solve_tangent, "has_aux": True}
    return in_some_mode(
        lambda: lax.custom_root(equations, start, **options),
        lambda: differentiable_where(jnp.bool_(False), find_real(equations, start)),
    )


def solution_in_part(
    equations: Callable[[Vector, Vector], Vector],
    find: Callable[[Vector], tuple[Vector, PyTree]],
    start: Vector,
) -> tuple[Vector, PyTree]:
    """`solution` of F(x, x, a) = 0 with ∂F/∂x by the first x alone.

    ::

        dx/da = -(∂₁F)⁻¹ ∂F/∂a        where ∂₂F is small, or dear

    The second x is an unknown of its own, y with y - x = 0, so that the derivatives of
    this derivative see both.
    """

    def pair(unknowns: tuple[Vector, Vector]) -> tuple[Vector, Vector]:
        x, y = unknowns
        return equations(x, y), y - x

    def find_pair(_: Callable, start: tuple) -> tuple[tuple, PyTree]:
        x, rest = find(start[0])
        return (x, x), jax.tree.map(_as_inexact, rest)

    def solve_tangent(linear: Callable, right: tuple) -> tuple[Vector, Vector]:
        still = jnp.zeros_like(right[0])
        x = _solve_tangent(lambda along: linear((along, still))[0], right[0])
        return x, x

    (x, _), rest = lax.custom_root(
        pair, (start, start), find_pair, solve_tangent, has_aux=True
    )
    return x, rest


def _as_inexact(leaf: Array) -> Array:
    # custom_root has no tangents for integers and booleans.
    return leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf.astype(float)


def _solve_tangent(linear: Callable[[PyTree], PyTree], y: PyTree) -> PyTree:
    """x with linear(x) = y."""
    narrow, unravel = ravel_pytree(y)
    is_half = jnp.finfo(narrow.dtype).bits < 32
    flat = narrow.astype(jnp.float32) if is_half else narrow

    def apply(vector: Vector) -> Vector:
        along = unravel(vector.astype(narrow.dtype))
        return ravel_pytree(linear(along))[0].astype(flat.dtype)

    if flat.size > LARGEST_DENSE:
        ways = _solve_by_products, _solve_by_products
        x = lax.custom_linear_solve(apply, flat, *ways)
    else:
        matrix = jax.vmap(apply, out_axes=1)(jnp.eye(flat.size, dtype=flat.dtype))
        x = solve(matrix, flat)
    return unravel(x.astype(narrow.dtype))


def _solve_by_products(product: Callable[[Vector], Vector], y: Vector) -> Vector:
    """M⁻¹ y, from products with M alone; NaN where that does not come to an end."""
    tol = float(jnp.finfo(y.dtype).eps) ** (2 / 3)
    x, _ = bicgstab(product, y, tol=tol)
    left = jnp.linalg.norm(product(x) - y)
    return jnp.where(left <= tol**0.5 * jnp.linalg.norm(y), x, jnp.nan)


def solve(matrix: Matrix, y: Vector) -> Vector:
    """M⁻¹ y; not finite where the matrix is singular."""
    return y / matrix[0] if y.size == 1 else jnp.linalg.solve(matrix, y)


@jax.custom_jvp
def differentiable_where(holds: Bool[Array, ""], tree: PyTree) -> PyTree:
    """The tree as it is, with derivatives that are NaN unless the condition holds."""
    return tree


@differentiable_where.defjvp
def _differentiable_where_jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    holds, tree = primals
    factor = jnp.where(holds, 1.0, jnp.nan)

    def scaled(tangent: Array) -> Array:
        is_whole = tangent.dtype == jax.dtypes.float0
        return tangent if is_whole else tangent * factor.astype(tangent.dtype)

    return tree, jax.tree.map(scaled, tangents[1])
