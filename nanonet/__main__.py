"""``python -m nanonet`` and the command ``nanonet``."""

import sys

from nanonet.cli.main import main as run
from nanonet.xla import compile_small_loops


def main() -> int:
    """Run the command line as a program of its own."""
    compile_small_loops()
    return run()


if __name__ == "__main__":
    sys.exit(main())
