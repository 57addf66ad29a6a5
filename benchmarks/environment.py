"""Settings that a script makes before JAX starts, by importing this module."""

from nanonet.xla import compile_small_loops

compile_small_loops()
