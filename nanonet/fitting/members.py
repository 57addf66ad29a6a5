"""The jitted loop under `fit`: folds × starts trained as one batch, and watched.

A member of the batch is one start of one fold. A fold holds all rows, and for each part
(train, validation, test) the weight that each row has there, which is 0 outside. So
folds have one shape, and share one compiled program; rows of weight 0 pad it to the
shape of tables of nearly the same length.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.static import join, split
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss
from nanonet.objectives.objective import Objective
from nanonet.objectives.penalty import l2_penalty
from nanonet.solve.loop import Run, Tolerances, start, take_step
from nanonet.solve.result import Status


class Fold(NamedTuple):
    """The data; the leading axis, where there is one, is that of the folds."""

    x: Float[Array, "*folds rows inputs"]
    y: Float[Array, "*folds rows outputs"]
    train: Float[Array, "*folds rows"]
    validation: Float[Array, "*folds rows"]
    test: Float[Array, "*folds rows"]


class Member(NamedTuple):
    """The state of one start; in a batch, with leading axes [folds, starts]."""

    run: Run
    validation: Float[Array, ""]  # J on the validation rows, at run.point
    test: Float[Array, ""]  # J on the test rows, likewise
    best_params: PyTree  # where J on the validation rows was least, …
    best_validation: Float[Array, ""]  # … that J, …
    best_step: Int[Array, ""]  # … and when


class Record(NamedTuple):
    """A run step by step: entry 0 is the start, entry t the point after t steps."""

    value: Float[Array | np.ndarray, " points"]
    """J, with the penalty."""

    train: Float[Array | np.ndarray, " points"]
    """J on the training rows, without the penalty."""

    validation: Float[Array | np.ndarray, " points"]
    """J on the validation rows, likewise; NaN where there are none."""

    test: Float[Array | np.ndarray, " points"]
    """J on the test rows, likewise."""

    gradient_norm: Float[Array | np.ndarray, " points"]
    """‖∇J‖₂."""

    damping: Float[Array | np.ndarray, " points"]
    """μ of a rule that has one; else NaN."""


class Setup(NamedTuple):
    """What a compilation depends on; see `split` for the rule's part."""

    network: Network
    loss: Loss
    rule: Any
    watch: bool  # whether there are validation or test rows


class Numbers(NamedTuple):
    """What may change without one."""

    rule: list
    tolerances: Tolerances
    patience: Float[Array, ""] | float


def make_setup(
    network: Network, loss: Loss, rule: optax.GradientTransformation, folds: Fold
) -> tuple[Setup, list]:
    """Make the setup, and the rule's numbers."""
    static, numbers = split(rule)
    watch = bool(jnp.any(folds.validation) | jnp.any(folds.test))
    return Setup(network, loss, static, watch), numbers


def objective_of(setup: Setup, fold: Fold, l2: Array | float) -> Objective:
    """J of one fold's training rows."""
    return Objective(setup.network, setup.loss, "mean", fold.x, fold.y, l2, fold.train)


@functools.partial(jax.jit, static_argnums=0)
def begin(
    setup: Setup,
    numbers: Numbers,
    folds: Fold,
    l2: Float[Array, "folds starts"],
    params: PyTree,
) -> tuple[Member, Record]:
    """Evaluate each member where it starts."""

    def one(fold: Fold, l2: Array, params: PyTree) -> tuple[Member, Record]:
        run = start_run(setup, numbers, fold, l2, params)
        validation, test = _held_out(setup, fold, params)
        member = Member(
            run, validation, test, params, _or_inf(validation), jnp.int32(0)
        )
        return member, _row(fold, l2, member)

    return over_members(one)(folds, l2, params)


def start_run(
    setup: Setup, numbers: Numbers, fold: Fold, l2: Array, params: PyTree
) -> Run:
    """Start the rule's own loop."""
    rule = join(setup.rule, numbers.rule)
    static, leaves = split((objective_of(setup, fold, l2), rule))
    return start(static, leaves, params, numbers.tolerances)


@functools.partial(jax.jit, static_argnums=(0, 1))
def advance(
    setup: Setup,
    length: int,
    numbers: Numbers,
    folds: Fold,
    l2: Float[Array, "folds starts"],
    members: Member,
    limit: Int[Array, ""] | int,
) -> tuple[Member, Record, Int[Array, ""]]:
    """Take up to ``limit`` ≤ ``length`` steps; the record, and how many were taken.

    Members that have stopped stay where they are, until all have.
    """

    def step(fold: Fold, l2: Array, member: Member) -> tuple[Member, Record]:
        member = lax.cond(
            member.run.status == Status.RUNNING,
            lambda member: _step(setup, numbers, fold, l2, member),
            lambda member: member,
            member,
        )
        return member, _row(fold, l2, member)

    def going(carry: tuple[Member, Record, Array]) -> Array:
        members, _, i = carry
        return jnp.any(members.run.status == Status.RUNNING) & (i < limit)

    def body(carry: tuple[Member, Record, Array]) -> tuple[Member, Record, Array]:
        members, rows, i = carry
        members, row = over_members(step)(folds, l2, members)
        rows = jax.tree.map(
            lambda rows, row: lax.dynamic_update_index_in_dim(rows, row, i, 0),
            rows,
            row,
        )
        return members, rows, i + 1

    empty = jnp.zeros((length, *l2.shape), l2.dtype)
    rows = Record(*[empty] * len(Record._fields))
    return lax.while_loop(going, body, (members, rows, jnp.int32(0)))


def over_members(function: Callable) -> Callable:
    """Map ``function(fold, *of_member)`` over folds, and over the starts of each.

    One after the other, not by `jax.vmap`: a common step can leave out no branch, of
    rules that have many, and took two to four times as long wherever it was timed.
    """
    return lambda folds, *rest: lax.map(
        lambda fold_rest: lax.map(
            lambda rest: function(fold_rest[0], *rest), fold_rest[1:]
        ),
        (folds, *rest),
    )


def _step(
    setup: Setup, numbers: Numbers, fold: Fold, l2: Array, member: Member
) -> Member:
    rule = join(setup.rule, numbers.rule)
    J = objective_of(setup, fold, l2)
    run = take_step(J, rule, numbers.tolerances, member.run)
    params = run.point.params
    validation, test = _held_out(setup, fold, params)
    better = validation < member.best_validation
    best_step = jnp.where(better, run.step, member.best_step)
    worn_out = run.step - best_step >= numbers.patience
    running = run.status == Status.RUNNING
    status = jnp.where(
        running & worn_out & jnp.isfinite(member.best_validation),
        jnp.int32(Status.VALIDATION),
        run.status,
    )
    return Member(
        run._replace(status=status),
        validation,
        test,
        optax.tree.where(better, params, member.best_params),
        jnp.where(better, validation, member.best_validation),
        best_step,
    )


def _held_out(setup: Setup, fold: Fold, params: PyTree) -> tuple[Array, Array]:
    """J on the validation and on the test rows; NaN where there are none."""
    if not setup.watch:
        nothing = jnp.full((), jnp.nan, fold.train.dtype)
        return nothing, nothing
    losses = objective_of(setup, fold, 0.0).losses(params)

    def mean(weights: Array) -> Array:
        return jnp.sum(jnp.where(weights > 0, weights * losses, 0)) / jnp.sum(weights)

    return mean(fold.validation), mean(fold.test)


def _row(fold: Fold, l2: Array, member: Member) -> Record:
    point = member.run.point
    damping = optax.tree.get(member.run.rule_state, "damping", jnp.nan)
    row = Record(
        value=point.value,
        train=point.value - l2 * l2_penalty(point.params),
        validation=member.validation,
        test=member.test,
        gradient_norm=point.gradient_norm,
        damping=damping,
    )
    return Record(*(jnp.asarray(entry, l2.dtype) for entry in row))


def _or_inf(value: Array) -> Array:
    return jnp.where(jnp.isnan(value), jnp.inf, value)


def is_running(members: Member) -> Bool[Array, "folds starts"]:
    """Which members have not stopped."""
    return members.run.status == Status.RUNNING
