"""Training one small network, in the form in which one vector lane runs it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, PyTree

from nanonet.many.fits import Fits
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective
from nanonet.rules._parts.evaluated import without_memory
from nanonet.solve.result import Status

#: The axis of the networks that are trained side by side.
LANES = "lanes"

# What is unrolled: no more rows at a time, so that the program stays short.
ROWS_UNROLLED = 8


class Problem(NamedTuple):
    """What one network is trained on, and how."""

    network: Network
    loss: Loss
    rule: optax.GradientTransformation
    x: Array
    y: Array
    l2: Any


class Limits(NamedTuple):
    """When training ends."""

    steps: Any
    record_every: Any
    gtol: Any
    goal: Any


class _Run(NamedTuple):
    params: PyTree
    rule_state: optax.OptState
    steps: Array
    status: Array


def train(
    problem: Problem, params: PyTree, limits: Limits, *, records: int, stops: bool
) -> Fits:
    """Train one network; ``records`` entries of history, ``stops`` if it may end early.

    The count of steps is the same for all lanes, and so is all that a rule derives from
    it alone, bias correction say: a network that has ended keeps its parameters, but
    the rule goes on until all lanes have ended.
    """
    network, loss, rule, x, y, l2 = problem
    J = Objective(network, loss, "mean", x, y, l2, chunk=ROWS_UNROLLED)
    rule = optax.with_extra_args_support(rule)
    rule_state = without_memory(rule.init(params))
    run = _Run(params, rule_state, jnp.int32(0), jnp.int32(Status.RUNNING))

    def step(run: _Run) -> _Run:
        value, gradient = jax.value_and_grad(J)(run.params)
        updates, rule_state = rule.update(
            gradient,
            run.rule_state,
            run.params,
            value=value,
            grad=gradient,
            value_fn=J,
        )
        new = optax.apply_updates(run.params, updates)
        if not stops:
            return _Run(new, rule_state, run.steps + 1, run.status)
        stalled = optax.tree.get(run.rule_state, "stalled", False)
        norm = optax.tree.norm(gradient)
        status = _test(run.status, value, norm, limits, stalled=stalled)
        going = status == Status.RUNNING
        new = jax.tree.map(lambda n, o: jnp.where(going, n, o), new, run.params)
        return _Run(new, rule_state, run.steps + going, status)

    def advance(run: _Run, first: Array, last: Array) -> _Run:
        def going(carry: tuple[Array, _Run]) -> Array:
            count, run = carry
            if not stops:
                return count < last
            running = jnp.int32(run.status == Status.RUNNING)
            return (count < last) & (lax.pmax(running, LANES) > 0)

        def body(carry: tuple[Array, _Run]) -> tuple[Array, _Run]:
            count, run = carry
            return count + 1, step(run)

        return lax.while_loop(going, body, (first, run))[1]

    def advance_and_record(run: _Run, first: Array) -> tuple[_Run, Array]:
        last = jnp.minimum(first + limits.record_every, limits.steps)
        return advance(run, first, last), J(run.params)

    history = None
    if records:
        firsts = limits.record_every * jnp.arange(records)
        run, history = lax.scan(advance_and_record, run, firsts)
    else:
        run = advance(run, jnp.int32(0), limits.steps)
    value, gradient = jax.value_and_grad(J)(run.params)
    norm = optax.tree.norm(gradient)
    status = _test(run.status, value, norm, limits)
    ended = jnp.where(status == Status.RUNNING, Status.STEP_LIMIT, status)
    return Fits(run.params, value, norm, run.steps, ended, history)


def _test(
    status: Array,
    value: Array,
    norm: Array,
    limits: Limits,
    *,
    stalled: Array | bool = False,
) -> Array:
    tests = [
        (stalled, Status.PRECISION),
        (norm <= limits.gtol, Status.GRADIENT),
        (value <= limits.goal, Status.GOAL),
        (~(jnp.isfinite(value) & jnp.isfinite(norm)), Status.NON_FINITE),
    ]
    new = status
    for test, code in tests:
        new = jnp.where(test, jnp.int32(code), new)
    return jnp.where(status == Status.RUNNING, new, status)
