"""The helpers fail where they should."""

import importlib

import jax
import jax.numpy as jnp
import pytest
from helpers import assert_close, assert_same, count_compilations, not_installed

pytestmark = pytest.mark.precision("x32", reason="nothing of it is a number")


def test_trees_that_differ():
    tree = {"a": jnp.ones(2), "b": jnp.array(3)}
    assert_same(tree, dict(tree))
    assert_close(tree, {**tree, "a": jnp.ones(2) + 1e-7})
    with pytest.raises(AssertionError):
        assert_same(tree, {**tree, "a": jnp.ones(2) + 1e-6})
    with pytest.raises(AssertionError):
        assert_close(tree, {**tree, "a": jnp.full(2, 1.1)})
    with pytest.raises(AssertionError):
        assert_close(tree, {**tree, "b": jnp.array(3.0)})


def test_count_compilations():
    @jax.jit
    def cubed(x):
        return x**3

    two, three = jnp.ones(2), jnp.ones(3)
    with count_compilations() as compiled:
        cubed(two)
    with count_compilations() as again:
        cubed(two)
    with count_compilations() as wider:
        cubed(three)
    assert (len(compiled), len(again), len(wider)) == (1, 0, 1)


def test_not_installed():
    import json

    with not_installed("json"), pytest.raises(ModuleNotFoundError, match="json"):
        importlib.import_module("json")
    assert importlib.import_module("json") is json
