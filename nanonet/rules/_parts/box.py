"""What a rule does about bounds, where the objective has them; see `Bounded`."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from nanonet.objectives.bounded import Box, bounds_of
from nanonet.rules._parts.objective import AtPoint, flattened, masked_like

Vector = Float[Array, " n"]


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
