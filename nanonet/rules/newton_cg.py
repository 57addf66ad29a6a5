"""Newton-CG: Newton's step without the matrix H, for networks too large for it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.checks import check_count, check_precision
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.rule import rule


@rule
def newton_cg(max_products: int = 200) -> optax.GradientTransformation:
    """Newton's method by conjugate gradients, with a line search.

    The equations H p = -∇J are solved by conjugate gradients, which need H only in
    products with vectors, each at the cost of a few gradients. They stop where

    ::

        ‖H p + ∇J‖ ≤ min(½, √‖∇J‖) ‖∇J‖

    or at the first direction d with d·Hd ≤ 0: then p is what has been found before it,
    or -∇J if there is nothing, so that p goes down whatever the signs of H's
    eigenvalues. The line search is that of `bfgs`; J never rises.

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
    check_count("max_products", max_products, at_least=1)

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, Any]:
        if value_fn is None or params is None:
            raise ValueError(
                "newton_cg needs the parameters and value_fn, J: "
                "update(gradient, state, params, value_fn=J), as minimize calls it."
            )
        check_precision("params", params)
        _, product = jax.linearize(jax.grad(value_fn), params)
        return _conjugate_gradients(product, updates, max_products), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


class _Iterate(NamedTuple):
    step: Int[Array, ""]
    x: PyTree
    residual: PyTree  # b - H x
    direction: PyTree
    square: Float[Array, ""]  # ‖residual‖²
    curved_down: Bool[Array, ""]


def _conjugate_gradients(product: Any, b: PyTree, max_products: int) -> PyTree:
    """X with H x ≈ b, H being positive definite on all that was searched."""
    square = _dot(b, b)
    norm = jnp.sqrt(square)
    target = (jnp.minimum(0.5, jnp.sqrt(norm)) * norm) ** 2

    def going(now: _Iterate) -> Array:
        return (now.square > target) & ~now.curved_down & (now.step < max_products)

    def advance(now: _Iterate) -> _Iterate:
        d = now.direction
        Hd = product(d)
        curvature = _dot(d, Hd)
        # Not (> 0): also where it is NaN.
        down = ~(curvature > 0)
        alpha = jnp.where(down, 0, now.square / curvature)
        x = optax.tree.add_scale(now.x, alpha, d)
        residual = optax.tree.add_scale(now.residual, -alpha, Hd)
        residual = optax.tree.where(down, now.residual, residual)
        new_square = _dot(residual, residual)
        direction = optax.tree.add_scale(residual, new_square / now.square, d)
        return _Iterate(now.step + 1, x, residual, direction, new_square, down)

    start = _Iterate(
        step=jnp.int32(0),
        x=optax.tree.zeros_like(b),
        residual=b,
        direction=b,
        square=square,
        curved_down=jnp.bool_(False),
    )
    end = lax.while_loop(going, advance, start)
    nothing = end.curved_down & (end.step == 1)
    return optax.tree.where(nothing, b, end.x)


def _dot(a: PyTree, b: PyTree) -> Array:
    return jnp.asarray(optax.tree.vdot(a, b))
