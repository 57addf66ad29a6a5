"""What many tests need: trees compared, compilations counted, imports blocked."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nanonet

#: How many cases a generator tries; the environment says where they are to be many.
FUZZ = int(os.environ.get("NANONET_FUZZ", "100"))

#: Of tests of what computes in float64 whether it is on or off.
ITS_OWN_PRECISION = pytest.mark.precision(
    "x32", reason="what is tested turns float64 on by itself"
)

# Exclusive or.
XOR_X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_Y = np.array([0.0, 1.0, 1.0, 0.0])


def assert_close(actual, expected, *, rtol=1e-6, atol=0.0):
    """Two trees of one structure, whose numbers and dtypes agree."""
    chex.assert_trees_all_close(actual, expected, rtol=rtol, atol=atol)
    chex.assert_trees_all_equal_dtypes(actual, expected)


def assert_same(actual, expected):
    """Two trees of one structure, equal to the last bit."""
    chex.assert_trees_all_equal(actual, expected, strict=True)


def check_error(capsys, *parts, start="nanonet: error: "):
    """Nothing was printed but one line on standard error, which names these parts."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(start)
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    for part in parts:
        assert part in captured.err


def valley(p):
    """Rosenbrock's, of a and b: residuals r, J = ½‖r‖²."""
    return jnp.stack([10 * (p["b"] - p["a"] ** 2), 1 - p["a"]])


def one_of(functions, which, *args):
    """One of several functions, chosen when it is called: all are compiled at once."""
    return jax.lax.switch(which, functions, *args)


def with_devices(count):
    """The environment of a process that finds nanonet, and so many devices."""
    flags = f"--xla_force_host_platform_device_count={count}"
    return os.environ | {
        "PYTHONPATH": str(Path(nanonet.__file__).parents[1]),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}",
    }


@contextlib.contextmanager
def count_compilations() -> Iterator[list[str]]:
    """The names of what JAX compiles, or takes from its cache, in the meantime.

    with count_compilations() as compiled:
        ...
    assert len(compiled) == 1
    """
    compiled: list[str] = []
    active = True

    def listen(event: str, _: float, **details: str | int) -> None:
        if active and event == "/jax/core/compile/backend_compile_duration":
            compiled.append(str(details.get("fun_name", "")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compiled
    finally:
        # Listeners stay: jax has no public way to take one back.
        active = False


class Missing:
    """A finder of modules that finds none of the packages named."""

    def __init__(self, *packages):
        self.packages = packages

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextlib.contextmanager
def not_installed(*packages):
    """As if the packages were not installed."""
    hidden = {
        name: sys.modules.pop(name)
        for name in list(sys.modules)
        if name.partition(".")[0] in packages
    }
    finder = Missing(*packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        sys.modules.update(hidden)
