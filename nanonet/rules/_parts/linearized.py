"""Residuals linearized near a point, and the damped step that follows from it."""

from typing import NamedTuple

import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.as_vector import ResidualFunction
from nanonet.objectives.bounded import Box
from nanonet.objectives.derivatives import jacobian
from nanonet.objectives.modes import bend, pull_back
from nanonet.objectives.normal import normal_equations
from nanonet.rules._parts.box import Within, both, only
from nanonet.rules._parts.told import Evaluated

SOLVERS = ("cholesky", "qr")


class Linearized(NamedTuple):
    """r near θ, as ‖r(θ + p)‖ ≈ ‖A p + r‖."""

    evaluated: Evaluated  # θ, J = ½‖r‖² and ∇J = Aᵀr
    matrix: Float[Array, "n n"]  # "qr": R of A = QR; "cholesky": AᵀA
    squares: Float[Array, " n"]  # diag AᵀA
    target: Float[Array, " n"]  # "qr": Qᵀr; "cholesky": Aᵀr


def half_square(r: Array) -> Float[Array, ""]:
    """J = ½‖r‖²."""
    return jnp.sum(r * r) / 2


def linearized(
    residual_fn: ResidualFunction, params: PyTree, solver: str
) -> Linearized:
    """The residuals near the parameters."""
    _, unravel = ravel_pytree(params)
    if solver == "cholesky":
        value, slope, matrix = normal_equations(residual_fn, params)
        target, squares = slope, jnp.diag(matrix)
    else:
        r, (A, _) = jnp.ravel(residual_fn(params)), jacobian(residual_fn, params)
        # More rows than columns, so that R is square also where r is short.
        missing = max(A.shape[1] - A.shape[0], 0)
        Q, matrix = jnp.linalg.qr(jnp.pad(A, ((0, missing), (0, 0))))
        target, slope = Q.T @ jnp.pad(r, (0, missing)), A.T @ r
        value, squares = half_square(r).astype(A.dtype), jnp.sum(A * A, 0)
    evaluated = Evaluated(params, value, unravel(slope))
    return Linearized(evaluated, matrix, squares, target)


def within(
    box: Box, theta: Array, here: Linearized, damp: Array, solver: str
) -> Within:
    """How the step within bounds is found."""
    slope, _ = ravel_pytree(here.evaluated.grad)

    def step(free: Array, held: Array) -> Array:
        target = here.target + here.matrix @ held
        if solver == "cholesky":
            matrix, target = jnp.where(both(free), here.matrix, 0), only(free, target)
        else:
            matrix = jnp.where(free[None, :], here.matrix, 0)
        among_free = here._replace(matrix=matrix, target=target)
        return solve(among_free, damp, solver)[1]

    def fall(p: Array) -> Array:
        """-∇J·p - ½‖A p‖²."""
        moved = here.matrix @ p
        return -(slope @ p) - (p if solver == "cholesky" else moved) @ moved / 2

    return Within(box, theta, slope, step, fall)


def solve(
    here: Linearized, damp: Array, solver: str
) -> tuple[Float[Array, "n n"], Float[Array, " n"]]:
    """p of (AᵀA + D) p = -Aᵀr, and the upper triangle U with UᵀU = AᵀA + D."""
    if solver == "cholesky":
        lower = jnp.linalg.cholesky(here.matrix + jnp.diag(damp))
        return lower.T, -cho_solve((lower, True), here.target)
    Q, upper = jnp.linalg.qr(jnp.concatenate([here.matrix, jnp.diag(jnp.sqrt(damp))]))
    return upper, -solve_triangular(upper, Q[: len(damp)].T @ here.target)


def curvature(
    residual_fn: ResidualFunction,
    params: PyTree,
    factor: Array,
    step: Array,
    size: Array,
) -> Float[Array, " n"]:
    """½a, or 0 where a is too long to be trusted, as it is or in units of 1 / size."""
    theta, unravel = ravel_pytree(params)

    def r(theta: Array) -> Array:
        return jnp.ravel(residual_fn(unravel(theta)))

    slope = pull_back(r, theta, bend(r, theta, step))
    half = -cho_solve((factor, False), slope) / 2
    short = jnp.bool_(True)
    for unit in (1, size):
        bent, straight = (jnp.linalg.norm(unit * part) for part in (half, step))
        short &= 8 * bent <= 3 * straight
    return jnp.where(short, half, 0)
