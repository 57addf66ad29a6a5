"""One step of any rule, and the one table of tests that may end a run."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.checks import check_real_scalar
from nanonet.objectives.bounded import bounds_of
from nanonet.objectives.modes import ScalarFunction, expand
from nanonet.objectives.normal import normal_equations
from nanonet.rules._parts.memory import primed, remembers
from nanonet.rules._parts.objective import AtPoint
from nanonet.rules._parts.told import Evaluated, Told, told_by
from nanonet.solve.norms import norm, safe_norm
from nanonet.solve.result import Status

Scalar = Float[Array, ""]


class Point(NamedTuple):
    """A point on the way, with J and ∇J there."""

    params: PyTree
    value: Scalar
    gradient: PyTree
    gradient_norm: Scalar


class Best(NamedTuple):
    """The point of least J so far."""

    params: PyTree
    value: Scalar
    gradient_norm: Scalar


class Tolerances(NamedTuple):
    """When to stop; as they are here, never but for a J or ∇J that is not finite."""

    gtol: float | Scalar = -jnp.inf
    """NaN is ε^(2/3) of J's dtype, so that any number will do without compiling."""

    xtol: float | Scalar = 0.0
    ftol: float | Scalar = 0.0
    goal: float | Scalar = -jnp.inf


class Run(NamedTuple):
    """All that the rest of a run follows from."""

    step: Int[Array, ""]
    status: Int[Array, ""]
    evaluations: Int[Array, ""]
    point: Point
    rule_state: Any
    best: Best


def begin(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    params: PyTree,
    tolerances: Tolerances,
) -> Run:
    """Evaluate J and ∇J at the parameters, and test whether to start at all.

    Raises:
      ValueError, TypeError: J is not one real number.
    """
    check_real_scalar("fun", jax.eval_shape(fun, params))
    rule_state = rule.init(params)
    knowing = primed(rule, rule_state, fun, params)
    if knowing is None:
        point = evaluate(fun, params)
    else:
        rule_state = knowing
        point = _recalled(fun, knowing.memory.evaluated)
    return Run(
        step=jnp.int32(0),
        status=stop_test(point, tolerances),
        evaluations=jnp.int32(1),
        point=point,
        rule_state=rule_state,
        best=Best(params, point.value, point.gradient_norm),
    )


def take_step(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    tolerances: Tolerances,
    run: Run,
) -> Run:
    """One step of the rule, J and ∇J where it led, and whether that is the end."""
    remembered = remembers(rule, run.rule_state, fun)
    params, rule_state = update(fun, rule, run.point, run.rule_state, remembered)
    told = told_by(rule_state)
    if remembered:
        new, evaluations = _recalled(fun, rule_state.memory.evaluated), 0
    else:
        new, evaluations = _evaluate_unless_known(fun, params, told)
    better = is_finite(new) & (new.value < run.best.value)
    return Run(
        step=run.step + 1,
        status=stop_test(new, tolerances, run.point, told),
        evaluations=run.evaluations + evaluations + told.evaluations,
        point=new,
        rule_state=rule_state,
        best=optax.tree.where(
            better,
            Best(new.params, new.value, new.gradient_norm),
            run.best,
        ),
    )


def update(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    point: Point,
    rule_state: Any,
    remembered: bool = False,
) -> tuple[PyTree, Any]:
    """The parameters after one step, and the rule's new state."""
    updates, rule_state = optax.with_extra_args_support(rule).update(
        point.gradient,
        rule_state,
        point.params,
        value=point.value,
        grad=point.gradient,
        value_fn=AtPoint(fun, point.params, remembered),
    )
    params = optax.apply_updates(point.params, updates)
    bounds = bounds_of(fun)
    return params if bounds is None else bounds.inside(params), rule_state


def evaluate(fun: ScalarFunction, params: PyTree) -> Point:
    """J and ∇J at the parameters."""
    return _point(fun, params, *expand(lambda p: jnp.asarray(fun(p)), params))


def evaluate_residuals(fun: Any, params: PyTree) -> Point:
    """The same of J = ½‖r‖², as rules that need AᵀA compute it: for them it is free."""
    value, slope, _ = normal_equations(fun.residuals, params)
    return _point(fun, params, value, ravel_pytree(params)[1](slope))


def stop_test(
    new: Point,
    tolerances: Tolerances,
    old: Point | None = None,
    told: Told | None = None,
) -> Int[Array, ""]:
    """Why to stop at ``new``, the first that holds; else `Status.RUNNING`.

    ::

        J or ∇J is not finite                NON_FINITE
        J ≤ goal                             GOAL
        ‖∇J‖ ≤ gtol                          GRADIENT
        ‖Δθ‖ < xtol (xtol + ‖θ‖)             STEP         after a step from ``old``
        |ΔJ| < ftol |J|                      OBJECTIVE    likewise
        the rule has stalled                 PRECISION    where J's rounding hides more
                                             NO_DESCENT   else
    """
    gtol, xtol, ftol, goal = tolerances
    usual = jnp.finfo(new.value.dtype).eps ** (2 / 3)
    gtol = jnp.where(jnp.isnan(gtol), usual, gtol)
    table = [
        (~is_finite(new), Status.NON_FINITE),
        (new.value <= goal, Status.GOAL),
        (new.gradient_norm <= gtol, Status.GRADIENT),
    ]
    if old is not None:
        step = norm(jax.tree.map(jnp.subtract, new.params, old.params))
        change = jnp.abs(new.value - old.value)
        # A rule that rejects its own step does not move, and is not done for that.
        moved = step > 0
        table += [
            (moved & (step < xtol * (xtol + norm(new.params))), Status.STEP),
            (moved & (change < ftol * jnp.abs(new.value)), Status.OBJECTIVE),
        ]
    if told is not None:
        table += [
            (told.stalled & told.precise, Status.PRECISION),
            (told.stalled, Status.NO_DESCENT),
        ]
    status = jnp.int32(Status.RUNNING)
    for holds, code in reversed(table):
        status = jnp.where(holds, jnp.int32(code), status)
    return status


def is_finite(point: Point) -> Bool[Array, ""]:
    """Whether J and ∇J are; −∞ is no minimum."""
    return jnp.isfinite(point.value) & jnp.isfinite(point.gradient_norm)


def _point(fun: Any, params: PyTree, value: Array, gradient: PyTree) -> Point:
    bounds = bounds_of(fun)
    slope = gradient if bounds is None else bounds.projected(params, gradient)
    return Point(params, value, gradient, safe_norm(slope).astype(value.dtype))


def _recalled(fun: ScalarFunction, known: Evaluated) -> Point:
    """The point where the rule has been."""
    dtype = jax.eval_shape(fun, known.params).dtype
    return _point(fun, known.params, known.value.astype(dtype), known.grad)


def _evaluate_unless_known(
    fun: ScalarFunction, params: PyTree, told: Told
) -> tuple[Point, Int[Array, ""]]:
    """The point, and the evaluations it took: none if the rule has been there."""

    def afresh() -> tuple[Point, Int[Array, ""]]:
        return evaluate(fun, params), jnp.int32(1)

    look_up = afresh
    for known in told.evaluated:
        if jax.tree.structure(known.params) != jax.tree.structure(params):
            continue  # of some of the parameters alone

        def recall(known: Evaluated = known) -> tuple[Point, Int[Array, ""]]:
            return _recalled(fun, known._replace(params=params)), jnp.int32(0)

        look_up = functools.partial(lax.cond, known.is_at(params), recall, look_up)
    return look_up()
