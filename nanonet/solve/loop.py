"""The jitted loop under `minimize`: steps, stop tests, and a record of each step."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.static import join
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.solve.result import History, Status

# A chunk never records more steps or bytes than these.
STEPS_PER_CHUNK = 2**14
BYTES_PER_CHUNK = 2**24

# The inner loop writes to a record this short, because XLA for CPUs copies the whole
# record at each step where it does not compile the loop into one function.
STEPS_PER_BLOCK = 64


class Point(NamedTuple):
    """A point on the way, with J and ∇J there."""

    params: PyTree
    value: Float[Array, ""]
    gradient: PyTree
    gradient_norm: Float[Array, ""]


class Run(NamedTuple):
    """The loop's whole state."""

    step: Int[Array, ""]
    status: Int[Array, ""]
    evaluations: Int[Array, ""]
    point: Point
    rule_state: optax.OptState
    best_params: PyTree
    best_value: Float[Array, ""]
    best_gradient_norm: Float[Array, ""]


class Tolerances(NamedTuple):
    """When to stop."""

    gtol: float
    xtol: float
    ftol: float
    goal: float


@functools.partial(jax.jit, static_argnums=0)
def start(static: Any, numbers: Any, params: PyTree, tolerances: Tolerances) -> Run:
    """Evaluate J and ∇J at the parameters, and test whether to start at all."""
    fun, rule = join(static, numbers)
    point = _evaluate(fun, params)
    return Run(
        step=jnp.int32(0),
        status=_stop_test(point, point, tolerances, at_start=True),
        evaluations=jnp.int32(1),
        point=point,
        rule_state=rule.init(params),
        best_params=params,
        best_value=point.value,
        best_gradient_norm=point.gradient_norm,
    )


def steps_per_chunk(bytes_per_step: int) -> int:
    """How many steps one chunk may record."""
    return max(1, min(STEPS_PER_CHUNK, BYTES_PER_CHUNK // bytes_per_step))


def recorded(point: Point, keep_params: bool) -> History:
    """What the history keeps of a point."""
    return History(
        point.value, point.gradient_norm, point.params if keep_params else None
    )


@functools.partial(jax.jit, static_argnums=(0, 1))
def advance(
    static: Any,
    keep_params: bool,
    numbers: Any,
    tolerances: Tolerances,
    run: Run,
    limit: Int[Array, ""] | int,
) -> tuple[Run, History]:
    """Take steps until one stops the run or ``limit`` is reached; record each."""
    fun, rule = join(static, numbers)
    first = run.step
    sample = recorded(run.point, keep_params)
    bytes_per_step = sum(leaf.nbytes for leaf in jax.tree.leaves(sample))
    chunk_length = steps_per_chunk(bytes_per_step)
    block_length = min(STEPS_PER_BLOCK, chunk_length)

    def empty(length: int) -> History:
        return jax.tree.map(
            lambda leaf: jnp.zeros((length, *leaf.shape), leaf.dtype), sample
        )

    def going(carry: tuple[Run, History]) -> Array:
        return (carry[0].status == Status.RUNNING) & (carry[0].step < limit)

    def block(carry: tuple[Run, History]) -> tuple[Run, History]:
        run, chunk = carry
        begin = run.step

        def going_here(carry: tuple[Run, History]) -> Array:
            return going(carry) & (carry[0].step < begin + block_length)

        def step(carry: tuple[Run, History]) -> tuple[Run, History]:
            run, rows = carry
            position = run.step - begin
            run = take_step(fun, rule, tolerances, run)
            row = recorded(run.point, keep_params)
            return run, _write(
                rows, jax.tree.map(lambda leaf: leaf[None], row), position
            )

        run, rows = lax.while_loop(going_here, step, (run, empty(block_length)))
        return run, _write(chunk, rows, begin - first)

    blocks = -(-chunk_length // block_length)
    return lax.while_loop(going, block, (run, empty(blocks * block_length)))


def _write(rows: History, new: History, position: Array) -> History:
    return jax.tree.map(
        lambda old, new: lax.dynamic_update_slice_in_dim(old, new, position, 0),
        rows,
        new,
    )


def take_step(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    tolerances: Tolerances,
    run: Run,
) -> Run:
    """One step of the rule, and J and ∇J where it led."""
    old = run.point
    updates, rule_state = optax.with_extra_args_support(rule).update(
        old.gradient,
        run.rule_state,
        old.params,
        value=old.value,
        grad=old.gradient,
        value_fn=fun,
    )
    params = optax.apply_updates(old.params, updates)
    new, evaluations = _evaluate_unless_known(fun, params, rule_state)
    better = new.value < run.best_value

    def keep(new: Array, best: Array) -> Array:
        return jnp.where(better, new, best)

    return Run(
        step=run.step + 1,
        status=_stop_test(old, new, tolerances, stalled=_stalled(rule_state)),
        evaluations=run.evaluations + evaluations + _evaluations_by(rule_state),
        point=new,
        rule_state=rule_state,
        best_params=jax.tree.map(keep, new.params, run.best_params),
        best_value=keep(new.value, run.best_value),
        best_gradient_norm=keep(new.gradient_norm, run.best_gradient_norm),
    )


def _evaluate(fun: ScalarFunction, params: PyTree) -> Point:
    value, gradient = jax.value_and_grad(fun)(params)
    # JAX's gradient of complex parameters is the conjugate of the direction of ascent.
    return _point(params, value, jax.tree.map(jnp.conj, gradient))


def _point(params: PyTree, value: Array, gradient: PyTree) -> Point:
    return Point(params, value, gradient, _norm(gradient).astype(value.dtype))


def _evaluate_unless_known(
    fun: ScalarFunction, params: PyTree, rule_state: optax.OptState
) -> tuple[Point, Int[Array, ""]]:
    """The point, and the evaluations it took: none if the rule has been there."""
    known = optax.tree.get(rule_state, "evaluated")
    if known is None:
        return _evaluate(fun, params), jnp.int32(1)
    value_type = jax.eval_shape(fun, params)

    def recall() -> tuple[Point, Int[Array, ""]]:
        value = known.value.astype(value_type.dtype)
        return _point(params, value, known.grad), jnp.int32(0)

    return lax.cond(
        known.is_at(params), recall, lambda: (_evaluate(fun, params), jnp.int32(1))
    )


def _stop_test(
    old: Point,
    new: Point,
    tolerances: Tolerances,
    *,
    at_start: bool = False,
    stalled: Bool[Array, ""] | bool = False,
) -> Array:
    gtol, xtol, ftol, goal = tolerances
    tests = [
        (
            ~(jnp.isfinite(new.value) & jnp.isfinite(new.gradient_norm)),
            Status.NON_FINITE,
        ),
        (new.value <= goal, Status.GOAL),
        (new.gradient_norm <= gtol, Status.GRADIENT),
    ]
    if not at_start:
        step = _norm(jax.tree.map(jnp.subtract, new.params, old.params))
        change = jnp.abs(new.value - old.value)
        # A rule that rejects its own step does not move, and is not done for that.
        moved = step > 0
        small_step = moved & (step < xtol * (xtol + _norm(new.params)))
        small_change = moved & (change < ftol * jnp.abs(new.value))
        tests += [
            (small_step, Status.STEP),
            (small_change, Status.OBJECTIVE),
            (stalled, Status.PRECISION),
        ]
    status = jnp.int32(Status.RUNNING)
    for test, code in reversed(tests):
        status = jnp.where(test, jnp.int32(code), status)
    return status


def _norm(tree: PyTree) -> Float[Array, ""]:
    """‖tree‖₂, summed in float32 at the least: float16's squares overflow at 256."""

    def sum_of_squares(leaf: Array) -> Array:
        leaf = jnp.abs(leaf) if jnp.iscomplexobj(leaf) else leaf
        leaf = leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))
        return jnp.sum(leaf * leaf)

    return jnp.sqrt(sum(map(sum_of_squares, jax.tree.leaves(tree))))


def _evaluations_by(rule_state: optax.OptState) -> Int[Array, ""]:
    """Evaluations that the rule itself made in its last update."""
    ours = optax.tree.get(rule_state, "evaluations", 0)
    return jnp.int32(ours + optax.tree.get(rule_state, "num_linesearch_steps", 0))


def _stalled(rule_state: optax.OptState) -> Bool[Array, ""] | bool:
    return optax.tree.get(rule_state, "stalled", False)
