"""Newton's method for minima: θ ← θ - H⁻¹ ∇J (pages 8 and 9 of the notes).

The zero of ∇J that Newton's method finds may be a minimum, a maximum or a saddle point.
By default a trust region keeps it to minima: the step minimises Newton's quadratic
model of J among all steps no longer than a radius, which exists whatever the signs of
H's eigenvalues, and the radius adapts to how well the model predicts J.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PyTree

from nanonet._internal.checks import check_dense, check_number, check_precision
from nanonet.objectives.derivatives import ScalarFunction, hessian, ravel_real
from nanonet.rules._parts.evaluated import Evaluated, chosen, expanded, nowhere
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.safeguard import unguarded_rate
from nanonet.rules._parts.told import Told
from nanonet.rules._parts.trial import judge, stalled


class Expansion(NamedTuple):
    """J near θ, to second order."""

    evaluated: Evaluated  # θ, J and ∇J
    hessian: Float[Array, "n n"]  # H; the identity where H is not finite


class TrustRegionState(NamedTuple):
    """State of `newton` with a trust region."""

    memory: Any  # Expansion, where the step leads; None: nothing is remembered
    radius: Float[Array, ""]  # Δ
    step_norm: Float[Array, ""]  # ‖p‖ of the last step, if J did not show it, else inf
    told: Told


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

    >>> J = lambda theta: (theta - 3) ** 4 + theta
    >>> rule, theta = newton(safeguard=False), jnp.array(5.0)
    >>> slope = jax.grad(J)(theta)
    >>> step, state = rule.update(slope, rule.init(theta), theta, value_fn=J)
    >>> print(f"{step:.4f}")  # -J′/J″ = -33/48
    -0.6875
    """
    alpha = unguarded_rate("newton", learning_rate, safeguard)
    check_number("radius", radius, above=0)
    if not safeguard:
        return optax.chain(scale_by_inverse_hessian(), optax.scale(-alpha))

    def init(params: PyTree) -> TrustRegionState:
        theta, _ = ravel_real(params)
        check_dense("params", theta)
        zero = jnp.zeros((), theta.dtype)
        return TrustRegionState(
            Expansion(nowhere(params), jnp.zeros((theta.size,) * 2, theta.dtype)),
            radius=zero + radius,
            step_norm=zero + jnp.inf,
            told=Told(jnp.int32(0), jnp.bool_(False)),
        )

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, TrustRegionState]:
        J = _needed(value_fn, params)
        theta, unravel = ravel_pytree(params)
        here = expanded(functools.partial(_expand, J), params, state.memory)
        old_value = here.evaluated.value
        slope, _ = ravel_pytree(here.evaluated.grad)
        step, predicted, at_boundary = _trust_region_step(
            here.hessian, slope, state.radius
        )
        new_params = unravel(theta + step)
        value = J(new_params).astype(theta.dtype)
        judgement = judge(old_value, value, predicted)
        taken, memory = judgement.gain > 0, None
        if state.memory is not None:
            there = lax.cond(taken, lambda: _expand(J, new_params), lambda: here)
            new_slope, _ = ravel_pytree(there.evaluated.grad)
            taken &= jnp.all(jnp.isfinite(new_slope))
            memory = chosen(taken, there, here)
        norm = jnp.linalg.norm(step)
        wider = (judgement.gain > 0.75) & at_boundary
        radius = jnp.where(wider, 2 * state.radius, state.radius)
        radius = jnp.where(judgement.gain < 0.25, norm / 4, radius)
        return unravel(jnp.where(taken, step, 0)), TrustRegionState(
            memory,
            radius=jnp.where(taken, radius, norm / 4),
            step_norm=jnp.where(judgement.unseen, norm, jnp.inf),
            told=Told(
                jnp.int32(1),
                stalled(judgement, norm, state.step_norm, jnp.linalg.norm(theta)),
            ),
        )

    return optax.GradientTransformationExtraArgs(init, update)


@rule
def scale_by_inverse_hessian() -> optax.GradientTransformation:
    """H⁻¹ times the updates: of a gradient, Newton's step; see `newton`.

    Where H is singular it has no inverse, and the result is not finite.

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
        H, _ = hessian(_needed(value_fn, params), params)
        return unravel(jnp.linalg.solve(H, slope)), state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)


def _needed(value_fn: ScalarFunction | None, params: PyTree) -> ScalarFunction:
    if value_fn is None or params is None:
        raise ValueError(
            "newton needs the parameters and value_fn, J: "
            "update(gradient, state, params, value_fn=J), as minimize calls it."
        )
    check_precision("params", params)
    return value_fn


def _expand(J: ScalarFunction, params: PyTree) -> Expansion:
    value, slope = jax.value_and_grad(J)(params)
    H, _ = hessian(J, params)
    # Without curvature to go by, the step is steepest descent's.
    H = jnp.where(jnp.all(jnp.isfinite(H)), H, jnp.eye(len(H), dtype=H.dtype))
    return Expansion(Evaluated(params, value.astype(H.dtype), slope), H)


def _trust_region_step(
    H: Array, slope: Array, radius: Array
) -> tuple[Float[Array, " n"], Float[Array, ""], Bool[Array, ""]]:
    """The step, the fall of J that it predicts, and whether it has length Δ."""
    eigenvalues, vectors = jnp.linalg.eigh(H)
    a = vectors.T @ slope
    least = jnp.maximum(0, -eigenvalues[0])
    tiny = jnp.finfo(slope.dtype).tiny

    def step(sigma: Array) -> Array:
        shifted = eigenvalues + sigma
        # Where a is 0 too, σ = -λ leaves that direction open: it is filled in below.
        return jnp.where(a == 0, 0, -a / jnp.where(shifted == 0, tiny, shifted))

    def bisect(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = (low + high) / 2
        long = jnp.linalg.norm(step(middle)) > radius
        return jnp.where(long, middle, low), jnp.where(long, high, middle)

    inside = (eigenvalues[0] > 0) & (jnp.linalg.norm(step(least)) <= radius)
    # At the upper end ‖p‖ ≤ ‖a‖/(λ₁ + σ) = Δ.
    bracket = (least, least + jnp.linalg.norm(a) / radius)
    bits = jnp.finfo(slope.dtype).nmant
    sigma = lax.fori_loop(0, bits, bisect, bracket)[1]
    p = step(jnp.where(inside, 0, sigma))
    # Down a direction of negative curvature J falls however small its slope, to the
    # boundary. An eigenvalue as small as eigh's rounding is no sign of one.
    rounding = H.shape[0] * jnp.finfo(H.dtype).eps * jnp.max(jnp.abs(eigenvalues))
    rest = jnp.sqrt(jnp.maximum(radius**2 - p[1:] @ p[1:], 0))
    down = jnp.where(a[0] > 0, -rest, rest)
    p = p.at[0].set(jnp.where(eigenvalues[0] < -rounding, down, p[0]))
    predicted = -(a @ p + p @ (eigenvalues * p) / 2)
    return vectors @ p, predicted, ~inside
