"""What a rule does about bounds, where the objective has them; see `Bounded`."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

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


class Pass(NamedTuple):
    """How far `within` has come."""

    passes: Int[Array, ""]
    moved: Bool[Array, ""]  # whether more parameters hit a bound
    free: Bool[Array, " n"]
    held: Vector  # the step of those that are held
    best: Vector
    most: Float[Array, ""]  # the fall of J that the best step predicts


@dataclasses.dataclass(frozen=True)
class Within:
    """The step into the box whose predicted fall of J is the largest of a few.

    A step that runs into bounds and ends at them is no good model of anything: what is
    left of it no longer fits together, and steps jam. So the parameters that hit a
    bound are held there, and the rest is solved for anew, up to `PASSES` times.

    Source: Moré & Toraldo, "Algorithms for bound constrained quadratic programming
    problems", 1989, on the change of many bounds at once.
    """

    box: Box
    theta: Vector
    """Where the step begins."""

    slope: Vector
    """∇J there."""

    solve: Callable[[Bool[Array, " n"], Vector], Vector]
    """(free, held) → the step of the free parameters, given that of the others."""

    fall: Callable[[Vector], Float[Array, ""]]
    """Of J, as the model predicts it, by a step."""

    def step(self) -> Vector:
        """The best step."""
        # A loop, not unrolled: a solution is long to compile, and one is often enough.
        return lax.while_loop(self.going, self.advance, self.start()).best

    def steps(self) -> tuple[Array, Pass, Array, Array, Array]:
        """All that `step` goes through, each with a leading axis of `PASSES`.

        Returns:
          Whether there was such a pass, how far it had come before it, the solution,
          as much of it as the box lets one go, and the fall of J that this predicts.
        """

        def look(now: Pass, _: None) -> tuple[Pass, Any]:
            whole, step = self.solved(now)
            return self.advance(now), (
                self.going(now),
                now,
                whole,
                step,
                self.fall(step),
            )

        return lax.scan(look, self.start(), length=PASSES)[1]

    def start(self) -> Pass:
        """Before the first solution."""
        none = jnp.zeros_like(self.theta)
        free = self.box.free(self.theta, self.slope)
        most = jnp.full((), -jnp.inf, none.dtype)
        return Pass(jnp.int32(0), jnp.bool_(True), free, none, none, most)

    def going(self, now: Pass) -> Bool[Array, ""]:
        """Whether there is another solution."""
        return now.moved & (now.passes < PASSES)

    def solved(self, now: Pass) -> tuple[Vector, Vector]:
        """The next solution; and as much of it as the box lets one go."""
        whole = jnp.where(now.free, self.solve(now.free, now.held), now.held)
        return whole, shortened(self.box, self.theta, whole)

    def advance(self, now: Pass) -> Pass:
        """One solution more."""
        whole, step = self.solved(now)
        fall = self.fall(step)
        best = jnp.where(fall > now.most, step, now.best)
        hit = now.free & ~self.box.holds(self.theta + whole)
        return Pass(
            now.passes + 1,
            jnp.any(hit),
            now.free & ~hit,
            jnp.where(hit, step, now.held),
            best,
            jnp.where(fall > now.most, fall, now.most),
        )


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
