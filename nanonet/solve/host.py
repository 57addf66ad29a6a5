"""What a long run does between two chunks: show how far it is, listen for Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def interrupt_flag() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a flag, so that what was computed is not lost.

    Yields a function that says whether Ctrl-C was pressed; a second one raises
    `KeyboardInterrupt` as usual. Outside the main thread, where Python delivers no
    signals, the function always says no.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = threading.Event()
    previous = signal.getsignal(signal.SIGINT)

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def progress_bar(description: str, total: int, *, show: bool) -> Iterator[Callable]:
    """Yield ``report(done, value)``, which draws a bar with speed and time left.

    Nothing is drawn unless ``show`` is true and standard error is a terminal.
    """
    if not show:
        yield lambda done, value: None
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

        def report(done: int, value: float) -> None:
            speed = bar.tasks[0].speed
            text = f"{speed:,.0f} steps/s" if speed else ""
            bar.update(task, completed=done, value=value, speed=text)

        yield report
