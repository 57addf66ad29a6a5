"""The loop behind `nanonet.root`, on flat vectors."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Inexact, Int

from nanonet.objectives.modes import in_some_mode
from nanonet.solve.implicit import Matrix, Vector, solve
from nanonet.solve.result import Status

VectorFunction = Callable[[Vector], Vector]


class Point(NamedTuple):
    """A point on the way, and f there."""

    x: Vector
    f: Vector


class Run(NamedTuple):
    """The loop's whole state."""

    step: Int[Array, ""]
    evaluations: Int[Array, ""]
    status: Int[Array, ""]
    point: Point
    best: Point
    """Where ‖f‖ was smallest; after convergence, the better of the last two points."""
    slope: Matrix
    """f' at ``point``, or the secant method's substitute for it."""
    anchor: Vector
    """The iterate at the last power of two of steps: a cycle comes back to it."""
    iterates: Inexact[Array, "points n"]
    """x0 after the last."""


class Search(NamedTuple):
    """What stays the same from step to step."""

    f: VectorFunction
    newton: bool
    tol: Float[Array, ""]
    floor: Float[Array, ""]
    """min(‖x0‖, 1): a root at 0 has no size of its own, so the start lends it one."""

    def scale(self, x: Vector) -> Float[Array, ""]:
        return jnp.maximum(max_norm(x), self.floor)

    def start(self, x0: Vector, x1: Vector | None, max_steps: int) -> Run:
        point = Point(x0, self.f(x0))
        if self.newton:
            slope, extra = _jacobian(self.f, x0), 0
        elif x1 is not None and x0.size == 1:
            # The slope through two points owes nothing to the one before.
            slope, extra = jnp.ones((1, 1), x0.dtype), 0
        else:
            slope, extra = _difference_quotients(self.f, point), x0.size
        return Run(
            step=jnp.int32(0),
            evaluations=jnp.int32(1 + extra),
            status=_first(
                (~_all_finite(point), Status.NON_FINITE),
                (max_norm(point.f) == 0, Status.CONVERGED),
                otherwise=Status.RUNNING,
            ),
            point=point,
            best=point,
            slope=slope,
            anchor=x0,
            iterates=jnp.broadcast_to(x0, (max_steps + 1, x0.size)),
        )

    def advance(self, run: Run, change: Vector, length: Float[Array, ""]) -> Run:
        """Take the step ``change``, halved if need be; judge it by its whole length."""
        old = run.point
        possible = _all_finite(change)
        new, tries = self.halve_until_finite(old, jnp.where(possible, change, 0))
        moved = possible & _all_finite(new)
        new = optax.tree.where(moved, new, old)
        scale = self.scale(new.x)
        stalled = max_norm(new.f) >= max_norm(old.f)
        status = _first(
            (~_all_finite(run.slope), Status.NON_FINITE),
            (~possible, Status.SINGULAR),
            (~moved, Status.NON_FINITE),
            (max_norm(new.f) == 0, Status.CONVERGED),
            (length <= self.tol * scale, Status.CONVERGED),
            ((length <= jnp.sqrt(self.tol) * scale) & stalled, Status.CONVERGED),
            (max_norm(new.x - run.anchor) <= self.tol * scale, Status.CYCLE),
            otherwise=Status.RUNNING,
        )
        step = run.step + moved.astype(jnp.int32)
        smallest = optax.tree.where(
            max_norm(new.f) < max_norm(run.best.f), new, run.best
        )
        better = optax.tree.where(stalled, old, new)
        return Run(
            step=step,
            evaluations=run.evaluations + tries,
            status=status,
            point=new,
            best=optax.tree.where(status == Status.CONVERGED, better, smallest),
            slope=self.next_slope(run.slope, old, new),
            anchor=jnp.where(step & (step - 1) == 0, new.x, run.anchor),
            iterates=run.iterates.at[step].set(new.x),
        )

    def halve_until_finite(
        self, old: Point, change: Vector
    ) -> tuple[Point, Int[Array, ""]]:
        """``old.x`` + change, or change/2, change/4, ..., where f is finite."""

        def trial(change: Vector) -> Point:
            x = old.x + change
            return Point(x, self.f(x))

        def outside(carry: tuple[Vector, Point, Array]) -> Bool[Array, ""]:
            change, point, _ = carry
            long = max_norm(change) > self.tol * self.scale(old.x)
            return ~_all_finite(point) & long

        def halve(carry: tuple[Vector, Point, Array]) -> tuple[Vector, Point, Array]:
            change, _, tries = carry
            return change / 2, trial(change / 2), tries + 1

        _, point, tries = lax.while_loop(
            outside, halve, (change, trial(change), jnp.int32(1))
        )
        return point, tries

    def next_slope(self, slope: Matrix, old: Point, new: Point) -> Matrix:
        if self.newton:
            return _jacobian(self.f, new.x)
        dx, df = new.x - old.x, new.f - old.f
        if dx.size == 1:
            return (df / dx)[None]
        # Scaled first, so that the squares of a tiny dx do not underflow.
        length = max_norm(dx).astype(dx.dtype)
        u = dx / length
        return slope + jnp.outer((df - slope @ dx) / length, u.conj()) / jnp.vdot(u, u)

    def final_status(self, run: Run) -> Int[Array, ""]:
        """Tell a root from a jump, a run that went astray from one cut short."""
        x, fx = run.best
        reach = (jnp.sqrt(self.tol) * self.scale(x)).astype(x.dtype)
        beside = [self.f(x + reach), self.f(x - reach)]
        nearby = [jnp.where(_all_finite(f), max_norm(f), jnp.inf) for f in beside]
        no_zero = (max_norm(fx) > 0) & (max_norm(fx) > jnp.minimum(*nearby) / 2)
        near = jnp.maximum(max_norm(run.iterates[0]), 1)
        astray = max_norm(run.point.x) > near / jnp.sqrt(jnp.finfo(x.dtype).eps)
        converged, cycle = run.status == Status.CONVERGED, run.status == Status.CYCLE
        return _first(
            (converged & no_zero, Status.NO_ZERO),
            (astray & ~converged & ~cycle, Status.DIVERGED),
            (run.status == Status.RUNNING, Status.STEP_LIMIT),
            otherwise=run.status,
        )


def search(
    f: VectorFunction,
    x0: Vector,
    x1: Vector | None,
    *,
    newton: bool,
    max_steps: int,
    tol: Float[Array, ""],
) -> Run:
    """Step until a stop test is met; see `nanonet.root`."""
    searching = Search(f, newton, tol, jnp.minimum(max_norm(x0), 1.0))

    def going(run: Run) -> Bool[Array, ""]:
        return (run.status == Status.RUNNING) & (run.step < max_steps)

    def step(run: Run) -> Run:
        change = -solve(run.slope, run.point.f)
        return searching.advance(run, change, max_norm(change))

    run = searching.start(x0, x1, max_steps)
    if x1 is not None:
        # However close the caller's two starts are, that is no sign of convergence.
        length = jnp.full_like(tol, jnp.inf)
        run = optax.tree.where(going(run), searching.advance(run, x1 - x0, length), run)
    run = lax.while_loop(going, step, run)
    return run._replace(
        status=searching.final_status(run), evaluations=run.evaluations + 2
    )


def _jacobian(f: VectorFunction, x: Vector) -> Matrix:
    is_complex = jnp.iscomplexobj(x)
    return in_some_mode(
        lambda: jax.jacfwd(f, holomorphic=is_complex)(x),
        lambda: jax.jacrev(f, holomorphic=is_complex)(x),
    )


def _difference_quotients(f: VectorFunction, point: Point) -> Matrix:
    """The Jacobian by forward differences, each of length √ε|x| along x."""
    x, fx = point
    root_eps = jnp.sqrt(jnp.finfo(x.dtype).eps)
    h = jnp.where(x == 0, 1, x) * root_eps.astype(x.dtype)
    h = (x + h) - x  # what is really added, after rounding

    def quotient(step: Vector) -> Vector:
        return (f(x + step) - fx) / jnp.sum(step)

    return jax.vmap(quotient, out_axes=1)(jnp.diag(h))


def max_norm(vector: Vector) -> Float[Array, ""]:
    """The largest absolute value: it neither overflows nor underflows."""
    return jnp.max(jnp.abs(vector))


def _all_finite(tree: Vector | Matrix | Point) -> Bool[Array, ""]:
    return jnp.all(jnp.isfinite(ravel_pytree(tree)[0]))


def _first(
    *tests: tuple[Bool[Array, ""], Status], otherwise: Int[Array, ""] | int
) -> Int[Array, ""]:
    """The status of the first test that holds."""
    conditions, statuses = zip(*tests, strict=True)
    return jnp.select(conditions, list(map(jnp.int32, statuses)), jnp.int32(otherwise))
