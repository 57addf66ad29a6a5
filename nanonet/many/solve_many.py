"""Many problems, chunk by chunk: under the clock, into one result."""

import math
import os
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from nanonet._internal.checks import check_count
from nanonet.many.crew import Crew
from nanonet.many.fits import UNFINISHED, Fits
from nanonet.many.lane import End, Limits, Tests, Wanted
from nanonet.many.problems import Problems
from nanonet.solve.host import Pace, Progress, check_time_limit, drive
from nanonet.solve.result import Status
from nanonet.solve.step import Tolerances


def solve_many(
    name: str,
    problems: Problems,
    *,
    max_steps: int,
    tolerances: Tolerances,
    tests: Tests,
    record_every: int | None = None,
    covariance: bool = False,
    mesh: Mesh | None = None,
    time_limit: float | None = None,
    resume: Fits | None = None,
    progress: bool = False,
) -> Fits:
    """Solve the problems; where time is up, or after Ctrl-C, the first of them."""
    max_steps = check_count("max_steps", max_steps)
    time_limit = check_time_limit(time_limit)
    records = 0
    if record_every is not None:
        record_every = check_count("record_every", record_every, at_least=1)
        records = max_steps // record_every + 1
    wanted = Wanted(tests, records, covariance)
    most, every = (np.asarray(n, np.int32) for n in (max_steps, record_every or 1))
    limits = Limits(most, every, tolerances)
    N = problems.N
    _check_memory(problems, wanted)
    crew = Crew(problems, limits, wanted, mesh)
    ends = _Ends(problems, resume)

    def advance(done: int, limit: int) -> int:
        for end in crew.solve(done, min(limit, N - done)):
            done = ends.write(done, end)
        return done

    def look(done: int) -> Progress:
        return Progress(done, ends.least, done < N)

    with crew.threads:
        # Whole blocks: an earlier call may have had others.
        done = ends.done - ends.done % crew.block or advance(0, crew.first)
        done, stopped = drive(
            advance,
            done,
            look,
            label=name,
            total=N,
            longest=crew.longest,
            pace=Pace(crew.first),
            time_limit=time_limit,
            progress=progress,
            anywhere=_anywhere,
        )
    return ends.fits(done, stopped)


class _Ends:
    """The result as it fills, on the host, from what an earlier call has finished."""

    def __init__(self, problems: Problems, resume: Fits | None) -> None:
        self.shape, self.count = problems.shape, problems.N
        self.whole: Any = None
        self.done, self.least = 0, math.inf
        if resume is not None:
            if not isinstance(resume, Fits):
                raise TypeError(f"resume={resume!r} must be what a call returned.")
            if np.shape(resume.status) != self.shape:
                raise ValueError(
                    f"resume is of {np.shape(resume.status)} problems, and there are "
                    f"{self.shape}; give what the same call returned."
                )
            axes = len(self.shape)
            self.whole = jax.tree.map(
                lambda leaf: np.array(leaf).reshape(self.count, *leaf.shape[axes:]),
                resume,
            )
            unfinished = np.isin(self.whole.status, UNFINISHED)
            self.done = int(np.argmax(np.append(unfinished, True)))

    def write(self, first: int, end: End) -> int:
        """Write the rows of some problems, from the first on; how many are done."""
        if self.whole is None:
            self.whole = jax.tree.map(
                lambda leaf: np.empty((self.count, *leaf.shape[1:]), leaf.dtype),
                Fits(*end),
            )
        for rows, new in zip(*map(jax.tree.leaves, (self.whole, end)), strict=True):
            rows[first : first + len(new)] = new[: len(rows) - first]
        self.least = float(np.min(end.value))
        return min(first + len(end.value), self.count)

    def fits(self, done: int, stopped: Status) -> Fits:
        """All of it; of problems that nobody came to NaN, and what stopped the rest."""
        for rows in jax.tree.leaves(self.whole):
            rows[done:] = np.nan if rows.dtype.kind in "fcV" else 0
        self.whole.status[done:] = stopped
        return jax.tree.map(
            lambda rows: rows.reshape(*self.shape, *rows.shape[1:]), self.whole
        )


def _check_memory(problems: Problems, wanted: Wanted) -> None:
    """Raise unless the results fit in the host's memory; all else is streamed."""
    params = jax.tree.leaves(problems.params)
    numbers = sum(leaf.size for leaf in params)
    matrix = numbers**2 * wanted.covariance
    size = max(leaf.dtype.itemsize for leaf in params)
    needed = problems.N * size * (numbers + 4 + wanted.records + matrix)
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > memory:
            raise ValueError(
                f"The results of {problems.N:,} problems take {needed / 1e9:,.1f} "
                f"GB, and the memory is {memory / 1e9:,.1f} GB: solve them in several "
                "calls, or record less often."
            )


def _anywhere(flag: bool) -> bool:
    """Whether the flag is up in any process: all have to stop at the same chunk."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))
