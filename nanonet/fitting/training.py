"""The host's side of `fit`: chunks of steps, rounds of evidence, checkpoints."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from nanonet.fitting.batch import (
    STEPS_PER_CHUNK,
    Fold,
    Learning,
    Member,
    Record,
    advance,
    begin,
    damping_of,
)
from nanonet.fitting.checkpoint import (
    identify,
    read_checkpoint,
    write_checkpoint,
)
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.search import (
    Search,
    agree,
    first_factors,
    start_search,
    update_search,
)
from nanonet.fitting.settings import Plan, Settings
from nanonet.solve.history import Recorder, Rows
from nanonet.solve.host import Progress, drive
from nanonet.solve.loop import is_running
from nanonet.solve.result import Status
from nanonet.solve.step import Best

# Between two evidence updates: few, because l2 need not settle before θ has.
STEPS_PER_ROUND = 20

SECONDS_PER_CHECKPOINT = 5.0


class State(NamedTuple):
    """All that the rest of a run follows from; what a checkpoint holds."""

    step: int
    round_start: int
    l2: Float[Array, "folds starts"]
    members: Member
    search: Search | None
    record: Rows | None = None
    """On the disk alone; else it is the recorder's."""

    @property
    def running(self) -> bool:
        """Whether a member has not stopped."""
        return bool(jnp.any(is_running(self.members.run)))


class Trained(NamedTuple):
    """Every member at its end; leaves with leading axes [folds, starts]."""

    params: PyTree
    value: Float[np.ndarray, "folds starts"]
    """J at ``params``."""

    gradient_norm: Float[np.ndarray, "folds starts"]

    score: Float[np.ndarray, "folds starts"]
    """The less, the better: J on the validation rows, or -ln evidence, or J."""

    status: np.ndarray
    steps: np.ndarray
    evaluations: np.ndarray
    l2: Float[np.ndarray, "folds starts"]
    evidence: Evidence | None
    record: Record


def train(
    learning: Learning, params: PyTree, plan: Plan, settings: Settings
) -> Trained:
    """Train each start in ``params`` [folds, starts, ...] until it stops.

    Nothing is lost on Ctrl-C, at the time limit, or where J ceases to be finite: the
    best parameters so far are returned, and the status says why.
    """
    state, first = _start(learning, params, plan)
    record = Recorder(first)
    path, identity = settings.checkpoint, ""
    if path is not None:
        identity = identify(learning, plan, params)
        if Path(path).exists():
            like = state._replace(record=record.rows)
            state = read_checkpoint(path, identity, like)
            record = Recorder(first, state.record)
    kept = time.monotonic()

    def advance_and_keep(state: State, limit: int) -> State:
        nonlocal kept
        state = _advance(learning, state, record, limit)
        if time.monotonic() - kept >= SECONDS_PER_CHECKPOINT:
            keep(state)
            kept = time.monotonic()
        return state

    def keep(state: State) -> None:
        if path is not None:
            write_checkpoint(path, identity, state._replace(record=record.rows))

    state, stopped = drive(
        advance_and_keep,
        state,
        _look,
        label="fit",
        total=plan.max_steps,
        longest=STEPS_PER_CHUNK,
        time_limit=settings.time_limit,
        progress=settings.progress,
    )
    keep(state)
    return _end(learning.folds, state, record.rows[1], stopped)


def _start(learning: Learning, params: PyTree, plan: Plan) -> tuple[State, Record]:
    shape = jax.tree.leaves(params)[0].shape[:2]
    l2 = jnp.full(shape, plan.l2, learning.folds.x.dtype)
    if plan.bayesian:
        l2 *= first_factors(shape[1])[None]
    members, first = begin(learning, l2, params)
    search = start_search(l2, members) if plan.bayesian else None
    return _settle(learning, State(0, 0, l2, members, search)), first


def _advance(learning: Learning, state: State, record: Recorder, limit: int) -> State:
    """Up to ``limit`` steps, and no more than are left of the round of evidence."""
    if state.search is not None:
        limit = min(limit, state.round_start + STEPS_PER_ROUND - state.step)
    members, chunk, taken = advance(
        learning, state.l2, state.members, np.asarray(limit, np.int32)
    )
    step = state.step + int(taken)
    record.add(chunk, int(taken), step)
    return _settle(learning, state._replace(step=step, members=members))


def _settle(learning: Learning, state: State) -> State:
    """The state after the evidence update, if a round is over."""
    taken = state.step - state.round_start
    over = taken >= STEPS_PER_ROUND or not state.running
    if state.search is None or taken == 0 or not over:
        return state
    search, members = update_search(learning, state.search, state.members)
    several = state.l2.shape[1] > 1 and not bool(jnp.all(search.agreed))
    if several and not bool(jnp.any(is_running(members.run))):
        search, members = agree(learning, search, members)
    return state._replace(
        round_start=state.step, l2=search.l2, members=members, search=search
    )


def _look(state: State) -> Progress:
    J = np.asarray(state.members.run.point.value)
    return Progress(state.step, float(np.nanmin(J, initial=np.inf)), state.running)


def _told(folds: Fold, state: State, record: Record) -> Record:
    """The record, NaN where there is nothing to tell."""
    return record._replace(
        validation=np.where(_any_row(folds.validation), record.validation, np.nan),
        test=np.where(_any_row(folds.test), record.test, np.nan),
        damping=record.damping + (np.nan if damping_of(state.members) is None else 0),
    )


def _any_row(weights: Array) -> Bool[np.ndarray, "folds 1"]:
    """Whether a fold has rows in that part."""
    return np.asarray(weights).max(axis=1, keepdims=True) > 0


def _end(folds: Fold, state: State, record: Record, stopped: Status) -> Trained:
    """Choose, for each member, the last point or the best one, and tell its score."""
    members: Any = jax.device_get(state.members)
    record = _told(folds, state, record)
    run = members.run
    status = np.where(run.status == Status.RUNNING, stopped, run.status)
    failed = np.isin(status, [Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED])
    last = Best(run.point.params, run.point.value, run.point.gradient_norm)
    end = _where(failed, run.best, last)
    l2, evidence, score = np.asarray(state.l2), None, end.value
    watched = _any_row(folds.validation) & np.isfinite(members.best_validation)
    if watched.any():
        end, score = _where(watched, members.best, end), members.best_validation
    elif state.search is not None:
        best = jax.device_get(state.search.best)
        if (best.evidence.log_evidence > np.finfo(float).min).all():
            l2, params, evidence, value, norm = best
            end, score = Best(params, value, norm), -evidence.log_evidence
    return Trained(
        params=end.params,
        value=np.asarray(end.value),
        gradient_norm=np.asarray(end.gradient_norm),
        score=np.where(np.isnan(score), np.inf, score),
        status=status,
        steps=run.step,
        evaluations=run.evaluations,
        l2=l2,
        evidence=evidence,
        record=jax.tree.map(lambda curve: np.moveaxis(curve, 0, -1), record),
    )


def _where(chosen: np.ndarray, tree: PyTree, other: PyTree) -> Any:
    """The leaves of ``tree`` for the members that are chosen, else of the other."""

    def choose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(chosen.reshape(chosen.shape + (1,) * (a.ndim - 2)), a, b)

    return jax.tree.map(choose, tree, other)
