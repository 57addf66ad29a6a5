import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import assert_same

from nanonet.explorer.explore import explore
from nanonet.explorer.session import LOGIC, RULES, Choice, begin, rewind, step
from nanonet.explorer.views import chain_rule, status
from nanonet.network.network import mlp, two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.momentum import momentum
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

only_x64 = pytest.mark.precision("x64")
only_x32 = pytest.mark.precision("x32")
NETWORK = two_two_one(init="uniform")


@only_x32  # a session computes in float64 whatever the notebook does
def test_steps_are_those_of_minimize_and_rewind_is_exact():
    choice = Choice("momentum", "ewma", learning_rate=5.0, beta=0.8, seed=3, data="OR")
    session = begin(NETWORK, LOGIC, choice)
    moved = step(step(session), 69)  # more than a block of the loop, in two goes
    assert moved.result.steps == 70
    assert_same(rewind(moved).run, session.run)
    assert_same(rewind(moved).rows, session.rows)
    assert_same(step(rewind(moved), 70).rows, moved.rows)
    with jax.enable_x64(True):
        J = objective(NETWORK, half_squared_error, *LOGIC["OR"])
        start = NETWORK.init(key=jax.random.key(3))
        rule = momentum(5.0, 0.8, form="ewma")
        result = minimize(J, start, rule, max_steps=70, keep_params=True)
    assert result.history.value.dtype == moved.result.history.value.dtype == float
    # two compilations of one loop may round differently
    pairs = zip(
        *map(jax.tree.leaves, (moved.result.history, result.history)), strict=True
    )
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-10)
    assert str(moved.choice) == "momentum ewma, α = 5, β = 0.8"
    assert status(moved).startswith(f"step 70: J = {result.value:.6g}, ")


@only_x32
def test_a_session_ends_where_numbers_do():
    data = {"far": ([[0.0, 1.0]], [1e200])}  # J overflows
    session = step(begin(mlp([2, 1], output="identity"), data, Choice(data="far")), 5)
    assert session.result.status is Status.NON_FINITE
    assert step(session, 5).result.steps == session.result.steps
    assert "not finite" in status(session)


@only_x32
def test_the_chain_rule_of_an_example_and_of_all():
    session = begin(NETWORK, LOGIC, Choice())
    each = [chain_rule(session, i)["w5"].value for i in range(4)]
    np.testing.assert_allclose(chain_rule(session, None)["w5"].value, np.mean(each))
    assert len(chain_rule(session, 0)["w5"].paths) == 1


@pytest.fixture
def explorer():
    pytest.importorskip("ipywidgets")
    return explore()


def seen(explorer):
    return {name: bytes(each.value) for name, each in explorer.pictures.items()}


@only_x32
def test_the_widgets_drive_the_session(explorer):
    """One run under the hands: all views move together, and rewind restores all."""
    before, table = seen(explorer), explorer.chain_rule.value
    assert all(png.startswith(b"\x89PNG") for png in before.values())
    explorer.count.value = 30
    explorer.buttons["run n steps"].click()
    explorer.buttons["step"].click()
    assert explorer.session.result.steps == 31
    assert explorer.status.value.startswith("<b>step 31: ")
    after = seen(explorer)
    assert all(after[name] != before[name] for name in before)
    w5 = chain_rule(explorer.session, explorer.example.value)["w5"]
    assert f"{w5.value:.9g}" in explorer.chain_rule.value
    assert f"{w5.value:.9g}" not in table

    explorer.buttons["rewind"].click()
    assert seen(explorer) == before
    assert explorer.chain_rule.value == table

    explorer.buttons["step"].click()
    explorer.buttons["keep"].click()
    start = explorer.session.result.history.params.w1[0]
    explorer.choices["rule"].value = "Adam"
    assert explorer.session.choice.rule == "Adam"
    assert explorer.session.choice.learning_rate == RULES["Adam"].learning_rate
    assert explorer.session.result.steps == 0
    assert explorer.session.result.history.params.w1[0] == start
    assert list(explorer.kept) == ["gradient descent, α = 10"]
    assert explorer.choices["form"].disabled
    assert not explorer.choices["beta"].disabled

    explorer.choices["data"].value = "AND"
    assert not explorer.kept  # another J
    assert explorer.session.result.history.params.w1[0] == start
    explorer.choices["seed"].value = 1
    assert explorer.session.result.history.params.w1[0] != start
    explorer.example.value = None
    assert "1/4·Σ(" in explorer.chain_rule.value


@only_x32
def test_bad_input(monkeypatch):
    pytest.importorskip("ipywidgets")
    with pytest.raises(ValueError, match="paths from J"):
        explore(mlp([2, 50, 50, 1]), {"one": (jnp.ones((1, 2)), [0.0])})
    with pytest.raises(ValueError, match="network has 2 inputs"):
        explore(data={"wide": (jnp.ones((1, 3)), [0.0])})
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ModuleNotFoundError, match=r"nanonet\[notebooks\]"):
        explore()
