"""Training one small network, in the form in which one vector lane runs it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, PyTree

from nanonet.network.network import Network
from nanonet.objectives.bounded import Bounded, Box
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective
from nanonet.rules._parts.told import Told, told_by, without_memory
from nanonet.solve.loop import repeat
from nanonet.solve.result import Status
from nanonet.solve.step import Point, Tolerances, evaluate, stop_test, update

#: The axis of the networks that are trained side by side.
LANES = "lanes"

# What is unrolled: no more rows at a time, so that the program stays short.
ROWS_UNROLLED = 8


class Problem(NamedTuple):
    """What one network is trained on, and how."""

    network: Network
    loss: Loss
    rule: optax.GradientTransformation
    x: Any
    y: Any
    l2: Any
    box: Box | None = None
    drawn: bool = False
    """Whether the start is random, to be mirrored at the bounds it is beyond."""


class Limits(NamedTuple):
    """When training ends."""

    max_steps: Any
    record_every: Any
    tolerances: Tolerances


class Lane(NamedTuple):
    """The state of one network: no best point, and ∇J only while a step is taken."""

    params: PyTree
    rule_state: optax.OptState
    steps: Array
    status: Array


class End(NamedTuple):
    """Where one network ended; see `Fits`."""

    params: PyTree
    value: Array
    gradient_norm: Array
    steps: Array
    status: Array
    history: Array | None


def train(
    problem: Problem, params: PyTree, limits: Limits, *, records: int, stops: bool
) -> End:
    """Train one network; ``records`` entries of history, ``stops`` if it may end early.

    The count of steps is the same for all lanes, and so is all that a rule derives from
    it alone, bias correction say: a network that has ended keeps its parameters, but
    the rule goes on until all lanes have ended.
    """
    network, loss, rule, x, y, l2, box, drawn = problem
    J: Any = Objective(network, loss, "mean", x, y, l2, chunk=ROWS_UNROLLED)
    if box is not None:
        J = Bounded(J, box)
        params = box.mirrored(params) if drawn else box.inside(params)
    max_steps, record_every, tolerances = limits
    rule_state = without_memory(rule.init(params))

    def step(_: Array, lane: Lane) -> Lane:
        point = evaluate(J, lane.params)
        new, rule_state = update(J, rule, point, lane.rule_state)
        if not stops:
            return Lane(new, rule_state, lane.steps + 1, lane.status)
        told = told_by(lane.rule_state)
        status = ended(lane.status, point, told)
        going = status == Status.RUNNING
        new = jax.tree.map(lambda n, o: jnp.where(going, n, o), new, lane.params)
        return Lane(new, rule_state, lane.steps + going.astype(jnp.int32), status)

    def ended(status: Array, point: Point, told: Told | None = None) -> Array:
        new = stop_test(point, tolerances, told=told)
        return jnp.where(status == Status.RUNNING, new, status)

    def going(lane: Lane) -> Array:
        return lax.pmax(jnp.int32(lane.status == Status.RUNNING), LANES) > 0

    def advance(lane: Lane, first: Array, last: Array) -> Lane:
        return repeat(step, lane, first, last, going if stops else None)[1]

    def advance_and_record(lane: Lane, first: Array) -> tuple[Lane, Array]:
        last = jnp.minimum(first + record_every, max_steps)
        return advance(lane, first, last), J(lane.params)

    lane = Lane(params, rule_state, jnp.int32(0), jnp.int32(Status.RUNNING))
    history = None
    if records:
        firsts = record_every * jnp.arange(records, dtype=jnp.int32)
        lane, history = lax.scan(advance_and_record, lane, firsts)
    else:
        lane = advance(lane, jnp.int32(0), max_steps)
    end = evaluate(J, lane.params)
    status = ended(lane.status, end)
    status = jnp.where(status == Status.RUNNING, Status.STEP_LIMIT, status)
    return End(end.params, end.value, end.gradient_norm, lane.steps, status, history)
