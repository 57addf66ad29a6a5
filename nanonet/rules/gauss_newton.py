"""Gauss-Newton: Newton's step on a sum of squares, without second derivatives."""

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from nanonet.objectives.derivatives import ResidualFunction, ScalarFunction, jacobian
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.objective import needed_residuals
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.safeguard import unguarded_rate


@rule
def gauss_newton(
    learning_rate: Number | None = None, *, safeguard: bool = True
) -> optax.GradientTransformation:
    """Gauss-Newton, for J = ½‖r‖².

    ::

        θ(t+1) = θ(t) - A⁺ r,   A = ∂r/∂θ

    A⁺r = (AᵀA)⁻¹Aᵀr where A has full rank, and else the shortest step that makes
    ‖A p + r‖ least. It is Newton's step with AᵀA for H, which lacks Σ r ∇²r: good where
    r is small or nearly linear. The step goes down wherever ∇J is not 0, so a line
    search suffices to make J fall; `levenberg_marquardt` is surer where A is nearly
    singular.

    ``update`` needs the residuals as `levenberg_marquardt` does; with the line search
    ``value``, ``grad`` and ``value_fn`` too.

    Args:
      learning_rate: α of θ - α A⁺r, 1 by default; only without the safeguard.
      safeguard: search along the step by Wolfe's conditions.

    Raises:
      ValueError: α is not positive, α is given with the safeguard, or no residuals in
        ``update``.

    Source: Nocedal & Wright, *Numerical Optimization*, section 10.3.

    >>> r = lambda theta: 2 * theta - jnp.array([2.0, 6.0])
    >>> rule, theta = gauss_newton(safeguard=False), jnp.zeros(2)
    >>> step, _ = rule.update(theta, rule.init(theta), theta, residual_fn=r)
    >>> print(step)
    [1. 3.]
    """
    alpha = unguarded_rate("gauss_newton", learning_rate, safeguard)
    if not safeguard:
        return optax.chain(scale_by_gauss_newton(), optax.scale(-alpha))
    return optax.chain(
        scale_by_gauss_newton(), optax.scale(-1.0), scale_by_wolfe_search()
    )


@rule
def scale_by_gauss_newton() -> optax.GradientTransformation:
    """A⁺r in place of the gradient Aᵀr; see `gauss_newton`."""

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        residual_fn: ResidualFunction | None = None,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, Any]:
        r = needed_residuals("gauss_newton", residual_fn, value_fn, params)
        A, unravel = jacobian(r, params)
        step = jnp.linalg.lstsq(A, jnp.ravel(r(params)))[0]
        return unravel(step), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)
