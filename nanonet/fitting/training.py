"""The host's side of `fit`: chunks of steps, rounds of evidence, checkpoints."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from nanonet.fitting.batch import (
    STEPS_PER_CHUNK,
    Fold,
    Learning,
    Member,
    Record,
    advance,
    begin,
)
from nanonet.fitting.checkpoint import read_checkpoint, write_checkpoint
from nanonet.fitting.evidence import (
    Evidence,
    Search,
    first_factors,
    start_search,
    update_search,
)
from nanonet.solve.host import Progress, drive
from nanonet.solve.loop import is_running
from nanonet.solve.result import Status

# Between two evidence updates: few, because l2 need not settle before θ has.
STEPS_PER_ROUND = 20

SECONDS_PER_CHECKPOINT = 5.0


class Limits(NamedTuple):
    """When the host ends the run."""

    max_steps: int
    seconds: float | None = None


class State(NamedTuple):
    """All that the rest of a run follows from; what a checkpoint holds."""

    step: int
    round_start: int
    l2: Float[Array, "folds starts"]
    members: Member
    search: Search | None
    record: Record

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

    status: list[list[Status]]
    steps: np.ndarray
    evaluations: np.ndarray
    l2: Float[np.ndarray, "folds starts"]
    evidence: Evidence | None
    record: Record
    """With a leading axis of points before [folds, starts]."""


def train(
    learning: Learning,
    folds: Fold,
    params: PyTree,
    *,
    l2: float,
    bayesian: bool,
    limits: Limits,
    checkpoint: str | Path | None = None,
    identity: str = "",
    progress: bool = False,
) -> Trained:
    """Train each start in ``params`` [folds, starts, ...] until it stops.

    Nothing is lost on Ctrl-C, at the time limit, or where J ceases to be finite: the
    best parameters so far are returned, and the status says why.
    """
    state = _start(learning, folds, params, l2, bayesian)
    if checkpoint is not None and Path(checkpoint).exists():
        state = read_checkpoint(checkpoint, identity, state)
    kept = time.monotonic()

    def advance_and_keep(state: State, limit: int) -> State:
        nonlocal kept
        state = _advance(learning, folds, state, limit)
        if time.monotonic() - kept >= SECONDS_PER_CHECKPOINT:
            keep(state)
            kept = time.monotonic()
        return state

    def keep(state: State) -> None:
        if checkpoint is not None:
            write_checkpoint(checkpoint, identity, state)

    state, stopped = drive(
        advance_and_keep,
        state,
        _look,
        label="fit",
        total=limits.max_steps,
        longest=STEPS_PER_CHUNK,
        time_limit=limits.seconds,
        progress=progress,
    )
    keep(state)
    return _end(state, stopped)


def _start(
    learning: Learning, folds: Fold, params: PyTree, l2: float, bayesian: bool
) -> State:
    shape = jax.tree.leaves(params)[0].shape[:2]
    weight = jnp.full(shape, l2, folds.x.dtype)
    if bayesian:
        weight *= first_factors(shape[1])[None]
    members, first = begin(learning, folds, weight, params)
    record = jax.tree.map(lambda leaf: np.asarray(leaf)[None], first)
    search = start_search(weight, members) if bayesian else None
    return _settle(learning, folds, State(0, 0, weight, members, search, record))


def _advance(learning: Learning, folds: Fold, state: State, limit: int) -> State:
    """Up to ``limit`` steps, and no more than are left of the round of evidence."""
    if state.search is not None:
        limit = min(limit, state.round_start + STEPS_PER_ROUND - state.step)
    members, chunk, taken = advance(
        learning, folds, state.l2, state.members, np.asarray(limit, np.int32)
    )
    count = int(taken)
    record = jax.tree.map(
        lambda old, new: np.concatenate([old, np.asarray(new)[:count]]),
        state.record,
        chunk,
    )
    state = state._replace(step=state.step + count, members=members, record=record)
    return _settle(learning, folds, state)


def _settle(learning: Learning, folds: Fold, state: State) -> State:
    """The state after the evidence update, if a round is over."""
    taken = state.step - state.round_start
    over = taken >= STEPS_PER_ROUND or not state.running
    if state.search is None or taken == 0 or not over:
        return state
    search, members = update_search(learning, folds, state.search, state.members)
    return state._replace(
        round_start=state.step, l2=search.l2, members=members, search=search
    )


def _look(state: State) -> Progress:
    least = np.nanmin(state.record.value[-1], initial=np.inf)
    return Progress(state.step, float(least), state.running)


def _end(state: State, stopped: Status) -> Trained:
    run = state.members.run
    codes = np.where(run.status == Status.RUNNING, stopped, run.status)
    watched = np.isfinite(state.members.best_validation)
    failed = np.isin(codes, [Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED])

    def choose(last: Any, best_in_j: Any, best_held_out: Any) -> np.ndarray:
        last, best_in_j, best_held_out = map(
            np.asarray, (last, best_in_j, best_held_out)
        )
        axes = failed.shape + (1,) * (last.ndim - 2)
        chosen = np.where(failed.reshape(axes), best_in_j, last)
        return np.where(watched.reshape(axes), best_held_out, chosen)

    params = jax.tree.map(
        choose, run.point.params, run.best.params, state.members.best_params
    )
    value = np.where(failed, run.best.value, run.point.value)
    norm = np.where(failed, run.best.gradient_norm, run.point.gradient_norm)
    score, l2, evidence = value, state.l2, None
    if watched.any():
        # The record says what J was where the validation rows were served best.
        rows = np.asarray(state.members.best_step)[None]
        value = np.take_along_axis(state.record.value, rows, 0)[0]
        norm = np.take_along_axis(state.record.gradient_norm, rows, 0)[0]
        score = np.asarray(state.members.best_validation)
    elif state.search is not None:
        best = jax.device_get(state.search.best)
        if np.isfinite(best.evidence.log_evidence).all():
            l2, params, evidence, value, norm = best
            score = -evidence.log_evidence
    return Trained(
        params=params,
        value=np.asarray(value),
        gradient_norm=np.asarray(norm),
        score=np.where(np.isnan(score), np.inf, score),
        status=[[Status(int(code)) for code in row] for row in codes],
        steps=np.asarray(run.step),
        evaluations=np.asarray(run.evaluations),
        l2=np.asarray(l2),
        evidence=evidence,
        record=state.record,
    )
