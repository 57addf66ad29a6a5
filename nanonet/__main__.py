"""``python -m nanonet`` and the command ``nanonet``."""

import io
import os
import sys
from pathlib import Path

from nanonet._internal.program import end_at_interrupt
from nanonet.cli.main import FAILURE
from nanonet.cli.main import main as run
from nanonet.xla import compile_small_loops


def main() -> int:
    """Run the command line as a program of its own."""
    end_at_interrupt()
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    if sys.stdout is None:
        print("nanonet: error: standard output is closed.", file=sys.stderr)
        return FAILURE
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where its encoding knows no ŷ
    compile_small_loops()
    return run()


if __name__ == "__main__":
    sys.exit(main())
