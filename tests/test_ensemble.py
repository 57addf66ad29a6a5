"""Many networks at once: each ends where it would have ended alone."""

import os
import signal
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh

import nanonet
from nanonet import ensemble
from nanonet.ensemble import fit_many
from nanonet.objective import objective
from nanonet.result import Status

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])
XOR = nanonet.two_two_one()

RULES = {
    "descent": lambda: nanonet.gradient_descent(0.5),
    "adam": lambda: nanonet.adam(0.02),
    "optax": lambda: optax.chain(optax.clip(0.5), optax.rmsprop(0.01)),
    "levenberg_marquardt": lambda: nanonet.levenberg_marquardt(solver="cholesky"),
    "newton": lambda: optax.chain(
        optax.GradientTransformationExtraArgs(
            optax.init_empty_state, damped_newton_update
        ),
    ),
}


def damped_newton_update(updates, state, params, *, value_fn, **_):
    """(H + I)⁻¹ ∇J, which is well conditioned near J's small curvatures."""
    H, unravel = nanonet.hessian(value_fn, params)
    slope = jax.flatten_util.ravel_pytree(updates)[0]
    return unravel(-jnp.linalg.solve(H + jnp.eye(len(H), dtype=H.dtype), slope)), state


def keys_for(N):
    return jax.random.split(jax.random.key(7), N)


def one_by_one(network, x, y, starts, rule, steps, loss=nanonet.half_squared_error):
    """The plain loop, network after network: final parameters and J."""
    J = objective(network, loss, x, y)
    rule = optax.with_extra_args_support(rule)

    @jax.jit
    def step(params, state):
        value, slope = jax.value_and_grad(J)(params)
        updates, state = rule.update(
            slope,
            state,
            params,
            value=value,
            grad=slope,
            value_fn=J,
            residual_fn=lambda params: J.residuals(params),
        )
        return optax.apply_updates(params, updates), state

    ends = []
    for params in starts:
        state = rule.init(params)
        for _ in range(steps):
            params, state = step(params, state)
        ends.append((params, float(J(params))))
    return ends


def assert_same(fits, ends, rtol):
    for i, (params, value) in enumerate(ends):
        np.testing.assert_allclose(fits.value[i], value, rtol=rtol, atol=rtol / 10)
        for got, expected in zip(
            jax.tree.leaves(fits.params), jax.tree.leaves(params), strict=True
        ):
            np.testing.assert_allclose(got[i], expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", RULES)
def test_each_ends_as_alone(name, x64):
    rule, keys = RULES[name](), keys_for(5)
    fits = fit_many(XOR, X, Y, keys, rule=rule, steps=6)
    ends = one_by_one(XOR, X, Y, [XOR.init(key=key) for key in keys], rule, 6)
    # float32: Levenberg-Marquardt and Newton solve systems with condition numbers of a
    # thousand and more, six times, with 1e7 for the digits to hold.
    assert_same(fits, ends, 1e-6 if x64 else 2e-2)
    assert (fits.steps == 6).all()
    assert (fits.status == Status.STEP_LIMIT).all()


@pytest.mark.parametrize("n", [3, 8, 9, 41])
def test_data_of_any_length(n, x64):
    network = nanonet.mlp([1, 4, 1], hidden="tanh", output="identity")
    # Not symmetric: a gradient that is 0 but for rounding gives Adam a whole step.
    x = np.linspace(-1, 2, n)[:, None]
    keys = keys_for(3)
    fits = fit_many(network, x, np.sin(3 * x), keys, rule=nanonet.adam(0.05), steps=10)
    starts = [network.init(key=key) for key in keys]
    ends = one_by_one(network, x, np.sin(3 * x), starts, nanonet.adam(0.05), 10)
    assert_same(fits, ends, 1e-10 if x64 else 1e-4)  # sums of n terms in another order


def test_cross_entropy_of_three_classes(x64):
    network = nanonet.mlp([2, 3, 3], output="softmax")
    x, y = np.tile(X, (3, 1)), np.eye(3)[np.arange(12) % 3]
    keys, rule = keys_for(3), nanonet.adam(0.05)
    fits = fit_many(
        network, x, y, keys, rule=rule, steps=10, loss=nanonet.cross_entropy
    )
    starts = [network.init(key=key) for key in keys]
    ends = one_by_one(network, x, y, starts, rule, 10, nanonet.cross_entropy)
    assert_same(fits, ends, 1e-10 if x64 else 1e-4)


def test_parameters_do_as_well_as_keys():
    keys = keys_for(4)
    rule = nanonet.adam(0.1)
    starts = jax.vmap(lambda key: XOR.init(key=key))(keys)
    by_key = fit_many(XOR, X, Y, keys, rule=rule, steps=9)
    raw = fit_many(XOR, X, Y, jax.random.key_data(keys), rule=rule, steps=9)
    by_params = fit_many(XOR, X, Y, starts, rule=rule, steps=9)
    for other in (raw, by_params):
        np.testing.assert_allclose(other.value, by_key.value, rtol=1e-6)


@pytest.mark.parametrize("block_size", [1, 3, 16])
def test_results_do_not_depend_on_block_slice_and_number(block_size, x64):
    keys, rule = keys_for(11), nanonet.adam(0.05)
    whole = fit_many(XOR, X, Y, keys, rule=rule, steps=20)
    mesh = Mesh(np.array(jax.devices()[:1]), ("whatever",))
    parts = fit_many(
        XOR, X, Y, keys, rule=rule, steps=20, block_size=block_size, slice_size=4,
        mesh=mesh,
    )  # fmt: skip
    few = fit_many(XOR, X, Y, keys[:2], rule=rule, steps=20)
    # Twenty steps' rounding, where XLA orders operations differently.
    tolerance = 1e-12 if x64 else 1e-4
    np.testing.assert_allclose(parts.value, whole.value, rtol=tolerance)
    np.testing.assert_allclose(few.value, whole.value[:2], rtol=tolerance)


def test_each_on_its_own_data_with_its_own_hyperparameters(x64):
    keys = keys_for(3)
    own_y = np.array([Y, 1 - Y, Y * 0.5])
    own_x = np.stack([X, X + 0.5, 2 * X])
    rates, l2 = jnp.array([0.1, 0.4, 0.9]), jnp.array([0.0, 0.01, 0.1])
    fits = fit_many(
        XOR, own_x, own_y, keys, rule=nanonet.gradient_descent(rates), l2=l2, steps=8
    )
    for i, key in enumerate(keys):
        J = objective(
            XOR, nanonet.half_squared_error, own_x[i], own_y[i], l2=float(l2[i])
        )
        alone = nanonet.minimize(
            J, XOR.init(key=key), nanonet.gradient_descent(float(rates[i])),
            max_steps=8, gtol=0,
        )  # fmt: skip
        np.testing.assert_allclose(
            fits.value[i], alone.value, rtol=1e-12 if x64 else 1e-5
        )
    shared_y = fit_many(
        XOR, own_x, Y, keys, rule=nanonet.gradient_descent(0.1), steps=8
    )
    alone = fit_many(
        XOR, own_x[2], Y, keys[2:], rule=nanonet.gradient_descent(0.1), steps=8
    )
    np.testing.assert_allclose(shared_y.value[2], alone.value[0], rtol=1e-5)


def test_each_stops_by_itself_as_in_minimize(x64):
    keys, rule = keys_for(6), nanonet.adam(0.1)
    fits = fit_many(XOR, X, Y, keys, rule=rule, steps=400, goal=0.05, gtol=1e-3)
    J = objective(XOR, nanonet.half_squared_error, X, Y)
    for i, key in enumerate(keys):
        alone = nanonet.minimize(
            J, XOR.init(key=key), rule, max_steps=400, goal=0.05, gtol=1e-3
        )
        assert abs(alone.steps - fits.steps[i]) <= (0 if x64 else 1)  # rounding of J
        assert Status(int(fits.status[i])) is alone.status
        np.testing.assert_allclose(
            fits.value[i], alone.value, rtol=1e-9 if x64 else 1e-2
        )
    assert len(set(fits.steps.tolist())) > 1


def test_history_is_that_of_minimize(x64):
    keys, rule = keys_for(2), nanonet.adam(0.1)
    fits = fit_many(XOR, X, Y, keys, rule=rule, steps=23, record_every=5)
    J = objective(XOR, nanonet.half_squared_error, X, Y)
    for i, key in enumerate(keys):
        alone = nanonet.minimize(J, XOR.init(key=key), rule, max_steps=23, gtol=0)
        expected = alone.history.value
        tolerance = 1e-10 if x64 else 1e-4
        np.testing.assert_allclose(fits.history[i], expected[::5], rtol=tolerance)
        np.testing.assert_allclose(fits.value[i], expected[-1], rtol=tolerance)


def test_one_diverges_alone():
    rates = jnp.array([0.1, 1e30, 0.1])
    network = nanonet.mlp([1, 1], output="identity")
    x, keys = np.ones((2, 1)), keys_for(3)
    rule = nanonet.gradient_descent(rates)
    fits = fit_many(network, x, x, keys, rule=rule, steps=30)
    calm = fit_many(network, x, x, keys, rule=nanonet.gradient_descent(0.1), steps=30)
    assert fits.status.tolist() == [6, 9, 6]
    np.testing.assert_allclose(fits.value[[0, 2]], calm.value[[0, 2]], rtol=1e-6)
    assert fits.best(3).status.tolist() == [6, 6, 9]
    assert fits.statistics().fractions == {
        Status.STEP_LIMIT: pytest.approx(2 / 3),
        Status.NON_FINITE: pytest.approx(1 / 3),
    }
    stopped = fit_many(network, x, x, keys, rule=rule, steps=30, goal=1e-30)
    assert stopped.status[1] == Status.NON_FINITE
    assert stopped.steps[1] < 30


def test_statistics_are_numpy_s():
    fits = fit_many(XOR, X, Y, keys_for(9), rule=nanonet.adam(0.1), steps=5)
    median = fits.statistics((0.5,)).quantiles[0.5]
    assert median == pytest.approx(np.median(fits.value))
    best = fits.best(2)
    np.testing.assert_array_equal(best.value, np.sort(fits.value)[:2])
    first = int(np.argmin(fits.value))
    assert best.params.w1[0] == fits.params.w1[first]


def test_new_numbers_need_no_new_compilation():
    from nanonet.lanes import train_slice

    def run(rate, y, steps):
        rule = nanonet.gradient_descent(rate)
        fit_many(XOR, X, y, keys_for(3), rule=rule, steps=steps)
        return train_slice._cache_size()

    assert run(0.1, Y, 3) == run(0.2, 1 - Y, 5)


def test_interrupted_and_resumed(monkeypatch):
    keys, rule = keys_for(10), nanonet.adam(0.1)
    whole = fit_many(XOR, X, Y, keys, rule=rule, steps=5, slice_size=4)
    real, done = ensemble.train_slice, []

    def press_after_two(*args):
        done.append(real(*args))
        if len(done) == 2:
            signal.raise_signal(signal.SIGINT)
        return done[-1]

    monkeypatch.setattr(ensemble, "train_slice", press_after_two)
    part = fit_many(XOR, X, Y, keys, rule=rule, steps=5, slice_size=4)
    assert part.value.shape == (8,)
    rest = fit_many(XOR, X, Y, keys, rule=rule, steps=5, slice_size=4, resume=part)
    assert len(done) == 3
    np.testing.assert_array_equal(rest.value, whole.value)
    np.testing.assert_array_equal(rest.params.w5, whole.params.w5)
    late = fit_many(XOR, X, Y, keys, rule=rule, steps=5, slice_size=4, time_limit=0)
    assert late.value.shape == (4,)


def test_outside_the_main_thread():
    found = []

    def run():
        fits = fit_many(XOR, X, Y, keys_for(2), rule=nanonet.adam(0.1), steps=1)
        found.append(fits.value.shape)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(2,)]


PROGRAM = """
import jax, numpy as np, nanonet
x, y = np.eye(2), np.array([0.0, 1.0])
keys = jax.random.split(jax.random.key(7), 7)
fits = nanonet.fit_many(nanonet.two_two_one(), x, y, keys,
                        rule=nanonet.adam(0.1), steps=20, block_size=2)
print(len(jax.devices()), *[f"{v:.6e}" for v in fits.value])
"""


def test_two_devices_get_what_one_gets():
    lines = []
    for devices in (1, 2):
        flags = f"--xla_force_host_platform_device_count={devices}"
        lines.append(
            subprocess.run(
                [sys.executable, "-c", PROGRAM],
                env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()
        )
    assert [line[0] for line in lines] == ["1", "2"]
    values = np.array([line[1:] for line in lines], float)
    assert values.shape == (2, 7)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)


BAD = {
    "no networks": dict(keys=lambda: keys_for(3)[:0], match="no networks"),
    "leading axes": dict(
        keys=lambda: {"a": np.ones((2, 1)), "b": np.ones(3)}, match="leading axes"
    ),
    "no leading axis": dict(keys=lambda: {"a": 1.0}, match="leading axis"),
    "rate": dict(
        rule=lambda: nanonet.gradient_descent(jnp.ones(4)), match="learning_rate"
    ),
    "l2": dict(l2=np.ones(2), match="l2 has shape"),
    "negative l2": dict(l2=-1.0, match="l2=-1"),
    "x": dict(x=np.ones((2, 4, 2)), match="x has shape"),
    "x width": dict(x=np.ones((4, 3)), match="2 inputs"),
    "y": dict(y=np.ones((2, 4)), match="y has shape"),
    "steps": dict(steps=-1, match="steps"),
    "record_every": dict(record_every=0, match="record_every"),
    "block_size": dict(block_size=0, match="block_size"),
    "slice_size": dict(slice_size=-2, match="slice_size"),
    "gtol": dict(gtol=-1.0, match="gtol"),
    "time_limit": dict(time_limit=-1.0, match="time_limit"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    options = dict(x=X, y=Y, keys=lambda: keys_for(3), steps=1) | BAD[name]
    options["rule"] = options.get("rule", lambda: nanonet.adam(0.1))()
    match, x, y, keys = map(options.pop, ["match", "x", "y", "keys"])
    with pytest.raises(ValueError, match=match):
        fit_many(XOR, x, y, keys(), **options)


def test_what_is_no_rule_no_start_no_mesh():
    with pytest.raises(TypeError, match="rule"):
        fit_many(XOR, X, Y, keys_for(2), rule="adam", steps=1)  # pyright: ignore
    integers = nanonet.TwoTwoOne(*[np.ones(2, int)] * 9)
    with pytest.raises(TypeError, match="params_or_keys"):
        fit_many(XOR, X, Y, integers, rule=nanonet.adam(0.1), steps=1)
    mesh = Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("a", "b"))
    with pytest.raises(ValueError, match="mesh"):
        fit_many(XOR, X, Y, keys_for(2), rule=nanonet.adam(0.1), steps=1, mesh=mesh)
