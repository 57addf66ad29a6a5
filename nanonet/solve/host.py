"""The loop of the host: chunks of steps, the clock, Ctrl-C, and progress."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from nanonet._internal.checks import check_number
from nanonet.solve.result import Status

S = TypeVar("S")

# The host looks in about this often.
SECONDS_PER_CHUNK = 0.1


class Progress(NamedTuple):
    """How far a run has come."""

    done: int
    value: Any
    """J, for the progress bar: a number, or an array that holds it."""

    running: bool = True
    """Whether there is more to do."""


class Pace:
    """How much to do at once, so that the host looks about ten times a second."""

    def __init__(self, length: int = 1) -> None:
        self.length = length

    def begin_anew(self) -> "Pace":
        """Of another run, whose steps may take ten times as long."""
        self.length = max(self.length // 10, 1)
        return self

    def learn(self, asked: int, done: int, seconds: float, longest: int) -> None:
        """Follow from how long the last chunk took; it may have ended early."""
        growth = min(64.0, SECONDS_PER_CHUNK / max(seconds, 1e-9))
        length = int(done * growth)
        if done < asked:  # by itself, so that it does not say how long all would take
            length = max(length, int(asked * min(growth, 1.0)))
        self.length = min(max(length, 1), longest)


def drive(
    advance: Callable[[S, int], S],
    state: S,
    look: Callable[[S], Progress],
    *,
    label: str,
    total: int,
    longest: int,
    pace: Pace | None = None,
    time_limit: float | None = None,
    progress: bool = False,
    anywhere: Callable[[bool], bool] = bool,
) -> tuple[S, Status]:
    """Advance chunk by chunk until nothing runs, ``total`` is done, or one says stop.

    ``advance(state, limit)`` does up to ``limit`` more of the work, at most
    ``longest``. The length of the first chunk is that of the ``pace``, one where there
    is none, and that of each of the others follows from the speed of the one before, so
    that the host looks in ten times a second, however slow a step is. Nothing is lost
    where it stops: the state returned is that of the last chunk.

    Returns:
      The last state; and `Status.RUNNING` if it ended by itself, else what ended it:
      STEP_LIMIT, TIME_LIMIT or INTERRUPTED. ``anywhere`` tells of a flag whether it is
      up in any process: all must stop at the same chunk.
    """
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    pace = pace or Pace()
    with (
        _interrupt_flag() as interrupted,
        _progress_bar(label, total, show=progress) as report,
    ):
        seen = look(state)
        while seen.running:
            if seen.done >= total:
                return state, Status.STEP_LIMIT
            if anywhere(interrupted()):
                return state, Status.INTERRUPTED
            began = time.monotonic()
            if anywhere(began >= deadline):
                return state, Status.TIME_LIMIT
            limit, before = min(pace.length, longest, total - seen.done), seen.done
            state = advance(state, limit)
            seen = look(state)
            elapsed = time.monotonic() - began
            pace.learn(limit, seen.done - before, elapsed, longest)
            report(seen)
    return state, Status.RUNNING


def check_time_limit(seconds: float | None) -> float | None:
    """The limit, or None where there is none: an infinite one is none."""
    if seconds is None or (np.ndim(seconds) == 0 and seconds == math.inf):
        return None
    check_number("time_limit", seconds, at_least=0)
    return seconds


@contextlib.contextmanager
def _interrupt_flag() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a flag, so that what was computed is not lost.

    Yields a function that says whether Ctrl-C was pressed; a second one raises
    `KeyboardInterrupt` as usual. Where signals are not ours to handle the function
    always says no: outside the main thread, in a program that ignores SIGINT, or in
    one that handles it outside Python.
    """
    previous = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or previous in (None, signal.SIG_IGN):
        yield lambda: False
        return
    pressed = False

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def _progress_bar(
    description: str, total: int, *, show: bool
) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that draws a bar with speed and time left.

    Nothing is drawn unless ``show`` is true and standard error is a terminal.
    """
    if not show:
        yield lambda seen: None
        return
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[speed]}"),
        progress.TextColumn("J {task.fields[value]:.3e}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as bar:
        task = bar.add_task(description, total=total, speed="", value=float("nan"))

        def report(seen: Progress) -> None:
            speed = bar.tasks[0].speed
            text = f"{speed:,.0f} steps/s" if speed else ""
            value = float(seen.value)
            bar.update(task, completed=seen.done, value=value, speed=text)

        yield report
