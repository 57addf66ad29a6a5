"""Settings of XLA that a script makes before JAX starts; import this module first.

XLA for CPUs compiles a while loop into one function if the loop touches little memory:
less than 1024 bytes a step where jax is older than 0.12, which only the smallest
network meets. Every other loop then pays for a call per operation. The flag below
raises that limit, for nanonet and its peers alike.
"""

import os

SMALL_LOOPS = "xla_cpu_small_while_loop_byte_threshold=65536"

if "xla_backend_extra_options" not in os.environ.get("XLA_FLAGS", ""):
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_extra_options={SMALL_LOOPS}"
