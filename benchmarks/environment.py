"""Settings that a script makes before JAX starts, by importing this module."""

import os

# LAPACK by OpenBLAS, whose threads wait for each other: where other work shares the
# cores, a step of Levenberg-Marquardt with 161 parameters took a hundred times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from nanonet.xla import compile_small_loops

compile_small_loops()
