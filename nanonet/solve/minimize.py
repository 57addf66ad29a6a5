"""Minimising any objective with any rule: one call, outside JAX's traces and inside."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.core import Tracer
from jaxtyping import PyTree

from nanonet._internal.checks import (
    check_count,
    check_number,
    check_parameters,
    whole_as_floats,
)
from nanonet._internal.static import jit
from nanonet._internal.tracing import is_traced, is_tracing
from nanonet.objectives.bounded import Bounded, check_bounds
from nanonet.objectives.given import given
from nanonet.rules._parts.rule import rule_name
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.solve.history import history_of, kept_of
from nanonet.solve.host import check_time_limit
from nanonet.solve.inside import minimize_inside
from nanonet.solve.loop import outset, start
from nanonet.solve.outside import go_on, result_of
from nanonet.solve.result import Result
from nanonet.solve.step import Tolerances

#: Above so many parameters BFGS's matrix costs more than it is worth.
LARGEST_BFGS = 1_000


def minimize(
    fun: Callable[..., Any],
    params: PyTree,
    rule: optax.GradientTransformation | None = None,
    *,
    args: tuple[Any, ...] = (),
    bounds: tuple[Any, Any] | None = None,
    has_aux: bool = False,
    max_steps: int = 10_000,
    gtol: float | None = None,
    xtol: float = 0.0,
    ftol: float = 0.0,
    goal: float | None = None,
    history: bool | None = None,
    keep_params: bool = False,
    progress: bool = False,
    time_limit: float | None = None,
) -> Result:
    """Minimise J by repeating one update rule until a stop test is met.

    ::

        θ(t+1) = θ(t) + update(∇J(θ(t)))

    The steps run inside one jitted loop, in chunks of about a tenth of a second;
    between chunks the host looks at the clock and for Ctrl-C, and shows progress. What
    is compiled is kept for the next call with the same functions: give data as
    ``args``, or make J by `objective`, and new data of the same shape compile nothing
    anew, nor does another learning rate of a rule of nanonet, or another tolerance.

    The same call works inside `jax.jit`, `jax.vmap`, `jax.grad`, `jax.jacfwd`,
    `jax.jacrev`, `jax.lax.scan`, with the same numbers. There ``status``, ``steps`` and
    ``evaluations`` are arrays, and the solution has derivatives with respect to
    ``args`` and all that ``fun`` closes over, by the implicit function theorem::

        dθ*/da = -H⁻¹ ∂(∇J)/∂a        dJ*/da = ∂J/∂a

    in forward and reverse mode and nested. They are NaN where the run did not come to
    a minimum: at a limit, a ``goal``, or a J that is not finite; and for ``history``.

    Args:
      fun: J(params, *args) → one real number.
      params: where to start, any pytree of floating-point (or complex) arrays or
        numbers. Computes in their dtype.
      rule: an update rule of nanonet or of optax; those that search along a line are
        given ``value``, ``grad`` and ``value_fn``. By default `bfgs`; for more than
        1,000 parameters, whose matrix would be large, `lbfgs`.
      args: what ``fun`` is given after the parameters, pytrees of arrays and numbers.
      bounds: (lower, upper), each a number, None, or a tree like the parameters of
        numbers, arrays and None, where one may stand for a branch: lower ≤ θ ≤ upper.
        All rules of nanonet search among the parameters that no bound holds; where
        those of optax lead out of the box, their step ends at the nearest point in it.
        The norm of the gradient is then that of θ - P(θ - ∇J), P(·) being the nearest
        point. A start outside is moved inside, and the result says so.
      has_aux: ``fun`` returns a pair, J and what goes into the result's ``aux``.
      max_steps: steps at the most.
      gtol: stop where ‖∇J‖₂ ≤ gtol; by default ε^(2/3) of J's dtype, which is 4e-11 in
        float64 and 2e-5 in float32.
      xtol: stop where ‖Δθ‖₂ < xtol (xtol + ‖θ‖₂); 0 never does.
      ftol: stop where |ΔJ| < ftol |J|; 0 never does.
      goal: stop where J ≤ goal.
      history: keep J and ‖∇J‖ of every step; by default not inside a trace, where the
        arrays are as long as ``max_steps`` + 1 and padded with NaN, to which
        ``jax_debug_nans`` objects. Outside, a history of very many steps is thinned.
      keep_params: keep the parameters of every step too.
      progress: show a progress bar, on a terminal.
      time_limit: seconds, looked at between chunks.

    Returns:
      A `Result`, whose ``status`` says why the run stopped. Where J or ∇J stops being
      finite, where time is up, and after Ctrl-C, its ``params`` are the best seen.

    Raises:
      ValueError: ``params`` is empty, ``fun`` does not return one number, a limit or a
        tolerance is negative or NaN, bounds cross.
      TypeError: a parameter is not floating point, J is not real, ``rule`` is not a
        rule, ``args`` is not a tuple; ``progress`` or ``time_limit`` inside a trace.

    Source: for the derivatives, Griewank & Walther, *Evaluating Derivatives*,
    chapter 15; for bounds, Bertsekas, "Projected Newton methods for optimization
    problems with simple constraints", 1982, and Kanzow, Yamashita & Fukushima,
    "Levenberg–Marquardt methods with strong local convergence properties for solving
    nonlinear equations with convex constraints", 2004.

    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> result = minimize(lambda w: (w - 3) ** 2, 0.0, gradient_descent(0.25))
    >>> print(f"{result.params:.4f} after {result.steps} steps. {result.status}")
    3.0000 after 18 steps. The gradient's norm fell to gtol.
    >>> def ridge(w, l2):
    ...     return (w - 3) ** 2 + l2 * w**2
    >>> print(jax.grad(lambda l2: minimize(ridge, 0.0, args=(l2,)).params)(1.0))
    -0.75
    """
    params = whole_as_floats(params)
    check_parameters("params", params)
    rule = default_rule(params) if rule is None else rule
    check_rule(rule)
    max_steps = check_count("max_steps", max_steps)
    time_limit = check_time_limit(time_limit)
    tolerances = tolerances_of(gtol=gtol, xtol=xtol, ftol=ftol, goal=goal)
    J = given(fun, args, has_aux=has_aux)
    params = jax.tree.map(_strong, params)
    outside: Any = False
    if bounds is not None:
        box = check_bounds(bounds, params)
        J, outside = Bounded(J, box), box.excludes(params)
        if is_traced(outside) or outside:  # else nothing is computed
            params = box.inside(params)
    traced = is_traced((J, rule, params, tolerances))
    if not traced and is_tracing():  # J may close over what is traced
        traced = is_traced(start(J, rule, params, tolerances).point)
    if traced:
        _check_no_host(progress=progress, time_limit=time_limit)
        kept = kept_of(bool(history), keep_params)
        limit = np.asarray(max_steps, np.int32) if kept == "nothing" else max_steps
        result = minimize_inside(J, rule, params, tolerances, limit, kept, has_aux)
        return dataclasses.replace(result, start_moved=outside)
    begun_at = outset(J, rule, params, tolerances)
    run, stopped, record = go_on(
        J,
        rule,
        begun_at.there(tolerances),
        kept_of(history is not False, keep_params),
        begun_at.run(params),
        total=max_steps,
        label="minimize",
        time_limit=time_limit,
        progress=progress,
        pace=begun_at.pace.begin_anew(),
    )
    result = result_of(run, stopped, history_of(record.rows))
    aux = _aux(J, result.params) if has_aux else None
    return dataclasses.replace(
        result, aux=aux, start_moved=outside, rule=rule_name(rule)
    )


def default_rule(params: PyTree) -> optax.GradientTransformation:
    """The rule that needs no learning rate and suits most: quasi-Newton."""
    count = sum(map(np.size, jax.tree.leaves(params)))
    return bfgs() if count <= LARGEST_BFGS else lbfgs()


def check_rule(rule: Any) -> None:
    """Raise `TypeError` unless it is an update rule."""
    if not isinstance(rule, optax.GradientTransformation):
        raise TypeError(f"rule={rule!r} must be an update rule, as adam(0.01) is.")


@jit
def _aux(fun: Any, params: PyTree) -> PyTree:
    return fun.aux(params)


def tolerances_of(
    *,
    gtol: float | None = None,
    xtol: float = 0.0,
    ftol: float = 0.0,
    goal: float | None = None,
) -> Tolerances:
    """Tolerances, checked."""
    limits = {"gtol": gtol, "xtol": xtol, "ftol": ftol, "goal": goal}
    for name, limit in limits.items():
        if limit is not None or name in ("xtol", "ftol"):
            check_number(name, limit, at_least=-math.inf if name == "goal" else 0)
    return Tolerances(
        gtol=_number(math.nan if gtol is None else gtol),
        xtol=_number(xtol),
        ftol=_number(ftol),
        goal=_number(-math.inf if goal is None else goal),
    )


def _number(limit: Any) -> Any:
    return limit if isinstance(limit, Tracer) else float(limit)


def _check_no_host(*, progress: bool, time_limit: float | None) -> None:
    """Raise where a trace leaves nobody to draw a bar or to look at the clock."""
    asked = ["progress"] * progress + ["time_limit"] * (time_limit is not None)
    if asked:
        raise TypeError(
            f"{' and '.join(asked)} cannot be had inside jax.jit, jax.vmap or "
            "jax.grad, where Python does not run between the steps; leave them out."
        )


def _strong(leaf: Any) -> Any:
    """An array that has its own dtype, as no number of Python has."""
    if isinstance(leaf, jax.Array) and not leaf.weak_type:
        return leaf
    if is_traced(leaf):
        return lax.convert_element_type(leaf, leaf.dtype)
    # By NumPy, which compiles nothing.
    return jax.device_put(np.asarray(leaf, jnp.result_type(leaf)))
