"""Newton-CG: Newton's step without the matrix H, for networks too large for it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.checks import check_count
from nanonet.objectives.modes import ScalarFunction, hessian_product
from nanonet.rules._parts.box import box_of, free_in, only
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.objective import flattened, needed_objective
from nanonet.rules._parts.rule import rule


@rule
def newton_cg(max_products: int = 200) -> optax.GradientTransformation:
    """Newton's method by conjugate gradients, with a line search.

    The equations H p = -∇J are solved by conjugate gradients, which need H only in
    products with vectors, each at the cost of a few gradients. They stop where

    ::

        ‖H p + ∇J‖ ≤ min(½, √‖∇J‖) ‖∇J‖

    or at the first direction d with d·Hd ≤ 0: then p is what has been found before it,
    or -∇J ‖∇J‖²/|d·Hd| if that is nothing, so that p goes down whatever the signs of
    H's eigenvalues. The line search is that of `bfgs`; J never rises.

    ``update`` needs the parameters, ``value``, ``grad`` and ``value_fn``, as `minimize`
    passes them. Evaluations in the result are those of J and ∇J, not products with H.

    Args:
      max_products: products with H for one step, at the most.

    Raises:
      ValueError: ``max_products`` is less than 1; TypeError: it is not whole.

    Source: Nocedal & Wright, *Numerical Optimization*, algorithm 7.1.

    >>> J = lambda theta: jnp.sum(jnp.arange(1.0, 4.0) * (theta - 1) ** 2)
    >>> from nanonet.solve.minimize import minimize
    >>> print(minimize(J, jnp.zeros(3), newton_cg()).params.round(3))
    [1. 1. 1.]
    """
    return optax.chain(
        scale_by_newton_cg(max_products), optax.scale(-1.0), scale_by_wolfe_search()
    )


@rule
def scale_by_newton_cg(max_products: int = 200) -> optax.GradientTransformation:
    """H⁻¹ times the gradient, as far as conjugate gradients go; see `newton_cg`."""
    max_products = check_count("max_products", max_products, at_least=1)

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, Any]:
        J = needed_objective("newton_cg", value_fn, params)
        vector, back = flattened(params)
        slope, _ = flattened(updates)
        product = hessian_product(lambda v: J(back(v)), vector)
        free = free_in(box_of(J, params), vector, slope)
        step = _conjugate_gradients(
            lambda v: only(free, product(v)),
            only(free, slope).astype(vector.dtype),
            max_products,
        )
        return back(step), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


class _Iterate(NamedTuple):
    step: Int[Array, ""]
    x: Float[Array, " n"]
    residual: Float[Array, " n"]  # b - H x
    direction: Float[Array, " n"]
    square: Float[Array, ""]  # ‖residual‖²
    curved_down: Bool[Array, ""]


def _conjugate_gradients(
    product: Callable[[Array], Array], b: Array, max_products: int
) -> Float[Array, " n"]:
    """X with H x ≈ b, H being positive definite on all that was searched."""
    size = jnp.max(jnp.abs(b), initial=jnp.finfo(b.dtype).tiny)
    b = b / size  # so that no square overflows
    square = b @ b
    norm = size * jnp.sqrt(square)
    target = jnp.minimum(0.25, norm) * square

    def going(now: _Iterate) -> Array:
        return (now.square > target) & ~now.curved_down & (now.step < max_products)

    def advance(now: _Iterate) -> _Iterate:
        d = now.direction
        Hd = product(d)
        curvature = d @ Hd
        # Not (> 0): also where it is NaN.
        down = ~(curvature > 0)
        alpha = jnp.where(down, 0, now.square / curvature)
        x = now.x + alpha * d
        # The first direction is all there is then: as long as if H were turned round.
        alone = down & (now.step == 0) & (curvature < 0)
        x = jnp.where(alone, now.square / jnp.abs(curvature) * d, x)
        residual = jnp.where(down, now.residual, now.residual - alpha * Hd)
        new_square = residual @ residual
        direction = residual + new_square / now.square * d
        return _Iterate(now.step + 1, x, residual, direction, new_square, down)

    no = jnp.bool_(False)
    start = _Iterate(jnp.int32(0), jnp.zeros_like(b), b, b, square, no)
    x = lax.while_loop(going, advance, start).x
    return size * jnp.where(jnp.any(x != 0), x, b)
