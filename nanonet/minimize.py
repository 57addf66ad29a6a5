"""The training loop: any objective, any rule, chunk by chunk inside one jitted loop."""

import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PyTree

from nanonet.checks import check_number, check_parameters, check_real_scalar
from nanonet.progress import interrupt_flag, progress_bar
from nanonet.result import History, Result, Status

ScalarFunction = Callable[[PyTree], Float[Array, ""]]

# The host looks in about this often; a chunk never records more bytes than this.
SECONDS_PER_CHUNK = 0.1
BYTES_PER_CHUNK = 2**24
STEPS_PER_CHUNK = 2**14

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


def minimize(
    fun: ScalarFunction,
    params: PyTree,
    rule: optax.GradientTransformation,
    *,
    max_steps: int = 10_000,
    gtol: float | None = None,
    xtol: float = 0.0,
    ftol: float = 0.0,
    goal: float | None = None,
    time_limit: float | None = None,
    keep_params: bool = False,
    progress: bool = False,
) -> Result:
    """Minimise J by repeating one update rule until a stop test is met.

    ::

        θ(t+1) = θ(t) + update(∇J(θ(t)))

    The steps run inside one jitted loop, in chunks of about a tenth of a second;
    between chunks the host looks at the clock and for Ctrl-C, and shows progress. What
    is compiled is kept for the next call with the same functions: use `objective` for
    ``fun``, or a `jax.tree_util.Partial` that holds the data, and a rule of nanonet,
    and no new compilation is needed for new data of the same shape, another learning
    rate, or other tolerances.

    Args:
      fun: J(params) → one real number.
      params: where to start, any pytree of floating-point (or complex) arrays or
        numbers. Computes in their dtype.
      rule: an update rule of nanonet or of optax; those that search along a line are
        given ``value``, ``grad`` and ``value_fn``.
      max_steps: steps at the most.
      gtol: stop where ‖∇J‖₂ ≤ gtol; by default ε^(2/3) of J's dtype, which is 4e-11 in
        float64 and 2e-5 in float32.
      xtol: stop where ‖Δθ‖₂ < xtol (xtol + ‖θ‖₂); 0 never does.
      ftol: stop where |ΔJ| < ftol |J|; 0 never does.
      goal: stop where J ≤ goal.
      time_limit: seconds, looked at between chunks.
      keep_params: keep the parameters of every step in the history.
      progress: show a progress bar, on a terminal.

    Returns:
      A `Result`, whose ``status`` says why the run stopped. Where J or ∇J stops being
      finite, where time is up, and after Ctrl-C, its ``params`` are the best seen.

    Raises:
      ValueError: ``params`` is empty, ``fun`` does not return one number, a limit or a
        tolerance is negative or NaN.
      TypeError: a parameter is not floating point, J is not real, ``rule`` is not a
        rule, or the call is inside `jax.jit`.

    >>> from nanonet.rules import gradient_descent
    >>> result = minimize(lambda w: (w - 3) ** 2, 0.0, gradient_descent(0.25))
    >>> print(f"{result.params:.4f} after {result.steps} steps. {result.status}")
    3.0000 after 18 steps. The gradient's norm fell to gtol.

    """
    check_parameters("params", params)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(params)):
        raise TypeError(
            "minimize looks at its results from Python and cannot run inside jax.jit, "
            "jax.vmap or jax.grad; call it outside."
        )
    if not isinstance(rule, optax.GradientTransformation):
        raise TypeError(f"rule={rule!r} must be an update rule, as adam(0.01) is.")
    for name, limit in {"gtol": gtol, "time_limit": time_limit}.items():
        if limit is not None:
            check_number(name, limit, at_least=0)
    for name, limit in {"max_steps": max_steps, "xtol": xtol, "ftol": ftol}.items():
        check_number(name, limit, at_least=0)
    params = jax.tree.map(_strong, params)
    value = jax.eval_shape(fun, params)
    check_real_scalar("fun", value)
    tolerances = Tolerances(
        gtol=float(jnp.finfo(value.dtype).eps ** (2 / 3) if gtol is None else gtol),
        xtol=float(xtol),
        ftol=float(ftol),
        goal=float(-math.inf if goal is None else goal),
    )
    static, numbers = _split((fun, rule))
    run = _start(static, numbers, params, tolerances)
    record = _Record(run.point, keep_params)
    with (
        interrupt_flag() as interrupted,
        progress_bar("minimize", max_steps, show=progress) as report,
    ):
        run, status = _drive(
            run,
            functools.partial(_advance, static, keep_params, numbers, tolerances),
            record,
            max_steps=int(max_steps),
            deadline=math.inf if time_limit is None else time.monotonic() + time_limit,
            interrupted=interrupted,
            report=report,
        )
    return _result(run, status, record)


def _drive(
    run: Run,
    advance: Callable[[Run, int], tuple[Run, PyTree]],
    record: "_Record",
    *,
    max_steps: int,
    deadline: float,
    interrupted: Callable[[], bool],
    report: Callable[[int, float], None],
) -> tuple[Run, Status]:
    """Advance chunk by chunk; a chunk's length follows from the last one's speed."""
    longest = steps_per_chunk(record.bytes_per_step)
    length = min(STEPS_PER_BLOCK, longest)
    step, status = 0, Status(int(run.status))
    while status is Status.RUNNING and step < max_steps:
        if interrupted():
            return run, Status.INTERRUPTED
        began = time.monotonic()
        if began >= deadline:
            return run, Status.TIME_LIMIT
        run, chunk = advance(run, min(step + length, max_steps))
        taken = int(run.step) - step
        record.append(chunk, taken)
        step, status = step + taken, Status(int(run.status))
        report(step, float(run.point.value))
        elapsed = max(time.monotonic() - began, 1e-9)
        faster = min(4.0, SECONDS_PER_CHUNK / elapsed)
        length = min(max(int(length * faster), 1), longest)
    return run, Status.STEP_LIMIT if status is Status.RUNNING else status


def steps_per_chunk(bytes_per_step: int) -> int:
    """How many steps one chunk may record."""
    return max(1, min(STEPS_PER_CHUNK, BYTES_PER_CHUNK // bytes_per_step))


class _Record:
    """The history, as it grows on the host."""

    def __init__(self, start: Point, keep_params: bool) -> None:
        first = jax.device_get(_recorded(start, keep_params))
        self.chunks = [jax.tree.map(lambda leaf: np.asarray(leaf)[None], first)]
        self.bytes_per_step = sum(leaf.nbytes for leaf in jax.tree.leaves(self.chunks))

    def append(self, chunk: PyTree, taken: int) -> None:
        self.chunks.append(jax.tree.map(lambda leaf: np.asarray(leaf)[:taken], chunk))

    def history(self) -> History:
        return jax.tree.map(lambda *chunks: np.concatenate(chunks), *self.chunks)


def _recorded(point: Point, keep_params: bool) -> History:
    return History(
        point.value, point.gradient_norm, point.params if keep_params else None
    )


def _result(run: Run, status: Status, record: _Record) -> Result:
    keep_best = status in (Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED)
    last = run.point
    return Result(
        params=run.best_params if keep_best else last.params,
        value=run.best_value if keep_best else last.value,
        gradient_norm=run.best_gradient_norm if keep_best else last.gradient_norm,
        steps=int(run.step),
        evaluations=int(run.evaluations),
        status=status,
        history=record.history(),
    )


@functools.partial(jax.jit, static_argnums=0)
def _start(static: Any, numbers: Any, params: PyTree, tolerances: Tolerances) -> Run:
    fun, rule = _join(static, numbers)
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


@functools.partial(jax.jit, static_argnums=(0, 1))
def _advance(
    static: Any,
    keep_params: bool,
    numbers: Any,
    tolerances: Tolerances,
    run: Run,
    limit: Int[Array, ""] | int,
) -> tuple[Run, History]:
    """Take steps until one stops the run or ``limit`` is reached; record each."""
    fun, rule = _join(static, numbers)
    first = run.step
    sample = _recorded(run.point, keep_params)
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
            run = _step(fun, rule, tolerances, run)
            row = _recorded(run.point, keep_params)
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


def _step(
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
    new = _evaluate(fun, optax.apply_updates(old.params, updates))
    better = new.value < run.best_value

    def keep(new: Array, best: Array) -> Array:
        return jnp.where(better, new, best)

    return Run(
        step=run.step + 1,
        status=_stop_test(old, new, tolerances),
        evaluations=run.evaluations + 1 + _evaluations_in_line_search(rule_state),
        point=new,
        rule_state=rule_state,
        best_params=jax.tree.map(keep, new.params, run.best_params),
        best_value=keep(new.value, run.best_value),
        best_gradient_norm=keep(new.gradient_norm, run.best_gradient_norm),
    )


def _evaluate(fun: ScalarFunction, params: PyTree) -> Point:
    value, gradient = jax.value_and_grad(fun)(params)
    # JAX's gradient of complex parameters is the conjugate of the direction of ascent.
    gradient = jax.tree.map(jnp.conj, gradient)
    return Point(params, value, gradient, _norm(gradient).astype(value.dtype))


def _stop_test(
    old: Point, new: Point, tolerances: Tolerances, *, at_start: bool = False
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
        small_step = step < xtol * (xtol + _norm(new.params))
        small_change = jnp.abs(new.value - old.value) < ftol * jnp.abs(new.value)
        tests += [(small_step, Status.STEP), (small_change, Status.OBJECTIVE)]
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


def _evaluations_in_line_search(rule_state: optax.OptState) -> Int[Array, ""]:
    return jnp.int32(optax.tree.get(rule_state, "num_linesearch_steps", 0))


def _strong(leaf: Any) -> Array:
    leaf = jnp.asarray(leaf)
    return lax.convert_element_type(leaf, leaf.dtype)


def _split(tree: PyTree) -> tuple[Any, list]:
    """Part a tree's numbers from the rest, on which a compilation depends."""
    leaves, treedef = jax.tree.flatten(tree)
    numbers = [_number(leaf) for leaf in leaves]
    rest = tuple(
        leaf if number is None else None
        for leaf, number in zip(leaves, numbers, strict=True)
    )
    numeric = tuple(number is not None for number in numbers)
    return (treedef, rest, numeric), [n for n in numbers if n is not None]


def _number(leaf: Any) -> Any:
    """Return a leaf that may change without a new compilation, or None."""
    if isinstance(leaf, float):
        return float(leaf)  # NumPy's doubles are floats, but would compile apart
    return leaf if isinstance(leaf, complex | np.inexact | np.ndarray | Array) else None


def _join(static: Any, numbers: list) -> Any:
    """Undo `_split`."""
    treedef, rest, numeric = static
    remaining = iter(numbers)
    leaves = [
        next(remaining) if is_number else leaf
        for is_number, leaf in zip(numeric, rest, strict=True)
    ]
    return jax.tree.unflatten(treedef, leaves)
