"""``python -m nanonet`` and the command ``nanonet``."""

import sys

from nanonet.cli import main as main

if __name__ == "__main__":
    sys.exit(main())
