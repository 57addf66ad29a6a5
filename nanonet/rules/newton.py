"""Newton's method for minima (pages 8 and 9 of the notes), and Gauss and Newton's.

The zero of ∇J that Newton's method finds may be a minimum, a maximum or a saddle point.
By default a trust region keeps it to minima.
"""

from typing import Any

import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from nanonet._internal.checks import check_numbers
from nanonet.objectives.as_vector import ResidualFunction
from nanonet.objectives.derivatives import hessian, jacobian
from nanonet.objectives.modes import ScalarFunction
from nanonet.rules._parts.box import box_of
from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.objective import needed_objective, needed_residuals
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.trust_region import trust_region


@rule
def newton(
    learning_rate: Number | None = None, *, safeguard: bool = True, radius: Number = 1.0
) -> optax.GradientTransformation:
    """Newton's method.

    ::

        θ(t+1) = θ(t) - H⁻¹ ∇J                  safeguard=False: as in the notes
        θ(t+1) = θ(t) - J′/J″                   for a single parameter

    With the safeguard, the step p minimises ∇J·p + ½ p·Hp subject to ‖p‖ ≤ Δ: it is
    -(H + σI)⁻¹∇J with the least σ ≥ 0 that makes H + σI positive and ‖p‖ ≤ Δ, found in
    H's eigenvectors; σ = 0, Newton's own step, near a minimum. It is taken if J falls,
    so J never rises, and Δ shrinks or grows as J falls by less or more than ¼ or ¾ of
    what was predicted.

    ``update`` needs ``value_fn``, J(params), as `minimize` and optax's line searches
    pass it.

    Args:
      learning_rate: α of θ - α H⁻¹∇J, 1 by default; only without the safeguard.
      safeguard: keep to a trust region.
      radius: Δ(0), in the units of the parameters.

    Raises:
      ValueError: α or Δ is not positive, α is given with the safeguard, or ``update``
        is not given ``value_fn`` and the parameters.

    Source: pages 8 and 9 of the notes; Nocedal & Wright, *Numerical Optimization*,
    algorithms 4.1 and 4.3, with the hard case of section 4.3.

    >>> import jax
    >>> J = lambda theta: (theta - 3) ** 4 + theta
    >>> rule, theta = newton(safeguard=False), jnp.array(5.0)
    >>> slope = jax.grad(J)(theta)
    >>> step, state = rule.update(slope, rule.init(theta), theta, value_fn=J)
    >>> print(f"{step:.4f}")  # -J′/J″ = -33/48
    -0.6875
    """
    alpha = _unguarded_rate("newton", learning_rate, safeguard)
    if not safeguard:
        return optax.chain(scale_by_inverse_hessian(), optax.scale(-alpha))
    return trust_region(radius)


@rule
def scale_by_inverse_hessian() -> optax.GradientTransformation:
    """H⁻¹ times the updates: of a gradient, Newton's step; see `newton`.

    Where H is singular it has no inverse, and the result is not finite.

    >>> import jax
    >>> J = lambda theta: theta["a"] ** 2 + 8 * theta["b"] ** 2
    >>> rule, theta = scale_by_inverse_hessian(), {"a": 3.0, "b": 5.0}
    >>> step, _ = rule.update(jax.grad(J)(theta), rule.init(theta), theta, value_fn=J)
    >>> print(step["a"], step["b"])
    3.0 5.0
    """

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, Any]:
        slope, unravel = ravel_pytree(updates)
        H, _ = hessian(needed_objective("newton", value_fn, params), params)
        return unravel(jnp.linalg.solve(H, slope)), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


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
    alpha = _unguarded_rate("gauss_newton", learning_rate, safeguard)
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
        box = box_of(r, params)
        if box is not None:
            theta, slope = ravel_pytree(params)[0], A.T @ jnp.ravel(r(params))
            A = jnp.where(box.free(theta, slope)[None, :], A, 0)
        step = jnp.linalg.lstsq(A, jnp.ravel(r(params)))[0]
        return unravel(step), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


def _unguarded_rate(rule: str, learning_rate: Number | None, safeguard: bool) -> Number:
    """α of a rule without its safeguard, 1 by default.

    Raises:
      ValueError: α is not positive, or is given with the safeguard, which would not
        heed it.
    """
    if learning_rate is None:
        return 1.0
    if safeguard:
        raise ValueError(
            f"{rule} chooses the length of its step itself and takes no learning_rate: "
            f"leave it out, or pass safeguard=False too, for {rule} as in the notes."
        )
    check_numbers("learning_rate", learning_rate, above=0)
    return learning_rate
