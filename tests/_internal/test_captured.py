"""A function that reads something else is another function."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import count_compilations

import nanonet
from nanonet._internal import static
from nanonet._internal.captured import Captured

SCALE = 1.0
SETTINGS = types.ModuleType("settings")
SETTINGS.shift = 0.0


def helper(p):
    return SCALE * p


def by_global(p):
    return (p - SCALE) ** 2


def by_helper(p):
    return (helper(1.0) - p) ** 2


def by_module(p):
    return (p - SETTINGS.shift) ** 2


class Model:
    """A model whose J is a bound method."""

    def __init__(self):
        self.target = 1.0

    def J(self, p):
        return (p - self.target) ** 2


def least(J):
    return float(nanonet.minimize(J, 0.0, nanonet.newton()).params)


@pytest.mark.parametrize("J", [by_global, by_helper])
@pytest.mark.one_case
def test_a_global_that_changes(J, monkeypatch):
    np.testing.assert_allclose(least(J), 1, rtol=1e-5)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    np.testing.assert_allclose(least(J), 5, rtol=1e-5)


def test_attributes_of_modules_and_objects(monkeypatch):
    np.testing.assert_allclose(least(by_module), 0, atol=1e-5)
    monkeypatch.setattr(SETTINGS, "shift", 3.0)
    np.testing.assert_allclose(least(by_module), 3, rtol=1e-5)
    model = Model()
    np.testing.assert_allclose(least(model.J), 1, rtol=1e-5)
    model.target = 4.0
    np.testing.assert_allclose(least(model.J), 4, rtol=1e-5)


def test_closures_and_arrays_that_change_in_place():
    # Of NumPy's float64 JAX itself would keep the first float32 it made.
    data, nested = np.zeros(3, "float32"), {"shift": [0.0]}

    def J(p):
        return jnp.mean((p - data - nested["shift"][0]) ** 2)

    np.testing.assert_allclose(least(J), 0, atol=1e-5)
    data[:] = 2
    np.testing.assert_allclose(least(J), 2, rtol=1e-5)
    nested["shift"][0] = 1.0
    np.testing.assert_allclose(least(J), 3, rtol=1e-5)
    data = np.full(3, 7, "float32")
    np.testing.assert_allclose(least(J), 8, rtol=1e-5)


def test_root_and_stationary_point_look_again():
    a = 4.0
    f = lambda x: x**2 - a  # noqa: E731
    np.testing.assert_allclose(nanonet.root(f, 1.0).x, 2, rtol=1e-6)
    a = 9.0
    np.testing.assert_allclose(nanonet.root(f, 1.0).x, 3, rtol=1e-6)


def test_nothing_changed_compiles_nothing():
    data, seen = np.arange(5.0), []

    def J(p):
        seen.append(1)  # how often it was traced
        return jnp.mean((p - data) ** 2) + jnp.nan_to_num(jnp.nan * 0)

    least(J)
    traced = len(seen)
    with count_compilations() as compiled:
        least(J)
    assert compiled == []
    assert len(seen) == traced


def test_what_is_not_used_is_let_go(monkeypatch):
    monkeypatch.setattr(static, "MOST_PROGRAMS", 3)
    call = static.jit(lambda f, x: f(x))
    for i in range(10):
        assert float(call(lambda x, i=i: x + i, 1.0)) == 1 + i
    assert len(call.programs) == 3
    monkeypatch.setattr(static, "MOST_BYTES", 3_000)
    for _ in range(4):
        data = np.ones(250)  # 2,000 bytes
        call(lambda x, data=data: x + data.sum(), 1.0)
    assert len(call.programs) == 1


def test_keys_of_odd_things():
    recursive = []
    recursive.append(recursive)

    def empty():
        return never  # noqa: F821

    def odd():
        return recursive, np.array([None, "text"], object), {1, 2}, jax.jit(empty)

    functions = [odd, print, jnp.sum]
    assert Captured(functions).changed(Captured(functions)) == set()
