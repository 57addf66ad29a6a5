"""Everywhere that optax's rules run: wrappers, transformations, kinds of tree."""

import functools
import pickle
import subprocess
import sys

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nanonet

RULES = {
    "gradient_descent": nanonet.gradient_descent,
    "momentum": nanonet.momentum,
    "momentum_ewma": lambda alpha: nanonet.momentum(alpha, form="ewma"),
    "rmsprop": lambda alpha: nanonet.rmsprop(alpha, centered=True, momentum=0.5),
    "adam": nanonet.adam,
    "adamw": nanonet.adamw,
    "amsgrad": nanonet.amsgrad,
    "adagrad": nanonet.adagrad,
}
every_rule = pytest.mark.parametrize("make", RULES.values(), ids=RULES)


def example():
    params = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(0.5), "c": None}
    gradients = {"a": jnp.array([0.3, 0.1]), "b": jnp.array(-4.0), "c": None}
    return params, gradients


def steps(rule, params, gradients, count=3):
    state = rule.init(params)
    for _ in range(count):
        updates, state = rule.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    return params


# Fusion may round otherwise: a few units in the last place of float32.
assert_close = functools.partial(helpers.assert_close, rtol=2e-6)


@every_rule
@pytest.mark.one_case
def test_inside_jit_scan_and_with_donated_buffers(make):
    params, gradients = example()
    rule = make(0.1)
    expected = steps(rule, params, gradients)
    assert_close(jax.jit(lambda p: steps(rule, p, gradients))(params), expected)

    def step(carry, _):
        params, state = carry
        updates, state = rule.update(gradients, state, params)
        return (optax.apply_updates(params, updates), state), None

    carry = (params, rule.init(params))
    assert_close(jax.lax.scan(step, carry, length=3)[0][0], expected)

    donating = jax.jit(lambda carry: step(carry, None)[0], donate_argnums=0)
    carry = jax.tree.map(jnp.array, (params, jax.jit(rule.init)(params)))
    for _ in range(3):
        carry = donating(carry)
    assert_close(carry[0], expected)


@every_rule
def test_mapped_over_parameters_and_over_learning_rates(make):
    params, gradients = example()
    alphas = jnp.array([0.1, 0.2, 0.3])
    stacked = jax.tree.map(lambda leaf: np.stack([leaf] * 3), params)

    @jax.jit
    def run(alphas, stacked):
        mapped = jax.vmap(lambda alpha: steps(make(alpha), params, gradients))(alphas)
        rules = jax.vmap(make)(alphas)  # a rule whose numbers have an axis
        as_data = jax.vmap(lambda rule: steps(rule, params, gradients))(rules)
        over_params = jax.vmap(lambda p: steps(make(0.2), p, gradients))(stacked)
        return mapped, as_data, over_params

    mapped, as_data, over_params = run(alphas, stacked)
    for i, alpha in enumerate((0.1, 0.2, 0.3)):
        expected = steps(make(alpha), params, gradients)
        # α and 1-β are float32 here, not Python's doubles: 1 - 0.999 is off by 1.3e-5.
        for each in (mapped, as_data):
            jax.tree.map(
                lambda a, b, i=i: np.testing.assert_allclose(a[i], b, atol=2e-5),
                each,
                expected,
            )
    assert_close(
        jax.tree.map(lambda leaf: leaf[0], over_params),
        steps(make(0.2), params, gradients),
    )


WRAPPERS = {
    "chain": lambda make: optax.chain(optax.clip(0.2), make(0.1)),
    "masked": lambda make: optax.masked(make(0.1), {"a": True, "b": False, "c": None}),
    "partition": lambda make: optax.partition(
        {"x": make(0.1), "y": make(0.5)}, {"a": "x", "b": "y", "c": None}
    ),
    "MultiSteps": lambda make: optax.MultiSteps(make(0.1), every_k_schedule=2),
    "apply_if_finite": lambda make: optax.apply_if_finite(make(0.1), 2),
}


#: Each rule in one precision: what wraps it does not look at numbers.
PAIRS = [("sgd", False), ("rmsprop", True), ("adam", False), ("adamw", True)]


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize(("name", "x64"), PAIRS, indirect=["x64"])
def test_inside_optax_s_wrappers(wrap, name):
    params, gradients = example()
    ours = steps(wrap(getattr(nanonet, name)), params, gradients, count=4)
    theirs = steps(wrap(getattr(optax, name)), params, gradients, count=4)
    # optax's 1 - β₂ is off by 1.3e-5 in float32.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5), ours, theirs)


def test_masked_off_leaves_pass_through():
    params, gradients = example()
    rule = WRAPPERS["masked"](nanonet.adam)
    updates, _ = rule.update(gradients, rule.init(params), params)
    assert float(updates["b"]) == float(gradients["b"])


def test_apply_if_finite_leaves_the_state_as_it_was():
    rule = optax.apply_if_finite(nanonet.adam(0.1), 5)
    params = jnp.ones(2)
    state = rule.init(params)
    _, after_nan = rule.update(jnp.array([1.0, jnp.nan]), state, params)
    assert_close(after_nan.inner_state, state.inner_state)


INJECTED = {
    "gradient_descent": (nanonet.gradient_descent, {}),
    "momentum": (nanonet.momentum, {"form": "ewma"}),
    "sgd": (nanonet.sgd, {"momentum": 0.9}),
    "rmsprop": (nanonet.rmsprop, {"momentum": 0.9}),
    "adam": (nanonet.adam, {"nesterov": True}),
    "adamw": (nanonet.adamw, {}),
    "amsgrad": (nanonet.amsgrad, {}),
    "adagrad": (nanonet.adagrad, {}),
}


@pytest.mark.parametrize(("make", "settings"), INJECTED.values(), ids=INJECTED)
def test_inject_hyperparams(make, settings):
    params, gradients = example()

    def schedule(t):
        return 0.1 / (1 + t)

    for alpha in (0.1, schedule):
        injected = optax.inject_hyperparams(make)(learning_rate=alpha, **settings)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5),
            steps(injected, params, gradients),
            steps(make(alpha, **settings), params, gradients),
        )
    injected = optax.inject_hyperparams(make)(learning_rate=0.1, **settings)
    state = injected.init(params)
    state.hyperparams["learning_rate"] = jnp.asarray(0.0)
    updates, _ = injected.update(gradients, state, jax.tree.map(jnp.zeros_like, params))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(updates))


@every_rule
def test_odd_trees(make):
    rule = make(0.1)
    for empty in ({}, (), {"a": None, "b": ()}):
        updates, _ = rule.update(empty, rule.init(empty), empty)
        assert updates == empty
    expected = steps(rule, jnp.array([2.0]), jnp.array([0.5]))
    assert_close(steps(rule, 2.0, 0.5), expected[0])  # Python's numbers
    mixed = steps(rule, np.array([2.0], np.float32), np.array([0.5]))
    assert_close(mixed, expected.astype("float32"))
    nothing = jnp.ones((0, 3))
    updates, _ = rule.update(nothing, rule.init(nothing), nothing)
    assert updates.shape == (0, 3)


@every_rule
def test_abstract_parameters_and_placeholders(make):
    rule = make(0.1)
    params, gradients = example()
    shapes = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, p.dtype), params)
    abstract, state = jax.tree.map(jnp.shape, (rule.init(shapes), rule.init(params)))
    assert abstract == state
    _, state = rule.update(gradients, rule.init(params), params)
    doubled = optax.tree.map_params(rule, lambda leaf: 2 * leaf, state)
    for name in ("trace", "mu", "nu"):
        for (_, new), (_, old) in zip(
            optax.tree.get_all_with_path(doubled, name),
            optax.tree.get_all_with_path(state, name),
            strict=True,
        ):
            assert_close(new, jax.tree.map(lambda leaf: 2 * leaf, old))
    for name in ("mu_weight", "nu_weight"):
        assert optax.tree.get(doubled, name) == optax.tree.get(state, name)


@pytest.mark.parametrize("name", ["momentum", "sgd", "rmsprop", "adam", "adamw"])
def test_rules_and_their_states_are_pickled(name):
    params, gradients = example()
    rule = getattr(nanonet, name)(0.1)
    _, state = rule.update(gradients, rule.init(params), params)
    again, state_again = pickle.loads(pickle.dumps((rule, state)))
    expected, _ = rule.update(gradients, state, params)
    updates, _ = again.update(gradients, state_again, params)
    assert_close(updates, expected)


@every_rule
def test_minimize_goes_down(make):
    result = nanonet.minimize(lambda w: (w - 3) ** 2, 0.0, make(0.05), max_steps=50)
    # From 9. Adagrad is the slowest: 50 steps of 0.05/√t bring θ about 0.7 nearer to 3.
    assert float(result.value) < 6.0


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, optax, nanonet
from jax.sharding import PartitionSpec as P
assert jax.device_count() == 4
mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
x = jax.random.normal(jax.random.key(0), (16, 3))
y = x @ jnp.array([1.0, -2.0, 3.0])

def J(w, x, y):
    return jnp.mean((x @ w - y) ** 2)

for name in ("gradient_descent", "momentum", "rmsprop", "adam", "adamw", "amsgrad"):
    rule = getattr(nanonet, name)(0.1)

    def train(w, x, y, mean):
        def step(carry, _):
            w, state = carry
            updates, state = rule.update(mean(jax.grad(J)(w, x, y)), state, w)
            return (optax.apply_updates(w, updates), state), None
        return jax.lax.scan(step, (w, rule.init(w)), length=5)[0][0]

    def shared(w, x, y):  # one network, its data on all devices
        def step(carry, _):
            w, state = carry
            local = jax.grad(J)(jax.lax.pcast(w, "data", to="varying"), x, y)
            updates, state = rule.update(jax.lax.pmean(local, "data"), state, w)
            return (optax.apply_updates(w, updates), state), None
        return jax.lax.scan(step, (w, rule.init(w)), length=5)[0][0]

    w = jnp.zeros(3)
    expected = train(w, x, y, lambda gradient: gradient)
    sharded = jax.jit(jax.shard_map(
        shared, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P()
    ))(w, x, y)
    np.testing.assert_allclose(sharded, expected, rtol=1e-4)

    # Four networks, one on each device.
    ws = jnp.arange(12.0).reshape(4, 3)
    def alone(w, x, y):
        return train(w[0], x, y, lambda gradient: gradient)[None]
    each = jax.jit(jax.shard_map(
        alone, mesh=mesh, in_specs=(P("data"), P(), P()), out_specs=P("data"),
    ))(ws, x, y)
    for i in range(4):
        expected = train(ws[i], x, y, lambda gradient: gradient)
        np.testing.assert_allclose(each[i], expected, rtol=1e-4)
print("sharded")
"""


@pytest.mark.precision("x32", reason="the program is one of its own")
def test_shard_map_over_four_devices():
    run = subprocess.run(
        [sys.executable, "-c", SHARDED],
        env=helpers.with_devices(4),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "sharded\n", run.stderr[-3000:]
