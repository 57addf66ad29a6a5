"""Folds × starts trained side by side: each core calls the program for another."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.member import (
    Fold,
    Learner,
    Member,
    Record,
    advance,
    begin,
    damping_of,
)
from nanonet.rules._parts.told import with_damping
from nanonet.solve.result import Status
from nanonet.solve.workers import Workers, count_cores, waits_for_itself


class Batch:
    """Every member, by fold and start, and the threads that work at them."""

    def __init__(self, learner: Learner, folds: Sequence[Fold], starts: int) -> None:
        self.learner, self.folds, self.starts = learner, folds, starts
        self.workers = Workers(count_cores())

    @property
    def shape(self) -> tuple[int, int]:
        """Folds and starts."""
        return len(self.folds), self.starts

    def each(self, program: jit, which: np.ndarray, *given: Sequence[Any]) -> list[Any]:
        """``program(learner, fold, *given)`` for each of the members that are chosen.

        Args:
          program: what to compute.
          which: the positions of the members.
          given: its other arguments, one for each of all members.
        """
        calls = [
            (
                self.learner,
                self.folds[i // self.starts],
                *(of_all[i] for of_all in given),
            )
            for i in which
        ]
        if not calls:
            return []
        run = program.ahead(*calls[0])

        def call(*given: Any) -> Any:
            return jax.block_until_ready(run(*given))

        if waits_for_itself(lambda: program.primitives(*calls[0])):
            return [call(*given) for given in calls]
        return self.workers.map(call, calls)

    def begin(
        self, l2: Float[np.ndarray, "folds starts ..."], params: Sequence[PyTree]
    ) -> list[tuple[Member, Record]]:
        """Evaluate each member where it starts."""
        return self.each(begin, np.arange(len(params)), numbers(l2), params)

    def advance(
        self,
        l2: Float[np.ndarray, "folds starts ..."],
        members: Sequence[Member],
        limit: int,
    ) -> tuple[list[Member], list[Record | None], int]:
        """Take up to ``limit`` steps with each member that runs.

        Returns:
          The members; of each the record of these steps, padded with its end, or None
          if it was not running; and how many the longest took.
        """
        which = np.flatnonzero(statuses(members) == Status.RUNNING)
        limits = [np.asarray(limit, np.int32)] * len(members)
        ends = self.each(advance, which, numbers(l2), members, limits)
        count = max((int(taken) for *_, taken in ends), default=0)
        moved = list(members)
        records: list[Record | None] = [None] * len(members)
        for i, (member, record, taken) in zip(which, ends, strict=True):
            moved[i] = member
            rows = np.minimum(np.arange(count), int(taken) - 1)
            records[i] = jax.tree.map(
                lambda curve, at=rows: np.asarray(curve)[at], record
            )
        return moved, records, count

    def restart(
        self,
        l2: Float[np.ndarray, "folds starts ..."],
        members: Sequence[Member],
        again: np.ndarray,
    ) -> list[Member]:
        """Those at these positions ``again`` from where they are, with another J.

        They keep their damping, and go on counting.
        """
        params = [member.run.point.params for member in members]
        restarted = list(members)
        new = self.each(begin, again, numbers(l2), params)
        for i, (member, _) in zip(again, new, strict=True):
            old, state = members[i].run, member.run.rule_state
            damping = damping_of(members[i])
            run = member.run._replace(
                step=old.step,
                evaluations=np.add(old.evaluations, 1, dtype=np.int32)[...],
                rule_state=state if damping is None else with_damping(state, damping),
            )
            restarted[i] = members[i]._replace(run=run)
        return restarted


def numbers(of_all: Float[np.ndarray, "folds starts ..."]) -> list[np.ndarray]:
    """That of each member, as an array: a float would be of another type to JAX."""
    return [np.asarray(of_one) for of_one in of_all.reshape(-1, *of_all.shape[2:])]


def statuses(members: Sequence[Member]) -> Int[np.ndarray, " members"]:
    """Why each has stopped, or that it runs."""
    return np.array([int(member.run.status) for member in members])
