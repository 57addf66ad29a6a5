"""Minimising inside a trace of JAX: a pure function, with the derivative around it."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PyTree

from nanonet._internal.static import jit
from nanonet.objectives.modes import ScalarFunction, expand, pull_back
from nanonet.rules._parts.box import box_of
from nanonet.rules._parts.objective import flattened
from nanonet.solve.history import Entry, Kept, entry_of
from nanonet.solve.implicit import (
    Vector,
    differentiable_where,
    solution,
    solution_in_part,
)
from nanonet.solve.loop import Count, is_running, repeat_recorded, run_to_end
from nanonet.solve.result import History, Result, Status, is_one_of
from nanonet.solve.step import Run, Tolerances, begin, take_step

# Where a run ended so, ∇J is as near to zero as the tolerances ask.
AT_MINIMUM = (Status.GRADIENT, Status.STEP, Status.OBJECTIVE, Status.PRECISION)


@jit
def minimize_inside(
    fun: Any,
    rule: optax.GradientTransformation,
    params: PyTree,
    tolerances: Tolerances,
    max_steps: Count,
    kept: Kept,
    has_aux: bool,
) -> Result:
    """`minimize` as a pure function; the limit of a run with a history is static."""
    theta, back = flattened(params)
    box = box_of(fun, params)

    def find(start: Vector) -> tuple[Vector, Any]:
        run, rows = _whole_run(fun, rule, back(start), tolerances, max_steps, kept)
        failed = run.status == Status.NON_FINITE
        end = optax.tree.where(failed, run.best.params, run.point.params)
        norm = jnp.where(failed, run.best.gradient_norm, run.point.gradient_norm)
        return flattened(end)[0], (norm, run.step, run.evaluations, run.status, rows)

    def stationary(x: Vector, slope: Vector) -> Vector:
        return slope if box is None else box.projected(x, slope)

    def by_hessian(x: Vector) -> Vector:
        return stationary(x, expand(lambda x: jnp.asarray(fun(back(x))), x)[1])

    def by_gauss_newton(x: Vector, where: Vector) -> Vector:
        """A(where)ᵀ r(x), whose derivative by x alone is AᵀA."""
        r = lambda x: fun.residuals(back(x))  # noqa: E731
        return stationary(x, pull_back(r, where, r(x)))

    if getattr(fun, "solution_derivatives", "exact") == "exact":
        x, (norm, *counts, rows) = solution(by_hessian, find, theta)
    else:
        x, (norm, *counts, rows) = solution_in_part(by_gauss_newton, find, theta)
    steps, evaluations, status = (count.astype(jnp.int32) for count in counts)
    status = jnp.where(status == Status.RUNNING, int(Status.STEP_LIMIT), status)
    end = back(x)
    aux = fun.aux(end) if has_aux else None
    at_minimum = is_one_of(AT_MINIMUM, status)
    end, value, aux = differentiable_where(
        at_minimum, (end, jnp.asarray(fun(end)), aux)
    )
    norm, rows = differentiable_where(jnp.bool_(False), (norm, rows))
    return Result(
        params=end,
        value=value,
        gradient_norm=norm,
        steps=steps,
        evaluations=evaluations,
        status=status,
        history=None if rows is None else History(*rows),
        aux=aux,
    )


def _whole_run(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    params: PyTree,
    tolerances: Tolerances,
    max_steps: Count,
    kept: Kept,
) -> tuple[Run, Entry | None]:
    """A run from start to end, and its history, padded with NaN."""
    if kept == "nothing":
        return run_to_end(fun, rule, params, tolerances, max_steps), None
    first = begin(fun, rule, params, tolerances)
    run, rows, count = repeat_recorded(
        lambda run: take_step(fun, rule, tolerances, run),
        first,
        max_steps,
        going=is_running,
        record=lambda run: entry_of(run.point, kept),
        capacity=max(1, int(max_steps)),
    )

    def padded(first: Array, rows: Array) -> Array:
        rows = jnp.concatenate([first[None], rows[: int(max_steps)]])
        taken = jnp.arange(len(rows), dtype=jnp.int32) <= count
        return jnp.where(taken.reshape(-1, *[1] * first.ndim), rows, jnp.nan)

    return run, jax.tree.map(padded, entry_of(first.point, kept), rows)
