"""A run outside JAX's traces: in chunks under the host, which keep a record."""

import math
from typing import Any, cast

import numpy as np
import optax

from nanonet.objectives.modes import ScalarFunction
from nanonet.solve.history import Kept, Recorder, entry_of
from nanonet.solve.host import Progress, drive
from nanonet.solve.loop import advance, steps_per_chunk
from nanonet.solve.result import History, Result, Status
from nanonet.solve.step import Run, Tolerances


def go_on(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    tolerances: Tolerances,
    kept: Kept,
    run: Run,
    record: Recorder | None = None,
    **host: Any,
) -> tuple[Run, Status, Recorder]:
    """Take a run further, under the host (see `drive`), on the record, or on a new one.

    What the host looks at is NumPy's in the run that is returned.
    """

    def advance_run(run: Run, limit: int) -> Run:
        nonlocal record
        run, first, chunk, tally = advance(
            fun, rule, tolerances, kept, run, np.asarray(limit, np.int32)
        )
        numbers = np.asarray(tally)
        count, step, status, evaluations = (numbers[i, ...] for i in range(4))
        record = record or Recorder(first)
        record.add(chunk, int(count), int(step))
        return run._replace(step=step, status=status, evaluations=evaluations)

    def look(run: Run) -> Progress:
        if record is None:
            return Progress(0, math.nan)
        running = int(run.status) == Status.RUNNING
        return Progress(int(run.step), run.point.value, running)

    longest = steps_per_chunk(entry_of(run.point, kept))
    run, stopped = drive(advance_run, run, look, longest=longest, **host)
    if record is None:  # stopped before it began
        run = advance_run(run, 0)
    return run, stopped, cast(Recorder, record)


def result_of(run: Run, stopped: Status, history: History | None) -> Result:
    """The end of a run that stopped by itself, or as the host says it was stopped.

    After a failure, at the time limit and after Ctrl-C it is the best point, else the
    last one.
    """
    status = Status(int(run.status))
    status = stopped if status is Status.RUNNING else status
    failed = status in (Status.NON_FINITE, Status.TIME_LIMIT, Status.INTERRUPTED)
    end = run.best if failed else run.point
    return Result(
        params=end.params,
        value=end.value,
        gradient_norm=end.gradient_norm,
        steps=int(run.step),
        evaluations=int(run.evaluations),
        status=status,
        history=history,
    )
