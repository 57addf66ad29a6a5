"""What a rule does about bounds, where the objective has them; see `Bounded`."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, PyTree

from nanonet.objectives.bounded import Box, bounds_of
from nanonet.rules._parts.objective import AtPoint, flattened, masked_like

Vector = Float[Array, " n"]

# Solutions of the model for one step, each with more parameters held.
PASSES = 4


def box_of(fun: Any, params: PyTree) -> Box | None:
    """The bounds of these parameters as vectors, if the objective has any."""
    whole = fun.fun if isinstance(fun, AtPoint) else fun
    bounds = bounds_of(whole)
    if bounds is None:
        return None
    return Box(*(flattened(masked_like(params, bound))[0] for bound in bounds))


def free_in(box: Box | None, theta: Vector, slope: Vector) -> Bool[Array, " n"] | None:
    """Which parameters no bound holds; None where there are no bounds."""
    return None if box is None else box.free(theta, slope)


def only(free: Bool[Array, " n"] | None, vector: Vector) -> Vector:
    """The vector with 0 for what is held."""
    return vector if free is None else jnp.where(free, vector, 0)


def shortened(box: Box | None, theta: Vector, step: Vector) -> Vector:
    """The step to the nearest point in the box."""
    return step if box is None else box.inside(theta + step) - theta


def within(
    box: Box,
    theta: Vector,
    slope: Vector,
    solve: Callable[[Bool[Array, " n"], Vector], Vector],
    fall: Callable[[Vector], Float[Array, ""]],
) -> Vector:
    """The step into the box whose predicted fall of J is the largest of a few.

    A step that runs into bounds and ends at them is no good model of anything: what is
    left of it no longer fits together, and steps jam. So the parameters that hit a
    bound are held there, and the rest is solved for anew, up to `PASSES` times.

    Args:
      box: the bounds.
      theta: where the step begins.
      slope: ∇J there.
      solve: (free, held) → the step of the free parameters, given that of the others.
      fall: of J, as the model predicts it, by a step.

    Source: Moré & Toraldo, "Algorithms for bound constrained quadratic programming
    problems", 1989, on the change of many bounds at once.
    """

    def unfinished(search: tuple) -> Bool[Array, ""]:
        passes, moved, *_ = search
        return moved & (passes < PASSES)

    # A loop, not unrolled: each solution is long to compile, and one is often enough.
    def solve_anew(search: tuple) -> tuple:
        passes, _, free, held, best, most = search
        whole = jnp.where(free, solve(free, held), held)
        step = shortened(box, theta, whole)
        better = fall(step) > most
        best, most = jnp.where(better, step, best), jnp.where(better, fall(step), most)
        hit = free & ~box.holds(theta + whole)
        held = jnp.where(hit, step, held)
        return passes + 1, jnp.any(hit), free & ~hit, held, best, most

    none = jnp.zeros_like(theta)
    free, most = box.free(theta, slope), jnp.full((), -jnp.inf, theta.dtype)
    start = jnp.int32(0), jnp.bool_(True), free, none, none, most
    return lax.while_loop(unfinished, solve_anew, start)[4]


def both(chosen: Bool[Array, " n"]) -> Bool[Array, "n n"]:
    """Which entries of a matrix have both their row and their column chosen."""
    return chosen[:, None] & chosen[None, :]


def reduced(
    inverse: Float[Array, "n n"], free: Bool[Array, " n"], slope: Vector
) -> Vector:
    """Newton's step over the free parameters alone, from the inverse over all.

    ::

        p_F = (H_FF)⁻¹ g_F = (B g + B λ)_F      with λ on the held ones so that p_A = 0
    """
    held = ~free
    step = inverse @ jnp.where(free, slope, 0)
    among_held = jnp.where(both(held), inverse, jnp.eye(len(free), dtype=slope.dtype))
    force = jnp.linalg.solve(among_held, jnp.where(held, -step, 0))
    return jnp.where(free, step + inverse @ force, 0)
