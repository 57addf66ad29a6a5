import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import assert_same

from nanonet.explorer.explore import explore
from nanonet.explorer.frame import framed
from nanonet.explorer.session import LOGIC, Choice, begin, change, go_to, step
from nanonet.explorer.views import SIZES, chain_rule, pictures, shown, status
from nanonet.network.network import mlp, two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.adam import adam
from nanonet.rules.momentum import momentum
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

only_x64 = pytest.mark.precision("x64")
only_x32 = pytest.mark.precision("x32")
NETWORK = two_two_one(init="uniform")


@only_x32  # a session computes in float64 whatever the notebook does
def test_steps_are_those_of_minimize_and_the_way_back_is_exact():
    choice = Choice("momentum", "ewma", learning_rate=5.0, beta=0.8, seed=3, data="OR")
    session = begin(NETWORK, LOGIC, choice)
    moved = step(step(session), 69)  # more than a block of the loop, in two goes
    assert moved.result.steps == 70
    assert_same(go_to(moved, 0).run, session.run)
    assert_same(go_to(moved, 0).rows, session.rows)
    assert_same(go_to(go_to(moved, 0), 70), moved)
    assert go_to(moved, 3).last == 70
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
    assert "It has diverged: J or ∇J is not finite. α = 10 is too large" in status(
        session
    )


@only_x32
def test_numbers_act_on_the_way_and_are_found_again():
    """Half of the steps by one α, half by another, as two rules take them."""
    session = step(begin(NETWORK, LOGIC, Choice("Adam", learning_rate=0.1)), 20)
    changed = change(session, session.choice._replace(learning_rate=0.5, beta2=0.9))
    assert_same(changed.run, session.run)
    moved = step(changed, 20)
    with jax.enable_x64(True):
        J = objective(NETWORK, half_squared_error, *LOGIC["XOR"])
        theta = NETWORK.init(key=jax.random.key(0))
        state = adam(0.1).init(theta)
        slope = jax.jit(jax.grad(J))
        for rule in [adam(0.1)] * 20 + [adam(0.5, b2=0.9)] * 20:
            update, state = rule.update(slope(theta), state)
            theta = jax.tree.map(jnp.add, theta, update)
    for one, other in zip(moved.result.params, theta, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    assert_same(go_to(go_to(moved, 10), 40), moved)
    assert go_to(moved, 10).choice.learning_rate == 0.1
    assert moved.choice.learning_rate == 0.5
    another = change(go_to(moved, 10), Choice("Adam", learning_rate=0.2))
    assert another.last == 10  # what came after is forgotten
    assert str(moved.choice) == "Adam, α = 0.5, β = 0.9, β₂ = 0.9"


@only_x32
def test_one_input_a_curve_and_a_run_that_runs_away():
    x = np.linspace(-2, 2, 9)[:, None]
    network = mlp([1, 3, 1], "tanh", "identity")
    session = begin(network, {"sine": (x, np.sin(x))}, Choice(data="sine"))
    plane = ("w_x1_h1", "w_x1_h2")
    start = framed(session, {}, plane)
    seen = pictures(session, {}, plane, 0)
    assert all(png.startswith(b"\x89PNG") for png in seen.values())
    away = step(session, 200)
    assert "t has diverged" in status(away) or "is diverging" in status(away)
    assert "α = 10 is too large here" in status(away)
    frame = framed(away, {}, plane, start)
    assert frame.decades[1] <= 7  # what has run away is not followed
    for (low, high), (before, after) in zip(frame.plane, start.plane, strict=True):
        assert low <= before < after <= high
        assert high - low < 200
    assert pictures(away, {}, plane, 0, frame)["answer"] != seen["answer"]


@only_x32
def test_the_chain_rule_of_an_example_and_of_all():
    session = begin(NETWORK, LOGIC, Choice())
    each = [chain_rule(session, i)["w5"].value for i in range(4)]
    np.testing.assert_allclose(chain_rule(session, None)["w5"].value, np.mean(each))
    assert len(chain_rule(session, 0)["w5"].paths) == 1


@pytest.fixture
def explorer(monkeypatch):
    """Whose pictures, which take their time and are seen elsewhere, are quick."""
    pytest.importorskip("ipywidgets")

    def quick(session, kept, plane, example, frame):
        told = session.run.step, *shown(session), *kept, *plane, example, frame
        return dict.fromkeys(SIZES, repr(told).encode())

    monkeypatch.setattr("nanonet.explorer.views.pictures", quick)
    return explore()


def seen(explorer):
    return {name: bytes(each.value) for name, each in explorer.pictures.items()}


@only_x32
def test_the_widgets_drive_the_session(explorer):
    """One run under the hands: all views move together, and rewind restores all."""
    before, table = seen(explorer), explorer.chain_rule.value
    assert explorer.choices["form"].disabled  # gradient descent heeds neither
    assert explorer.choices["beta"].disabled
    assert not explorer.choices["learning_rate"].disabled
    explorer.count.value = 30
    explorer.buttons["steps"].click()
    explorer.buttons["step"].click()
    assert explorer.session.result.steps == 31
    assert explorer.status.value.startswith("<b>step 31: ")
    after = seen(explorer)
    assert all(after[name] != before[name] for name in before)
    w5 = chain_rule(explorer.session, explorer.example.value)["w5"]
    assert f"{w5.value:.9g}" in explorer.chain_rule.value
    assert f"{w5.value:.9g}" not in table

    assert (explorer.history.max, explorer.history.value) == (31, 31)
    explorer.history.value = 0
    assert explorer.chain_rule.value == table
    explorer.history.value = 31
    assert seen(explorer) == after
    explorer.buttons["step back"].click()
    assert explorer.session.run.step == 30
    assert explorer.history.max == 31
    explorer.choices["learning_rate"].value = 1.0
    assert explorer.session.run.step == 30  # it goes on from here
    assert explorer.history.max == 30
    explorer.play.value = 1
    assert explorer.session.run.step == 60
    explorer.history.value = 29
    assert explorer.choices["learning_rate"].value == 10.0  # as it was then
    explorer.buttons["start"].click()
    assert explorer.session.run.step == 0
    explorer.buttons["step"].click()
    explorer.buttons["keep"].click()
    start = explorer.session.result.history.params.w1[0]
    explorer.choices["rule"].value = "Adam"
    assert explorer.session.choice.rule == "Adam"
    assert explorer.session.choice.learning_rate == 0.1
    assert explorer.choices["learning_rate"].value == 0.1
    assert explorer.session.result.steps == 0
    assert explorer.session.result.history.params.w1[0] == start
    assert list(explorer.kept) == ["gradient descent, α = 10, kept"]
    assert explorer.choices["form"].disabled
    assert not explorer.choices["beta"].disabled
    assert not explorer.choices["epsilon"].disabled

    explorer.choices["data"].value = "AND"
    assert not explorer.kept  # another J
    assert explorer.session.result.history.params.w1[0] == start
    explorer.choices["seed"].value = 1
    assert explorer.session.result.history.params.w1[0] != start
    explorer.example.value = None
    assert "1/4·Σ(" in explorer.chain_rule.value

    explorer.layers["hidden"].value = 3
    explorer.layers["activation"].value = "tanh"
    assert explorer.session.network == mlp([2, 3, 1], "tanh", init="uniform")
    assert explorer.session.result.steps == 0
    assert [axis.value for axis in explorer.axes] == ["w_x1_h1", "w_x1_h2"]
    explorer.axes[1].value = "b_h1"
    explorer.buttons["step"].click()
    assert explorer.session.choice.seed == 1


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
