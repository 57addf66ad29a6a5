"""Settings of XLA for programs; the library itself changes none."""

import functools
import importlib.metadata
import os

SMALL_LOOPS = "xla_cpu_small_while_loop_byte_threshold=65536"
MULTI_OUTPUT_FUSION = "xla_cpu_use_multi_output_fusion"


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
    """Let JAX show each core of the CPU as a device; before JAX starts.

    `fit_many` uses one core per device. Where jax is older than 0.12, XLA is also told
    to compute in one loop what several results have in common, which it there repeats
    for each: Levenberg-Marquardt is seven times slower without. It is not for programs
    that call `compile_small_loops`: a loop over a block of networks is no small one,
    and four times slower if compiled as one. Both add to ``XLA_FLAGS``.

    >>> show_all_cores()
    >>> "xla_force_host_platform_device_count" in os.environ["XLA_FLAGS"]
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    _add_flag("xla_force_host_platform_device_count", str(cores or os.cpu_count()))
    if is_older_than(0, 12):
        _add_flag("xla_backend_extra_options", MULTI_OUTPUT_FUSION)


@functools.cache
def is_older_than(major: int, minor: int) -> bool:
    """Whether the installed jax is older than that version."""
    version = importlib.metadata.version("jax").split(".")[:2]
    return tuple(map(int, version)) < (major, minor)


def _add_flag(name: str, value: str) -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if name not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{name}={value}".strip()
