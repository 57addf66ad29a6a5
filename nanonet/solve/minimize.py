"""Minimising any objective with any rule: the loop on the device, under the host."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, PyTree

from nanonet._internal.checks import (
    check_count,
    check_number,
    check_parameters,
    check_real_scalar,
    check_untraced,
)
from nanonet.objectives.derivatives import ScalarFunction
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.solve.host import Progress, check_time_limit, drive
from nanonet.solve.loop import Entry, advance, recorded, start, steps_per_chunk
from nanonet.solve.result import History, Result, Status
from nanonet.solve.step import Run, Tolerances

#: Above so many parameters BFGS's matrix costs more than it is worth.
LARGEST_BFGS = 1_000


def minimize(
    fun: ScalarFunction,
    params: PyTree,
    rule: optax.GradientTransformation | None = None,
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
        given ``value``, ``grad`` and ``value_fn``. By default `bfgs`; for more than
        1,000 parameters, whose matrix would be large, `lbfgs`.
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
    check_untraced("minimize", params)
    params = jax.tree.map(_strong, params)
    rule = default_rule(params) if rule is None else rule
    check_rule(rule)
    max_steps = check_count("max_steps", max_steps)
    time_limit = check_time_limit(time_limit)
    for name, limit in {"gtol": gtol, "xtol": xtol, "ftol": ftol}.items():
        if limit is not None:
            check_number(name, limit, at_least=0)
    if goal is not None:
        check_number("goal", goal)
    value = jax.eval_shape(fun, params)
    check_real_scalar("fun", value)
    tolerances = Tolerances(
        gtol=float(jnp.finfo(value.dtype).eps ** (2 / 3) if gtol is None else gtol),
        xtol=float(xtol),
        ftol=float(ftol),
        goal=float(-math.inf if goal is None else goal),
    )
    run = start(fun, rule, params, tolerances)
    check_untraced("minimize", run.point)  # fun or rule may close over what is traced
    run, history, stopped = go_on(
        fun,
        rule,
        tolerances,
        run,
        first_entry(run, keep_params),
        total=max_steps,
        label="minimize",
        time_limit=time_limit,
        progress=progress,
    )
    return result_of(run, stopped, history)


def go_on(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    tolerances: Tolerances,
    run: Run,
    history: History,
    **host: Any,
) -> tuple[Run, History, Status]:
    """Take a run further, under the host (see `drive`); its history grows with it."""
    keep_params = history.params is not None
    chunks = [Entry(history.value, history.gradient_norm, history.params)]

    def advance_run(run: Run, limit: int) -> Run:
        run, chunk, taken = advance(
            fun, rule, tolerances, keep_params, run, np.asarray(limit, np.int32)
        )
        count = int(taken)
        chunks.append(jax.tree.map(lambda leaf: np.asarray(leaf)[:count].copy(), chunk))
        return run

    def look(run: Run) -> Progress:
        running = int(run.status) == Status.RUNNING
        return Progress(int(run.step), float(run.point.value), running)

    longest = steps_per_chunk(recorded(run.point, keep_params))
    run, stopped = drive(advance_run, run, look, longest=longest, **host)
    whole = jax.tree.map(lambda *chunks: np.concatenate(chunks), *chunks)
    return run, History(*whole), stopped


def first_entry(run: Run, keep_params: bool) -> History:
    """The history of a run that has only begun: its start."""
    first = jax.device_get(recorded(run.point, keep_params))
    return History(*jax.tree.map(lambda leaf: np.asarray(leaf)[None], first))


def default_rule(params: PyTree) -> optax.GradientTransformation:
    """The rule that needs no learning rate and suits most: quasi-Newton."""
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return bfgs() if count <= LARGEST_BFGS else lbfgs()


def check_rule(rule: Any) -> None:
    """Raise `TypeError` unless it is an update rule."""
    if not isinstance(rule, optax.GradientTransformation):
        raise TypeError(f"rule={rule!r} must be an update rule, as adam(0.01) is.")


def result_of(run: Run, stopped: Status, history: History) -> Result:
    """The end of a run that stopped by itself, or as the host says it was stopped.

    After a failure, at the time limit and after Ctrl-C it is the best point, else the
    last one.
    """
    status = Status(int(run.status))
    status = stopped if status is Status.RUNNING else status
    failed = status in (Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED)
    end = run.best if failed else run.point
    return Result(
        params=end.params,
        value=end.value,
        gradient_norm=end.gradient_norm,
        steps=int(run.step),
        evaluations=int(run.evaluations),
        status=status,
        history=history,
    )


def _strong(leaf: Any) -> Array:
    leaf = jnp.asarray(leaf)
    return lax.convert_element_type(leaf, leaf.dtype)
