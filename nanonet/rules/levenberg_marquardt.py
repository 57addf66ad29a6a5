"""Levenberg–Marquardt: Newton's method on a sum of squares, without second derivatives.

J = ½‖r‖² has ∇J = Aᵀr and H ≈ AᵀA, with A the Jacobian of the residuals r (Gauss and
Newton's approximation, good where r is small or nearly linear). The damping μ turns the
step from Gauss–Newton's (μ → 0) towards gradient descent's (μ → ∞), and adapts to how
well the last step was predicted.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import (
    check_choice,
    check_dense,
    check_numbers,
)
from nanonet.objectives.as_vector import ResidualFunction
from nanonet.objectives.modes import ScalarFunction, ravel_real
from nanonet.rules._parts.box import box_of, shortened
from nanonet.rules._parts.linearized import (
    SOLVERS,
    Linearized,
    curvature,
    half_square,
    linearized,
    solve,
    within,
)
from nanonet.rules._parts.memory import expanded, expanding, nowhere
from nanonet.rules._parts.objective import needed_residuals
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.told import Told
from nanonet.rules._parts.trial import Course, Step, attempt, set_out


class LevenbergMarquardtState(NamedTuple):
    """State of `levenberg_marquardt`."""

    memory: Any  # Linearized, where the step leads; None: nothing is remembered
    scale: Float[Array, ""]  # M²
    growth: Float[Array, ""]  # ν, what a rejected step multiplies μ by
    course: Course
    told: Told  # with the damping μ


@rule
def levenberg_marquardt(
    damping: Number = 0.1,
    *,
    geodesic: bool = False,
    solver: str = "cholesky",
) -> optax.GradientTransformation:
    """Levenberg–Marquardt, with Nielsen's damping.

    ::

        (AᵀA + μ M² I) p = -Aᵀr        A = ∂r/∂θ, M² = the largest of diag AᵀA so far
        ρ = (J(θ) - J(θ + p)) / ½ pᵀ(μ M² p - Aᵀr)       gain: actual / predicted
        ρ > 0:   θ ← θ + p,  μ ← μ max(⅒, 1 - (2ρ - 1)³),  ν ← 2
        else:    μ ← μ ν,  ν ← 2ν                        and θ stays

    So J never rises, but for rounding: a step whose predicted change is below the
    rounding of J is taken unseen, because it still improves θ, until such steps no
    longer shrink. Then the state says ``stalled``.

    M makes μ a number without a unit. After a step too small for J, diag AᵀA stands for
    M² I, so that the last steps do not depend on the parameters' units. (With its
    largest values so far in all steps, as Marquardt and Moré have it, a weight of a
    network is held back for good once J was sensitive to it.)

    ``update`` needs ``residual_fn``, r(params), or a ``value_fn`` that knows its
    residuals, as an `objective` of squared errors does, and `least_squares`'s J.

    Args:
      damping: μ(0).
      geodesic: add the second-order term ½a, (AᵀA + μ M² I) a = -Aᵀ r″(p, p), where it
        is at most 3/8 of p, in the parameters' own units and in those of A's columns;
        it helps to follow a curved valley.
      solver: "cholesky" solves the equations above. "qr" solves the least-squares
        problem itself, slowly where there are many, and for parameters that the data
        hardly tell apart: polynomials of a high degree in float32, say.

    Raises:
      ValueError: μ is not positive, no such solver, or no residuals in ``update``.

    Source: Levenberg, 1944; Marquardt, 1963; Nielsen, "Damping parameter in Marquardt's
    method", 1999 (μ, ν and M; γ is 10); Moré, "The Levenberg–Marquardt algorithm:
    implementation and theory", 1978 (QR); Transtrum & Sethna, "Improvements to the
    Levenberg–Marquardt algorithm for nonlinear least-squares minimization", 2012
    (geodesic).

    >>> import jax
    >>> r = lambda theta: theta**2 - 4.0
    >>> rule, theta = levenberg_marquardt(), jnp.array([3.0])
    >>> state = rule.init(theta)
    >>> for _ in range(6):
    ...     gradient = jax.grad(lambda theta: jnp.sum(r(theta) ** 2) / 2)(theta)
    ...     step, state = rule.update(gradient, state, theta, residual_fn=r)
    ...     theta = optax.apply_updates(theta, step)
    >>> print(theta)
    [2.]
    """
    check_numbers("damping", damping, above=0)
    check_choice("solver", solver, SOLVERS)

    def init(params: PyTree) -> LevenbergMarquardtState:
        theta, _ = ravel_real(params)
        check_dense("params", theta)
        zeros, zero = jnp.zeros_like(theta), jnp.zeros((), theta.dtype)
        square = jnp.zeros((theta.size,) * 2, theta.dtype)
        return LevenbergMarquardtState(
            Linearized(nowhere(params), square, zeros, zeros),
            scale=zero,
            growth=zero + 2,
            course=set_out(zero),
            told=Told(jnp.int32(0), jnp.bool_(False), jnp.bool_(False), zero + damping),
        )

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree | None = None,
        *,
        residual_fn: ResidualFunction | None = None,
        value_fn: ScalarFunction | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, LevenbergMarquardtState]:
        r = needed_residuals("levenberg_marquardt", residual_fn, value_fn, params)
        theta, unravel = ravel_pytree(params)

        def linearize(params: PyTree) -> Linearized:
            return linearized(r, params, solver)

        here = expanded(value_fn, r, linearize, params, state.memory)
        mu, eps = state.told.damping, jnp.finfo(theta.dtype).eps
        largest = jnp.max(here.squares, initial=0)
        scale = jnp.maximum(state.scale, largest)
        least = eps * jnp.where(scale == 0, 1, largest / scale)
        # In each parameter's own units, and hardly damped: Gauss and Newton's own step.
        own = state.course.hidden & (mu <= least)
        squares = jnp.where(own & (here.squares > 0), here.squares, scale)
        damp = mu * jnp.where(squares == 0, 1, squares)
        slope, _ = ravel_pytree(here.evaluated.grad)
        factor, step = solve(here, damp, solver)
        predicted = (damp * step - slope) @ step / 2
        box, clear = box_of(r, params), jnp.bool_(True)
        if box is not None:
            clear = jnp.all(box.free(theta, slope) & box.holds(theta + step))
            model = within(box, theta, here, damp, solver)
            step = jnp.where(clear, step, model.step())
            predicted = jnp.where(clear, predicted, model.fall(step))
        if geodesic:
            half = curvature(r, params, factor, step, jnp.sqrt(here.squares))
            # Close to the end r″ is rounding, and the plain step is better.
            near = predicted <= jnp.sqrt(eps) * here.evaluated.value
            step = shortened(box, theta, step + jnp.where(clear & ~near, half, 0))

        trial = attempt(
            lambda params: half_square(r(params)),
            linearize,
            here,
            theta,
            unravel,
            Step(step, jnp.linalg.norm(step), predicted, own),
            state.memory,
            state.course,
        )
        easier = mu * jnp.maximum(1 / 10, 1 - (2 * trial.gain - 1) ** 3)
        damping = jnp.where(trial.taken, easier, mu * state.growth)
        damping = jnp.where(trial.unseen, jnp.minimum(mu, least), damping)
        # Where all squares of A vanish in this precision, no step can be told.
        possible = jnp.isfinite(damping) & ((largest > 0) | jnp.all(slope == 0))
        told = trial.told._replace(
            damping=damping,
            stalled=trial.told.stalled | ~possible,
            precise=trial.told.precise & possible,
        )
        return unravel(jnp.where(trial.taken, step, 0)), LevenbergMarquardtState(
            trial.memory,
            scale=scale,
            growth=jnp.where(trial.course.rejected, 2 * state.growth, 2),
            course=trial.course,
            told=told,
        )

    def expand(value_fn: ScalarFunction, params: PyTree) -> Linearized:
        r = needed_residuals("levenberg_marquardt", None, value_fn, params)
        return linearized(r, params, solver)

    return expanding(init, update, expand)
