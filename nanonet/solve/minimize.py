"""The training loop: any objective, any rule, chunk by chunk inside one jitted loop."""

import functools
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, PyTree

from nanonet._internal.checks import check_number, check_parameters, check_real_scalar
from nanonet._internal.static import split
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.solve.host import interrupt_flag, progress_bar
from nanonet.solve.loop import (
    STEPS_PER_BLOCK,
    Point,
    Run,
    Tolerances,
    advance,
    recorded,
    start,
    steps_per_chunk,
)
from nanonet.solve.result import History, Result, Status

# The host looks in about this often.
SECONDS_PER_CHUNK = 0.1


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

    >>> from nanonet.rules.gradient_descent import gradient_descent
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
    static, numbers = split((fun, rule))
    with (
        interrupt_flag() as interrupted,
        progress_bar("minimize", max_steps, show=progress) as report,
    ):
        run = start(static, numbers, params, tolerances)
        record = _Record(run.point, keep_params)
        run, status = _drive(
            run,
            functools.partial(advance, static, keep_params, numbers, tolerances),
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


class _Record:
    """The history, as it grows on the host."""

    def __init__(self, start: Point, keep_params: bool) -> None:
        first = jax.device_get(recorded(start, keep_params))
        self.chunks = [jax.tree.map(lambda leaf: np.asarray(leaf)[None], first)]
        self.bytes_per_step = sum(leaf.nbytes for leaf in jax.tree.leaves(self.chunks))

    def append(self, chunk: PyTree, taken: int) -> None:
        self.chunks.append(
            jax.tree.map(lambda leaf: np.asarray(leaf)[:taken].copy(), chunk)
        )

    def history(self) -> History:
        return jax.tree.map(lambda *chunks: np.concatenate(chunks), *self.chunks)


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


def _strong(leaf: Any) -> Array:
    leaf = jnp.asarray(leaf)
    return lax.convert_element_type(leaf, leaf.dtype)
