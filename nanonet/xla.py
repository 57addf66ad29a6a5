"""Settings of XLA for programs; the library itself changes none.

jax 0.12 needs none of them. They are for jax 0.10 and 0.11 alone:

- `compile_small_loops` makes a run of `minimize` with a history several times faster.
- ``XLA_FLAGS=--xla_backend_extra_options=xla_cpu_use_multi_output_fusion``, set before
  the program starts, makes BFGS in `fit_many` and `minimize_many` somewhat faster: XLA
  then computes in one loop what several results have in common. (With both, a loop over
  a block of problems is compiled as a small one, and several times slower.)
"""

import functools
import importlib.metadata
import os
import warnings

SMALL_LOOPS = "xla_cpu_small_while_loop_byte_threshold=65536"


def compile_small_loops() -> None:
    """Let XLA for CPUs compile a training loop into one function; before JAX computes.

    It does so by itself only for loops that touch little memory: less than 1024 bytes a
    step where jax is older than 0.12, which a 2-2-1 network with a history does not
    meet. Such a loop pays for a call per operation, several times its own cost. The
    command line and the benchmarks call this; it adds to the environment variable
    ``XLA_FLAGS``, and leaves a value of the same option alone.

    >>> compile_small_loops()
    >>> SMALL_LOOPS.split("=")[0] in os.environ["XLA_FLAGS"]
    True
    """
    _add_flag("xla_backend_extra_options", SMALL_LOOPS)


def show_all_cores() -> None:
    """Do nothing, with a warning: all cores are used without it."""
    warnings.warn(
        "nanonet.xla.show_all_cores is not needed any more, and will go: fit_many and "
        "its kin use all cores.",
        DeprecationWarning,
        stacklevel=2,
    )


@functools.cache
def is_older_than(major: int, minor: int) -> bool:
    """Whether the installed jax is older than that version."""
    version = importlib.metadata.version("jax").split(".")[:2]
    return tuple(map(int, version)) < (major, minor)


def _add_flag(name: str, value: str) -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if name not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{name}={value}".strip()
