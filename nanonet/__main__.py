"""``python -m nanonet`` and the command ``nanonet``."""

import sys

from nanonet import cli
from nanonet.xla import compile_small_loops


def main() -> int:
    """Run the command line as a program of its own."""
    compile_small_loops()
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
