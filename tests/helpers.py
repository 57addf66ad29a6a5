"""What several tests need."""

import contextlib
import sys
from collections.abc import Iterator

import jax
import numpy as np

# The truth table of exclusive or.
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


def close(actual, desired, rtol=None, atol=None):
    """Two trees agree leaf by leaf, in shape and dtype too, but for rounding.

    Unless told otherwise, float32 keeps 5 digits of its 7, float64 11 of its 16.
    """

    def leaf(a, b):
        single = np.asarray(a).dtype in (np.float32, np.complex64)
        tolerance = rtol or (2e-5 if single else 1e-11)
        np.testing.assert_allclose(
            a, b, rtol=tolerance, atol=tolerance if atol is None else atol
        )
        assert (np.shape(a), a.dtype) == (np.shape(b), b.dtype)

    assert jax.tree.structure(actual) == jax.tree.structure(desired)
    jax.tree.map(leaf, actual, desired)


def leaves_equal(one, other):
    """Two trees have the same leaves, to the last bit."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def check_error(capsys, *parts, start="nanonet: error: "):
    """Nothing was printed but one line on standard error that names these parts."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(start)
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    for part in parts:
        assert part in captured.err


def uninstall(package: str, monkeypatch):
    """Let a package be missing for the rest of a test."""

    class Finder:
        def find_spec(self, name, *_):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=package)

    for name in [*sys.modules]:
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])


_lowered = []


def _listen(event, *_, **__):
    if event.endswith("/jaxpr_to_mlir_module_duration"):
        _lowered.append(event)


jax.monitoring.register_event_duration_secs_listener(_listen)


@contextlib.contextmanager
def count_compilations() -> Iterator[list[str]]:
    """The programs that JAX compiles inside a ``with`` block: a list that fills.

    Counted where they are lowered, so that a cache on disk hides none.
    """
    before, found = len(_lowered), []
    yield found
    found += _lowered[before:]
