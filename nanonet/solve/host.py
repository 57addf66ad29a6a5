"""The loop of the host: chunks of steps, the clock, Ctrl-C, and progress."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NamedTuple, TypeVar

import numpy as np

from nanonet._internal.checks import check_number
from nanonet.solve.result import Status

S = TypeVar("S")

# The host looks in about this often.
SECONDS_PER_CHUNK = 0.1


class Progress(NamedTuple):
    """How far a run has come."""

    done: int
    value: float
    """J, for the progress bar."""

    running: bool = True
    """Whether there is more to do."""


def drive(
    advance: Callable[[S, int], S],
    state: S,
    look: Callable[[S], Progress],
    *,
    label: str,
    total: int,
    longest: int,
    time_limit: float | None = None,
    progress: bool = False,
    anywhere: Callable[[bool], bool] = bool,
) -> tuple[S, Status]:
    """Advance chunk by chunk until nothing runs, ``total`` is done, or one says stop.

    ``advance(state, limit)`` does up to ``limit`` more of the work, in at most
    ``longest``. The first chunk is of one step, and the length of each of the others
    follows from the speed of the one before, so that the host looks in ten times a
    second, however slow a step is. Nothing is lost where it stops: the state returned
    is that of the last chunk.

    Returns:
      The last state; and `Status.RUNNING` if it ended by itself, else what ended it:
      STEP_LIMIT, TIME_LIMIT or INTERRUPTED. ``anywhere`` tells of a flag whether it is
      up in any process: all must stop at the same chunk.
    """
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    length = 1
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
            state = advance(state, min(length, total - seen.done))
            elapsed = max(time.monotonic() - began, 1e-9)
            length = int(length * min(64.0, SECONDS_PER_CHUNK / elapsed))
            length = min(max(length, 1), longest)
            seen = look(state)
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
    pressed = threading.Event()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield pressed.is_set
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
            bar.update(task, completed=seen.done, value=seen.value, speed=text)

        yield report
