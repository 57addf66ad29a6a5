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
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import (
    check_choice,
    check_dense,
    check_number,
)
from nanonet.objectives.bounded import Box
from nanonet.objectives.derivatives import (
    ResidualFunction,
    ScalarFunction,
    bend,
    jacobian,
    pull_back,
    ravel_real,
)
from nanonet.rules._parts.box import both, box_of, only, shortened, within
from nanonet.rules._parts.objective import needed_residuals
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules._parts.told import Evaluated, Told, expanded, nowhere
from nanonet.rules._parts.trial import Course, Step, attempt, set_out

SOLVERS = ("qr", "cholesky")


class Linearized(NamedTuple):
    """r near θ, as ‖r(θ + p)‖ ≈ ‖A p + r‖."""

    evaluated: Evaluated  # θ, J = ½‖r‖² and ∇J = Aᵀr
    matrix: Float[Array, "n n"]  # "qr": R of A = QR; "cholesky": AᵀA
    norms: Float[Array, " n"]  # those of A's columns
    target: Float[Array, " n"]  # "qr": Qᵀr; "cholesky": Aᵀr


class LevenbergMarquardtState(NamedTuple):
    """State of `levenberg_marquardt`."""

    memory: Any  # Linearized, where the step leads; None: nothing is remembered
    scale: Float[Array, " n"]  # D, the largest norm yet of each column of A
    growth: Float[Array, ""]  # ν, what a rejected step multiplies μ by
    course: Course
    told: Told  # with the damping μ


@rule
def levenberg_marquardt(
    damping: Number = 0.1,
    *,
    geodesic: bool = False,
    scaled: bool = True,
    solver: str = "qr",
) -> optax.GradientTransformation:
    """Levenberg–Marquardt, with Moré's scaling and Nielsen's damping.

    ::

        (AᵀA + μ D²) p = -Aᵀr          A = ∂r/∂θ, D² = the largest diag AᵀA so far
        ρ = (J(θ) - J(θ + p)) / ½ pᵀ(μ D² p - Aᵀr)       gain: actual / predicted
        ρ > 0:   θ ← θ + p,  μ ← μ max(⅓, 1 - (2ρ - 1)³),  ν ← 2
        else:    μ ← μ ν,  ν ← 2ν                        and θ stays

    So J never rises, but for rounding: a step whose predicted change is below the
    rounding of J is taken unseen, because it still improves θ, until such steps no
    longer shrink. Then the state says ``stalled``.

    ``update`` needs ``residual_fn``, r(params), or a ``value_fn`` that knows its
    residuals, as an `objective` of squared errors does, and `least_squares`'s J.

    Args:
      damping: μ(0), relative to AᵀA/D², whose diagonal is 1 at the start if scaled.
      geodesic: add the second-order term ½a, (AᵀA + μ D²) a = -Aᵀ r″(p, p), where it is
        at most 3/8 of p; it helps to follow a curved valley.
      scaled: Moré's D, which makes the steps independent of the parameters' units; else
        D = I. That is Levenberg's own choice, and the better one for networks: D holds
        a weight back for good once its unit was sensitive.
      solver: "qr" solves the least-squares problem itself and keeps twice the digits of
        "cholesky", which solves the equations above and can be scalarised.

    Raises:
      ValueError: μ is not positive, no such solver, or no residuals in ``update``.

    Source: Levenberg, 1944; Marquardt, 1963; Moré, "The Levenberg–Marquardt algorithm:
    implementation and theory", 1978 (D); Nielsen, "Damping parameter in Marquardt's
    method", 1999 (μ and ν); Transtrum & Sethna, "Improvements to the
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
    check_number("damping", damping, above=0)
    check_choice("solver", solver, SOLVERS)

    def init(params: PyTree) -> LevenbergMarquardtState:
        theta, _ = ravel_real(params)
        check_dense("params", theta)
        zeros, zero = jnp.zeros_like(theta), jnp.zeros((), theta.dtype)
        square = jnp.zeros((theta.size,) * 2, theta.dtype)
        return LevenbergMarquardtState(
            Linearized(nowhere(params), square, zeros, zeros),
            scale=zeros,
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
            return _linearize(r, params, solver)

        here = expanded(r, linearize, params, state.memory)
        scale = jnp.maximum(state.scale, here.norms)
        scale = jnp.where((scale == 0) | (not scaled), 1, scale)
        mu, eps = state.told.damping, jnp.finfo(theta.dtype).eps
        slope, _ = ravel_pytree(here.evaluated.grad)
        factor, step = _solve(here, mu, scale, solver)
        predicted = (mu * jnp.sum((scale * step) ** 2) - slope @ step) / 2
        box, clear = box_of(r, params), jnp.bool_(True)
        if box is not None:
            clear = jnp.all(box.free(theta, slope) & box.holds(theta + step))
            bounded = _step_within(box, theta, here, mu, scale, solver)
            step = jnp.where(clear, step, bounded)
            predicted = jnp.where(clear, predicted, _fall(here, slope, step, solver))
        if geodesic:
            half = _curvature(r, params, factor, step, scale)
            # Close to the end r″ is rounding, and the plain step is better.
            near = predicted <= jnp.sqrt(eps) * here.evaluated.value
            step = shortened(box, theta, step + jnp.where(clear & ~near, half, 0))

        # Where μ is no larger, the step is Gauss and Newton's own.
        least = eps * jnp.minimum(1, jnp.max((here.norms / scale) ** 2))
        length = jnp.linalg.norm(scale * step)
        trial = attempt(
            lambda params: _half_square(r(params)),
            linearize,
            here,
            theta,
            unravel,
            Step(step, length, predicted, own=mu <= least),
            state.memory,
            state.course,
        )
        easier = mu * jnp.maximum(1 / 3, 1 - (2 * trial.gain - 1) ** 3)
        harder = mu * state.growth
        damping = jnp.where(
            trial.unseen,
            jnp.minimum(mu, least),
            jnp.where(trial.taken, easier, harder),
        )
        possible = jnp.isfinite(damping)
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

    return optax.GradientTransformationExtraArgs(init, update)


def _half_square(r: Array) -> Float[Array, ""]:
    return jnp.sum(r * r) / 2


def _linearize(
    residual_fn: ResidualFunction, params: PyTree, solver: str
) -> Linearized:
    r = jnp.ravel(residual_fn(params))
    A, unravel = jacobian(residual_fn, params)
    slope = A.T @ r
    if solver == "cholesky":
        matrix, target = A.T @ A, slope
    else:
        # More rows than columns, so that R is square also where r is short.
        missing = max(A.shape[1] - A.shape[0], 0)
        Q, matrix = jnp.linalg.qr(jnp.pad(A, ((0, missing), (0, 0))))
        target = Q.T @ jnp.pad(r, (0, missing))
    norms = jnp.sqrt(jnp.sum(A * A, 0))
    evaluated = Evaluated(params, _half_square(r).astype(A.dtype), unravel(slope))
    return Linearized(evaluated, matrix, norms, target)


def _step_within(
    box: Box, theta: Array, here: Linearized, mu: Array, scale: Array, solver: str
) -> Float[Array, " n"]:
    """The step within bounds."""
    slope, _ = ravel_pytree(here.evaluated.grad)

    def solve(free: Array, held: Array) -> Array:
        target = here.target + here.matrix @ held
        if solver == "cholesky":
            matrix, target = jnp.where(both(free), here.matrix, 0), only(free, target)
        else:
            matrix = jnp.where(free[None, :], here.matrix, 0)
        among_free = here._replace(matrix=matrix, target=target)
        return _solve(among_free, mu, scale, solver)[1]

    return within(
        box, theta, slope, solve, lambda step: _fall(here, slope, step, solver)
    )


def _fall(here: Linearized, slope: Array, step: Array, solver: str) -> Float[Array, ""]:
    """The fall of J that its model predicts: -∇J·p - ½‖A p‖²."""
    moved = here.matrix @ step
    return -(slope @ step) - (step if solver == "cholesky" else moved) @ moved / 2


def _solve(
    here: Linearized, mu: Array, scale: Array, solver: str
) -> tuple[Float[Array, "n n"], Float[Array, " n"]]:
    """p of (AᵀA + μ D²) p = -Aᵀr, and the upper triangle U with UᵀU = AᵀA + μ D²."""
    if solver == "cholesky":
        damped = here.matrix + jnp.diag(mu * scale**2)
        lower = jnp.linalg.cholesky(damped)
        return lower.T, -cho_solve((lower, True), here.target)
    rows = jnp.concatenate([here.matrix, jnp.diag(jnp.sqrt(mu) * scale)])
    Q, upper = jnp.linalg.qr(rows)
    return upper, -solve_triangular(upper, Q[: len(scale)].T @ here.target)


def _curvature(
    residual_fn: ResidualFunction,
    params: PyTree,
    factor: Array,
    step: Array,
    scale: Array,
) -> Float[Array, " n"]:
    """½a, or 0 where a is too long to be trusted."""
    theta, unravel = ravel_pytree(params)

    def r(theta: Array) -> Array:
        return jnp.ravel(residual_fn(unravel(theta)))

    slope = pull_back(r, theta, bend(r, theta, step))
    half = -cho_solve((factor, False), slope) / 2
    short = 8 * jnp.linalg.norm(scale * half) <= 3 * jnp.linalg.norm(scale * step)
    return jnp.where(short, half, 0)
