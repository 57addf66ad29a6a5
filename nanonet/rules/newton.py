"""Newton's method for minima: θ ← θ - H⁻¹ ∇J (pages 8 and 9 of the notes).

The zero of ∇J that Newton's method finds may be a minimum, a maximum or a saddle point.
By default a trust region keeps it to minima.
"""

from typing import Any

import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from nanonet.objectives.derivatives import ScalarFunction, hessian
from nanonet.rules._parts.objective import needed_objective
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.safeguard import unguarded_rate
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
    alpha = unguarded_rate("newton", learning_rate, safeguard)
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
