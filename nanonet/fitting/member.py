"""A member of a batch, one start of one fold, trained by the one loop, and watched.

A fold holds all rows, and for each part (train, validation, test) the weight that each
row has there, which is 0 outside. So folds have one shape, and all members share one
compiled program; rows of weight 0 pad it to the shape of tables of nearly the same
length.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.deviance import objective_for
from nanonet.model.rows import pad
from nanonet.network.network import Network
from nanonet.objectives.bounded import Bounded, Box
from nanonet.objectives.data import as_l2
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective
from nanonet.objectives.penalty import weighted_penalty
from nanonet.rules._parts.told import dampings_of
from nanonet.solve.loop import Count, is_running, repeat_recorded
from nanonet.solve.result import Status
from nanonet.solve.step import Best, Run, Tolerances, take_step
from nanonet.solve.step import begin as begin_run
from nanonet.table.examples import Examples
from nanonet.table.splits import Rows

# A call of `advance` takes so many steps at the most.
STEPS_PER_CHUNK = 64


class Fold(NamedTuple):
    """The data, and the weights of the rows in each part."""

    x: Float[Array, "rows inputs"]
    y: Float[Array, "rows outputs"]
    train: Float[Array, " rows"]
    validation: Float[Array, " rows"]
    test: Float[Array, " rows"]

    beta: Float[Array, ""]
    """1/σ² of the noise in the scaled targets, where that is known; else NaN."""


class Member(NamedTuple):
    """The state of one start."""

    run: Run
    validation: Float[Array, ""]  # J on the validation rows, at run.point
    test: Float[Array, ""]  # J on the test rows, likewise
    best: Best  # where J on the validation rows was least, …
    best_validation: Float[Array, ""]  # … that J, …
    best_step: Int[Array, ""]  # … and when


class Record(NamedTuple):
    """A run point by point: all of them, or of a very long one every so many."""

    steps: Int[Array | np.ndarray, " points"]
    """Before each point: 0, 1, 2, …"""

    value: Float[Array | np.ndarray, " points"]
    """J, with the penalty."""

    train: Float[Array | np.ndarray, " points"]
    """J on the training rows, without the penalty."""

    validation: Float[Array | np.ndarray, " points"]
    """J on the validation rows, likewise; NaN where there are none."""

    test: Float[Array | np.ndarray, " points"]
    """J on the test rows, likewise."""

    gradient_norm: Float[Array | np.ndarray, " points"]
    """‖∇J‖₂, within bounds that of θ - P(θ - ∇J)."""

    damping: Float[Array | np.ndarray, " points"]
    """μ of a rule that has one; else NaN."""


def objective_of(
    network: Network,
    loss: Loss,
    examples: Examples,
    l2: Any,
    rows: Rows | slice = slice(None),
) -> Objective:
    """J of these rows of a table, scaled and padded."""
    x, y, s = map(jnp.asarray, pad(*(of_all[rows] for of_all in examples.scaled())))
    return objective_for(network, loss, x, y, as_l2(l2), s)


class Learner(NamedTuple):
    """How each member learns."""

    network: Network
    loss: Loss
    rule: optax.GradientTransformation
    tolerances: Tolerances
    patience: float

    watch: bool
    """Whether there are validation or test rows to look at after each step."""

    box: Box | None = None
    """Where the parameters are to stay."""

    def objective(self, fold: Fold, l2: Any) -> Objective:
        """J of one fold's training rows."""
        return objective_for(self.network, self.loss, fold.x, fold.y, l2, fold.train)

    def bounded(self, fold: Fold, l2: Any) -> Any:
        """The same within the bounds, if there are any."""
        J = self.objective(fold, l2)
        return J if self.box is None else Bounded(J, self.box)


@jit
def begin(
    learner: Learner, fold: Fold, l2: Float[Array, "*groups"], params: PyTree
) -> tuple[Member, Record]:
    """Evaluate a member where it starts."""
    J = learner.bounded(fold, l2)
    run = begin_run(J, learner.rule, params, learner.tolerances)
    validation, test = _held_out(learner, fold, params)
    least = jnp.where(jnp.isnan(validation), jnp.inf, validation)
    member = Member(run, validation, test, run.best, least, jnp.int32(0))
    return member, _row(l2, member)


@jit
def advance(
    learner: Learner,
    fold: Fold,
    l2: Float[Array, "*groups"],
    member: Member,
    limit: Count,
) -> tuple[Member, Record, Int[Array, ""]]:
    """Take up to ``limit`` ≤ STEPS_PER_CHUNK steps; the record, and their number."""
    return repeat_recorded(
        lambda member: _step(learner, fold, l2, member),
        member,
        limit,
        going=lambda member: is_running(member.run),
        record=lambda member: _row(l2, member),
        capacity=STEPS_PER_CHUNK,
    )


def _step(learner: Learner, fold: Fold, l2: Array, member: Member) -> Member:
    J = learner.bounded(fold, l2)
    run = take_step(J, learner.rule, learner.tolerances, member.run)
    if not learner.watch:
        return member._replace(run=run)
    here = Best(run.point.params, run.point.value, run.point.gradient_norm)
    validation, test = _held_out(learner, fold, here.params)
    better = validation < member.best_validation
    best_step = jnp.where(better, run.step, member.best_step)
    worn_out = (run.step - best_step).astype(float) >= learner.patience
    worn_out &= jnp.any(fold.validation > 0) & jnp.isfinite(member.best_validation)
    status = jnp.where(
        is_running(run) & worn_out, jnp.int32(Status.VALIDATION), run.status
    )
    return Member(
        run._replace(status=status),
        validation,
        test,
        optax.tree.where(better, here, member.best),
        jnp.where(better, validation, member.best_validation),
        best_step,
    )


def _held_out(learner: Learner, fold: Fold, params: PyTree) -> tuple[Array, Array]:
    """J on the validation and on the test rows; 0 where there are none.

    NaN would stop those who debug with ``jax_debug_nans``; the host puts it there.
    """
    if not learner.watch:
        nothing = jnp.zeros((), fold.train.dtype)
        return nothing, nothing
    losses = learner.objective(fold, 0.0).losses(params)

    def mean(weights: Array) -> Array:
        total = jnp.sum(weights)
        weighted = jnp.sum(jnp.where(weights > 0, weights * losses, 0))
        return weighted / jnp.where(total > 0, total, 1)

    return mean(fold.validation), mean(fold.test)


def _row(l2: Array, member: Member) -> Record:
    point = member.run.point
    damping = damping_of(member)
    return Record(
        steps=member.run.step,
        value=point.value,
        train=point.value - weighted_penalty(point.params, l2),
        validation=member.validation,
        test=member.test,
        gradient_norm=point.gradient_norm.astype(l2.dtype),
        damping=jnp.asarray(0.0 if damping is None else damping, l2.dtype),
    )


def damping_of(member: Member) -> Array | None:
    """μ of a rule that has one."""
    return next(dampings_of(member.run.rule_state), None)
