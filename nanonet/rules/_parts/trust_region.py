"""A trust region for Newton's method, which keeps it to minima.

The step minimises Newton's quadratic model of J among all steps no longer than a
radius, which exists whatever the signs of H's eigenvalues, and the radius adapts to how
well the model predicts J.
"""

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PyTree

from nanonet._internal.checks import check_dense, check_numbers
from nanonet.objectives.bounded import Box
from nanonet.objectives.derivatives import hessian
from nanonet.objectives.modes import ScalarFunction, expand, ravel_real
from nanonet.rules._parts.box import Within, both, box_of, only
from nanonet.rules._parts.memory import expanded, expanding, nowhere
from nanonet.rules._parts.objective import needed_objective
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.told import Evaluated, Told
from nanonet.rules._parts.trial import Course, Step, attempt, set_out


class Expansion(NamedTuple):
    """J near θ, to second order."""

    evaluated: Evaluated  # θ, J and ∇J
    hessian: Float[Array, "n n"]  # H; the identity where H is not finite


class TrustRegionState(NamedTuple):
    """State of `newton` with a trust region."""

    memory: Any  # Expansion, where the step leads; None: nothing is remembered
    radius: Float[Array, ""]  # Δ
    course: Course
    told: Told


@rule
def trust_region(radius: Number) -> optax.GradientTransformation:
    """Newton's method within a trust region; see `newton`.

    The step p minimises ∇J·p + ½ p·Hp subject to ‖p‖ ≤ Δ.

    Args:
      radius: Δ(0), in the units of the parameters.

    Source: Nocedal & Wright, *Numerical Optimization*, algorithms 4.1 and 4.3, with the
    hard case of section 4.3.
    """
    check_numbers("radius", radius, above=0)

    def init(params: PyTree) -> TrustRegionState:
        theta, _ = ravel_real(params)
        check_dense("params", theta)
        zero = jnp.zeros((), theta.dtype)
        return TrustRegionState(
            Expansion(nowhere(params), jnp.zeros((theta.size,) * 2, theta.dtype)),
            radius=zero + radius,
            course=set_out(zero),
            told=Told(jnp.int32(0), jnp.bool_(False), jnp.bool_(False)),
        )

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, TrustRegionState]:
        J = needed_objective("newton", value_fn, params)
        theta, unravel = ravel_pytree(params)
        expand = functools.partial(_expand, J)
        here = expanded(value_fn, J, expand, params, state.memory)
        slope, _ = ravel_pytree(here.evaluated.grad)
        H, box = here.hessian, box_of(J, params)
        if box is None:
            step, predicted, at_boundary = _trust_region_step(H, slope, state.radius)
        else:
            model = within(box, theta, H, slope, state.radius)
            step = model.step()
            predicted = model.fall(step)
            # As good as: bounds, not the model, may be what ends it.
            at_boundary = jnp.linalg.norm(step) > 0.5 * state.radius
        norm = jnp.linalg.norm(step)
        trial = attempt(
            J,
            expand,
            here,
            theta,
            unravel,
            Step(step, norm, predicted, own=~at_boundary),
            state.memory,
            state.course,
        )
        well = jnp.where(trial.taken, (trial.gain > 0.75) & at_boundary, trial.unseen)
        badly = ~trial.unseen & (~trial.taken | (trial.gain < 0.25))
        radius = jnp.where(well, 2 * state.radius, state.radius)
        return unravel(jnp.where(trial.taken, step, 0)), TrustRegionState(
            trial.memory,
            radius=jnp.where(badly, norm / 4, radius),
            course=trial.course,
            told=trial.told,
        )

    return expanding(init, update, _expand)


def within(box: Box, theta: Array, H: Array, slope: Array, radius: Array) -> Within:
    """How the step within bounds is found."""
    size = jnp.maximum(jnp.max(jnp.abs(H)), jnp.finfo(H.dtype).tiny)
    apart = size * jnp.eye(len(H), dtype=H.dtype)

    def solve(free: Array, held: Array) -> Array:
        among_free = jnp.where(both(free), H, apart)
        force = only(free, slope + H @ held)
        return _trust_region_step(among_free, force, radius)[0]

    def fall(step: Array) -> Array:
        return -(slope @ step + step @ (H @ step) / 2)

    return Within(box, theta, slope, solve, fall)


def _expand(J: ScalarFunction, params: PyTree) -> Expansion:
    value, slope = expand(J, params)
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
    # At the upper end ‖p‖ ≤ √n max |a|/(λ₁ + σ) = Δ; no square overflows.
    longest = jnp.max(jnp.abs(a)) / radius
    bracket = (least, least + len(a) ** 0.5 * longest)
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
