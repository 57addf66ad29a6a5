"""Settings of XLA for programs; the library itself changes none."""

import os

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
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        option = f"--xla_backend_extra_options={SMALL_LOOPS}"
        os.environ["XLA_FLAGS"] = f"{flags} {option}".strip()
