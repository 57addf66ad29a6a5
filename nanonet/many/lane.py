"""Solving one small problem, in the form in which one vector lane runs it."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_real_scalar
from nanonet.many.uncertainty import covariance_at
from nanonet.objectives.bounded import Bounded, Box
from nanonet.rules._parts.linearized import Linearized
from nanonet.rules._parts.memory import without_memory
from nanonet.rules._parts.told import Told, told_by
from nanonet.solve.loop import repeat
from nanonet.solve.result import Status
from nanonet.solve.step import (
    Point,
    Tolerances,
    evaluate,
    evaluate_residuals,
    stop_test,
    update,
)

#: The axis of the problems that are solved side by side.
LANES = "lanes"

#: What may end a problem before the last step: nothing, what holds at a point, or what
#: takes two points to see.
Tests = Literal["none", "point", "step"]


class Problem(NamedTuple):
    """What one lane is to solve, and how."""

    make: Callable[..., Any]
    """What makes J, a function of the parameters alone, of the data."""

    data: Any
    rule: optax.GradientTransformation
    box: Box | None = None
    drawn: bool = False
    """Whether the start is random, to be mirrored at the bounds it is beyond."""


class Limits(NamedTuple):
    """When a problem ends."""

    max_steps: Any
    record_every: Any
    tolerances: Tolerances


class Wanted(NamedTuple):
    """What is compiled in: how much is tested on the way, and kept of it."""

    tests: Tests
    records: int
    covariance: bool


class Lane(NamedTuple):
    """The state of one problem: no best point, and ∇J only while a step is taken."""

    params: PyTree
    rule_state: optax.OptState
    steps: Array
    status: Array
    before: tuple[PyTree, Array] | None
    """The parameters one step earlier and J there, for tests that ask."""


class End(NamedTuple):
    """Where one problem ended; see `Fits`."""

    params: PyTree
    value: Array
    gradient_norm: Array
    steps: Array
    status: Array
    history: Array | None
    covariance: Float[Array, "n n"] | None


def solve_lane(problem: Problem, params: PyTree, limits: Limits, wanted: Wanted) -> End:
    """Solve one problem.

    The count of steps is the same for all lanes, and so is all that a rule derives from
    it alone, bias correction say: a problem that has ended keeps its parameters, but
    the rule goes on until all lanes have ended.
    """
    make, data, rule, box, drawn = problem
    J = make(*data)
    if box is not None:
        J = Bounded(J, box)
        params = box.mirrored(params) if drawn else box.inside(params)
    value = jax.eval_shape(J, params)
    check_real_scalar("fun", value)
    max_steps, record_every, tolerances = limits
    stops = wanted.tests != "none"
    rule_state = rule.init(params)
    look = evaluate_residuals if _needs_jacobian(rule_state) else evaluate

    def step(_: Array, lane: Lane) -> Lane:
        point = look(J, lane.params)
        new, rule_state = update(J, rule, point, lane.rule_state)
        if not stops:
            return Lane(new, rule_state, lane.steps + 1, lane.status, None)
        status = tested(lane, point, told_by(lane.rule_state))
        going = status == Status.RUNNING
        new = optax.tree.where(going, new, lane.params)
        before = None if lane.before is None else (lane.params, point.value)
        steps = lane.steps + going.astype(jnp.int32)
        return Lane(new, rule_state, steps, status, before)

    def tested(lane: Lane, point: Point, told: Told | None = None) -> Array:
        old = lane.before and Point(*lane.before, *(point.gradient, point.value))
        new = stop_test(point, tolerances, old, told)
        return jnp.where(lane.status == Status.RUNNING, new, lane.status)

    def going(lane: Lane) -> Array:
        return lax.pmax(jnp.int32(lane.status == Status.RUNNING), LANES) > 0

    def advance(lane: Lane, first: Array, last: Array) -> Lane:
        return repeat(step, lane, first, last, going if stops else None)[1]

    def advance_and_record(lane: Lane, first: Array) -> tuple[Lane, Array]:
        last = jnp.minimum(first + record_every, max_steps)
        return advance(lane, first, last), J(lane.params)

    lane = Lane(
        params,
        without_memory(rule_state),
        jnp.int32(0),
        jnp.int32(Status.RUNNING),
        (params, jnp.zeros((), value.dtype)) if wanted.tests == "step" else None,
    )
    history = None
    if wanted.records:
        firsts = record_every * jnp.arange(wanted.records, dtype=jnp.int32)
        lane, history = lax.scan(advance_and_record, lane, firsts)
    else:
        lane = advance(lane, jnp.int32(0), max_steps)
    end = look(J, lane.params)
    status = tested(lane, end, told_by(lane.rule_state) if stops else None)
    status = jnp.where(status == Status.RUNNING, Status.STEP_LIMIT, status)
    covariance = covariance_at(J, lane.params) if wanted.covariance else None
    return End(
        end.params,
        end.value,
        end.gradient_norm,
        lane.steps,
        status,
        history,
        covariance,
    )


def _needs_jacobian(rule_state: optax.OptState) -> bool:
    """Whether the rule computes A = ∂r/∂θ at each point."""
    memories = optax.tree.get_all_with_path(rule_state, "memory")
    return any(isinstance(memory, Linearized) for _, memory in memories)
