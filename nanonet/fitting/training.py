"""The host's side of `fit`: chunks of steps, rounds of evidence, checkpoints."""

import functools
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, PyTree

from nanonet.fitting.batch import Batch, statuses
from nanonet.fitting.checkpoint import (
    identify,
    read_checkpoint,
    write_checkpoint,
)
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.member import STEPS_PER_CHUNK, Member, Record, damping_of
from nanonet.fitting.search import (
    Search,
    agree,
    first_l2,
    start_search,
    update_search,
    where,
)
from nanonet.fitting.settings import Plan, Settings
from nanonet.solve.history import Recorder, Rows
from nanonet.solve.host import Progress, drive
from nanonet.solve.result import Status
from nanonet.solve.step import Best

# Between two evidence updates: few, because l2 need not settle before θ has.
STEPS_PER_ROUND = 20

# After so many all starts get the same l2: some never settle, while the others wait.
STEPS_OF_SEARCH = 200

SECONDS_PER_CHECKPOINT = 5.0


class State(NamedTuple):
    """All that the rest of a run follows from; what a checkpoint holds."""

    step: int
    round_start: int
    l2: Float[np.ndarray, "folds starts *groups"]
    members: list[Member]
    search: Search | None
    record: Rows | None = None
    """On the disk alone; else it is the recorder's."""

    @property
    def running(self) -> bool:
        """Whether a member has not stopped."""
        return bool(np.any(statuses(self.members) == Status.RUNNING))


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
    l2: Float[np.ndarray, "folds starts *groups"]
    evidence: Evidence | None
    record: Record


def train(
    batch: Batch, params: list[PyTree], plan: Plan, settings: Settings
) -> Trained:
    """Train each member from its parameters until it stops.

    Nothing is lost on Ctrl-C, at the time limit, or where J ceases to be finite: the
    best parameters so far are returned, and the status says why.
    """
    state, first = _start(batch, params, plan)
    record = Recorder(first)
    path, identity = settings.checkpoint, ""
    if path is not None:
        identity = identify(batch, plan, params)
        if Path(path).exists():
            like = state._replace(record=record.rows)
            state = read_checkpoint(path, identity, like)
            record = Recorder(first, state.record)
    kept = time.monotonic()

    def advance_and_keep(state: State, limit: int) -> State:
        nonlocal kept
        state = _advance(batch, state, record, limit)
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
    return _end(batch, state, record.rows[1], stopped)


def _start(batch: Batch, params: list[PyTree], plan: Plan) -> tuple[State, Record]:
    l2 = np.full((*batch.shape, *np.shape(plan.l2)), plan.l2)
    if plan.bayesian:
        l2[:] = first_l2(plan.l2, batch.starts, two_kinds=plan.two_kinds)
    members, first = map(list, zip(*batch.begin(l2, params), strict=True))
    search = start_search(l2, members) if plan.bayesian else None
    state = _settle(batch, State(0, 0, l2, members, search))
    return state, _stacked(first, batch.shape)


def _advance(batch: Batch, state: State, record: Recorder, limit: int) -> State:
    """Up to ``limit`` steps, and no more than are left of the round of evidence."""
    if state.search is not None:
        limit = min(limit, state.round_start + STEPS_PER_ROUND - state.step)
    members, records, taken = batch.advance(state.l2, state.members, limit)
    step = state.step + taken
    rows = _filled(records, record.last[1], taken, batch.shape)
    record.add(rows, taken, step)
    return _settle(batch, state._replace(step=step, members=members))


def _filled(
    records: list[Record | None], last: Record, count: int, shape: tuple[int, int]
) -> Record:
    """Records [steps, folds, starts]; who was not running stays where it was last."""

    def stay(i: int) -> Record:
        def repeated(curve: np.ndarray) -> np.ndarray:
            return np.repeat(curve[-1].reshape(-1)[i], count)

        return jax.tree.map(repeated, last)

    whole = [stay(i) if of is None else of for i, of in enumerate(records)]
    stacked = jax.tree.map(lambda *curves: np.stack(curves, -1), *whole)
    return jax.tree.map(lambda curve: curve.reshape(count, *shape), stacked)


def _settle(batch: Batch, state: State) -> State:
    """The state after the evidence update, if a round is over."""
    taken = state.step - state.round_start
    over = taken >= STEPS_PER_ROUND or not state.running
    if state.search is None or taken == 0 or not over:
        return state
    search, members = update_search(batch, state.search, state.members)
    several = batch.starts > 1 and not search.agreed.all()
    done = not np.any(statuses(members) == Status.RUNNING)
    if several and (done or state.step >= STEPS_OF_SEARCH):
        search, members = agree(batch, search, members)
    return state._replace(
        round_start=state.step, l2=search.l2, members=members, search=search
    )


def _look(state: State) -> Progress:
    J = [float(member.run.point.value) for member in state.members]
    return Progress(state.step, float(np.fmin.reduce(J, initial=np.inf)), state.running)


def _stacked(trees: list[Any], shape: tuple[int, int]) -> Any:
    """Trees of the members as one of NumPy's, with leading axes [folds, starts]."""

    def stack(*leaves: Any) -> np.ndarray:
        leaves = jax.device_get(leaves)
        return np.stack(leaves).reshape(*shape, *np.shape(leaves[0]))

    return jax.tree.map(stack, *trees)


def _told(batch: Batch, state: State, record: Record) -> Record:
    """The record, NaN where there is nothing to tell."""
    validation, test = (_any_row(batch, part) for part in ("validation", "test"))
    no_damping = damping_of(state.members[0]) is None
    return record._replace(
        validation=np.where(validation, record.validation, np.nan),
        test=np.where(test, record.test, np.nan),
        damping=record.damping + (np.nan if no_damping else 0),
    )


def _any_row(batch: Batch, part: str) -> Bool[np.ndarray, "folds 1"]:
    """Whether a fold has rows in that part."""
    return np.array([[np.asarray(getattr(fold, part)).any()] for fold in batch.folds])


def _end(batch: Batch, state: State, record: Record, stopped: Status) -> Trained:
    """Choose, for each member, the last point or the best one, and tell its score."""
    # A rule's state may be large, and hold what NumPy cannot: random keys.
    ended = [
        member._replace(run=member.run._replace(rule_state=None))
        for member in state.members
    ]
    members = _stacked(ended, batch.shape)
    record = _told(batch, state, record)
    run = members.run
    status = np.where(run.status == Status.RUNNING, stopped, run.status)
    failed = np.isin(status, [Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED])
    last = Best(run.point.params, run.point.value, run.point.gradient_norm)
    end = _where(failed, run.best, last)
    l2, evidence, score = state.l2, None, end.value
    watched = _any_row(batch, "validation") & np.isfinite(members.best_validation)
    if watched.any():
        end, score = _where(watched, members.best, end), members.best_validation
    elif state.search is not None:
        best: Any = state.search.best
        if (best.evidence.log_evidence > np.finfo(float).min).all():
            l2, evidence = best.l2, best.evidence
            params = _stacked(best.params, batch.shape)
            end = Best(params, best.value, best.gradient_norm)
            score = -evidence.log_evidence
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
    return jax.tree.map(functools.partial(where, chosen), tree, other)
