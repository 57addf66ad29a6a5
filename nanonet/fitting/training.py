"""The loop of the host under `fit`: chunks, rounds of evidence, clock, checkpoints."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from nanonet.fitting.checkpoint import read_checkpoint, write_checkpoint
from nanonet.fitting.evidence import (
    Evidence,
    Search,
    first_factors,
    start_search,
    update_search,
)
from nanonet.fitting.members import (
    Fold,
    Member,
    Numbers,
    Record,
    Setup,
    advance,
    begin,
    is_running,
)
from nanonet.solve.host import interrupt_flag, progress_bar
from nanonet.solve.result import Status

# A call of the jitted loop records so many steps at the most …
STEPS_PER_CHUNK = 64
# … and the host looks in about this often.
SECONDS_PER_CHUNK = 0.1

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
    record: Record
    search: Search | None


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
    setup: Setup,
    numbers: Numbers,
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
    deadline = math.inf
    if limits.seconds is not None:
        deadline = time.monotonic() + limits.seconds
    with (
        interrupt_flag() as interrupted,
        progress_bar("fit", limits.max_steps, show=progress) as report,
    ):
        state = _start(setup, numbers, folds, params, l2, bayesian)
        if checkpoint is not None and Path(checkpoint).exists():
            state = read_checkpoint(checkpoint, identity, state)

        def keep(state: State) -> None:
            if checkpoint is not None:
                write_checkpoint(checkpoint, identity, state)

        state, reason = _drive(
            setup,
            numbers,
            folds,
            state,
            limits.max_steps,
            stop=lambda: _stop(interrupted, deadline),
            report=report,
            keep=keep,
        )
        keep(state)
    return _end(setup, state, reason)


def _stop(interrupted: Callable[[], bool], deadline: float) -> Status | None:
    if interrupted():
        return Status.INTERRUPTED
    return Status.TIME_LIMIT if time.monotonic() >= deadline else None


def _start(
    setup: Setup, numbers: Numbers, folds: Fold, params: PyTree, l2: float, bayes: bool
) -> State:
    shape = jax.tree.leaves(params)[0].shape[:2]
    weight = jnp.full(shape, l2, folds.x.dtype)
    if bayes:
        weight *= first_factors(shape[1])[None]
    members, first = begin(setup, numbers, folds, weight, params)
    record = jax.tree.map(lambda leaf: np.asarray(leaf)[None], first)
    search = start_search(weight, members) if bayes else None
    return State(0, 0, weight, members, record, search)


def _drive(
    setup: Setup,
    numbers: Numbers,
    folds: Fold,
    state: State,
    max_steps: int,
    *,
    stop: Callable[[], Status | None],
    report: Callable[[int, float], None],
    keep: Callable[[State], None],
) -> tuple[State, Status]:
    """Advance until all members have stopped, or for the reason that is returned."""
    length = STEPS_PER_CHUNK
    kept = time.monotonic()
    rows = [state.record]
    step, round_start, l2, members = state[:4]
    search = state.search
    reason = Status.STEP_LIMIT

    def now() -> State:
        record = jax.tree.map(lambda *parts: np.concatenate(parts), *rows)
        return State(step, round_start, l2, members, record, search)

    while True:
        running = bool(jnp.any(is_running(members)))
        round_over = step - round_start >= STEPS_PER_ROUND or not running
        if search is not None and round_over and step > round_start:
            search, members = update_search(setup, numbers, folds, search, members)
            l2, round_start = search.l2, step
            continue
        if not running or step >= max_steps:
            return now(), reason
        asked = stop()
        if asked is not None:
            return now(), asked
        began = time.monotonic()
        limit = min(length, max_steps - step)
        if search is not None:
            limit = min(limit, round_start + STEPS_PER_ROUND - step)
        members, chunk, taken = advance(
            setup, STEPS_PER_CHUNK, numbers, folds, l2, members, limit
        )
        rows.append(Record(*(np.asarray(entry)[: int(taken)] for entry in chunk)))
        step += int(taken)
        report(step, float(np.nanmin(rows[-1].value[-1], initial=np.inf)))
        ended = time.monotonic()
        faster = min(4.0, SECONDS_PER_CHUNK / max(ended - began, 1e-9))
        length = min(max(int(length * faster), 1), STEPS_PER_CHUNK)
        if ended - kept >= SECONDS_PER_CHECKPOINT:
            keep(now())
            kept = ended


def _end(setup: Setup, state: State, reason: Status) -> Trained:
    run = state.members.run
    codes = np.where(run.status == Status.RUNNING, reason, run.status)
    watched = np.isfinite(state.members.best_validation)
    best = np.isin(codes, [Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED])

    def choose(last: Any, best_in_j: Any, best_held_out: Any) -> np.ndarray:
        last, best_in_j, best_held_out = map(
            np.asarray, (last, best_in_j, best_held_out)
        )
        extra = (1,) * (last.ndim - 2)
        chosen = np.where(best.reshape(best.shape + extra), best_in_j, last)
        return np.where(watched.reshape(best.shape + extra), best_held_out, chosen)

    params = jax.tree.map(
        choose, run.point.params, run.best_params, state.members.best_params
    )
    value = np.where(best, run.best_value, run.point.value)
    norm = np.where(best, run.best_gradient_norm, run.point.gradient_norm)
    score, l2, evidence = value, state.l2, None
    if watched.any():
        # The record says what J was where the validation rows were served best.
        rows = np.asarray(state.members.best_step)[None]
        value = np.take_along_axis(np.asarray(state.record.value), rows, 0)[0]
        norm = np.take_along_axis(np.asarray(state.record.gradient_norm), rows, 0)[0]
        score = np.asarray(state.members.best_validation)
    elif state.search is not None and np.isfinite(state.search.best.log_evidence).all():
        _, l2, params, evidence, value, norm, _ = jax.device_get(state.search)
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
