"""The command line as a program of its own, which Ctrl-C ends in one line."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

INTERRUPTED = 130  # what shells make of Ctrl-C


def is_program() -> bool:
    """Whether nanonet is being imported by ``nanonet`` or ``python -m nanonet``."""
    return Path(*sys.argv[:1]).stem in ("nanonet", "-m")


def end_at_interrupt() -> None:
    """Let Ctrl-C end this process at once, unless it ignores SIGINT.

    Not by `KeyboardInterrupt`: where that is raised within an import or a collection of
    garbage, what arrives is another error, or nothing.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(_signal: int, _frame: FrameType | None) -> None:
    show_cursor = b"\x1b[?25h" * os.isatty(2)  # a progress bar hides it
    with contextlib.suppress(OSError):
        os.write(2, show_cursor + b"nanonet: interrupted\n")
    os._exit(INTERRUPTED)
