"""Many networks at once: each ends where it would have ended alone."""

import contextlib
import functools
import signal
import socket
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import XOR_X as X
from helpers import XOR_Y as Y
from helpers import count_compilations, with_devices
from jax.sharding import Mesh

import nanonet
from nanonet.many import crew, solve_many
from nanonet.many.fits import Fits
from nanonet.objectives.objective import objective
from nanonet.solve.result import Status

XOR = nanonet.two_two_one()
UNIT = nanonet.mlp([2, 1])

fit_many = functools.partial(nanonet.fit_many, loss=nanonet.half_squared_error)

# Compiling is what these tests cost: where float32 could show nothing of its own, they
# run in float64, and with four networks at a time and few rules, so that they share it.
x64_only = pytest.mark.precision("x64")


RULES = {
    "optax": lambda: optax.chain(optax.clip(0.5), optax.rmsprop(0.01)),
    "levenberg_marquardt": lambda: nanonet.levenberg_marquardt(),
    "halved_newton": lambda: optax.chain(nanonet.newton(), optax.scale(0.5)),
    "bfgs": nanonet.bfgs,
    "lbfgs": nanonet.lbfgs,
}


@x64_only
def test_the_loss_is_by_default_that_of_the_outputs():
    options = dict(rule=nanonet.adam(0.05), max_steps=5)
    by_default = nanonet.fit_many(UNIT, X, Y, keys_for(3), **options)
    named = nanonet.fit_many(
        UNIT, X, Y, keys_for(3), loss=nanonet.binary_cross_entropy, **options
    )
    np.testing.assert_array_equal(by_default.value, named.value)


def keys_for(N):
    return jax.random.split(jax.random.key(7), N)


def starts_of(network, keys):
    """Parameters with a leading axis, as NumPy's arrays: their parts cost nothing."""
    starts = jax.jit(jax.vmap(lambda key: network.init(key=key)))(keys)
    return jax.tree.map(np.asarray, starts)


def alone(network, x, y, key, rule, steps, loss=nanonet.half_squared_error, **options):
    """What `minimize` makes of one network."""
    J = objective(network, loss, x, y, l2=options.pop("l2", 0.0))
    limits = dict(gtol=0.0, max_steps=steps) | options
    return nanonet.minimize(J, network.init(key=key), rule, **limits)


def assert_same(fits, results, rtol):
    for i, result in enumerate(results):
        np.testing.assert_allclose(fits.value[i], result.value, rtol=rtol)
        for got, expected in zip(
            jax.tree.leaves(fits.params), jax.tree.leaves(result.params), strict=True
        ):
            np.testing.assert_allclose(got[i], expected, rtol=rtol, atol=rtol)


@x64_only
def test_also_where_jax_is_told_to_compile_nothing():
    options = dict(rule=nanonet.adam(0.02), max_steps=20)
    compiled = fit_many(XOR, X, Y, keys_for(4), **options)
    with jax.disable_jit():
        np.testing.assert_array_equal(
            fit_many(XOR, X, Y, keys_for(4), **options).value, compiled.value
        )


@pytest.mark.slow
@pytest.mark.parametrize("rule", [nanonet.adam(0.1), RULES["levenberg_marquardt"]()])
def test_passes_in_jaxs_stricter_modes(rule):
    with jax.numpy_dtype_promotion("strict"), jax.debug_nans(True):
        options = dict(rule=rule, max_steps=5, gtol=1e-3, record_every=1, l2=0.1)
        fits = fit_many(XOR, X, Y, keys_for(4), **options)
    assert (fits.history[:, -1] < fits.history[:, 0]).all()


def test_complex_data_are_refused():
    for x, y, name in ((X * 1j, Y, "x"), (X, Y * 1j, "y")):
        with pytest.raises(TypeError, match=f"{name} has dtype complex"):
            fit_many(XOR, x, y, keys_for(2), rule=nanonet.adam(0.1), max_steps=1)


def test_each_ends_as_alone(x64):
    rule, keys = nanonet.adam(0.02), keys_for(4)
    fits = fit_many(XOR, X, Y, keys, rule=rule, max_steps=20)
    # float32: the rounding of twenty steps.
    results = [alone(XOR, X, Y, key, rule, 20) for key in keys]
    assert_same(fits, results, 1e-10 if x64 else 1e-4)
    assert (fits.steps == 20).all()
    assert (fits.status == Status.STEP_LIMIT).all()
    np.testing.assert_allclose(
        fits.gradient_norm,
        [result.gradient_norm for result in results],
        rtol=1e-9 if x64 else 1e-3,
    )


@x64_only
@pytest.mark.parametrize("name", RULES)
@pytest.mark.one_case
def test_each_ends_as_alone_by_other_rules(name):
    rule, keys = RULES[name](), keys_for(3)
    fits = fit_many(UNIT, X, Y, keys, rule=rule, max_steps=5)
    assert_same(fits, [alone(UNIT, X, Y, key, rule, 5) for key in keys], 1e-9)


@x64_only
@pytest.mark.parametrize("name", RULES)
@pytest.mark.one_case
def test_each_ends_as_alone_within_bounds(name):
    rule, keys, y = RULES[name](), keys_for(3), X.mean(1)
    starts = starts_of(UNIT, keys)
    # Of each network its own for the weights, the same for all for the bias.
    upper = np.array([0.2, 0.5, 1.0])[:, None, None] * np.ones((1, 2, 1))
    bounds = (-0.3, (nanonet.Layer(upper, 0.1),))
    fits = fit_many(UNIT, X, y, starts, rule=rule, max_steps=7, bounds=bounds)
    held = 0
    for i in range(3):
        start, own = (
            jax.tree.map(lambda leaf, i=i: leaf[i], tree) for tree in (starts, upper)
        )
        one = nanonet.minimize(
            objective(UNIT, nanonet.half_squared_error, X, y),
            start,
            rule,
            max_steps=7,
            gtol=0.0,
            bounds=(-0.3, (nanonet.Layer(own, 0.1),)),
        )
        assert_same(jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], fits), [one], 1e-9)
        np.testing.assert_allclose(
            fits.gradient_norm[i], one.gradient_norm, rtol=1e-6, atol=1e-12
        )
        held += np.sum(fits.params[0].w[i] == own) + np.sum(fits.params[0].w[i] == -0.3)
    assert held > 0


@x64_only
def test_each_stops_where_the_projected_gradient_is_small():
    keys, rule = keys_for(4), nanonet.gradient_descent(1.0)
    starts = starts_of(UNIT, keys)
    # y falls with both inputs, and the weights are to be positive.
    how = dict(max_steps=500, gtol=1e-5, bounds=((nanonet.Layer(0.0, None),), None))
    J = objective(UNIT, nanonet.half_squared_error, X, 1 - X.mean(1))
    gradient = jax.jit(jax.grad(J))
    fits = fit_many(UNIT, X, 1 - X.mean(1), starts, rule=rule, **how)
    assert (fits.status == Status.GRADIENT).all()
    assert (fits.params[0].w == 0).all()
    for i in range(4):
        start = jax.tree.map(lambda leaf, i=i: leaf[i], starts)
        one = nanonet.minimize(J, start, rule, **how)
        assert (fits.steps[i], fits.status[i]) == (one.steps, one.status)
        slope = gradient(one.params)
        assert np.all(slope[0].w > 0.01)  # which is far from 0 itself


@pytest.mark.slow
@x64_only
def test_random_starts_are_mirrored_at_bounds_and_given_ones_moved():
    keys = keys_for(5)
    starts = starts_of(XOR, keys)
    how = dict(rule=nanonet.adam(0.1), max_steps=0, bounds=(0.0, None))
    for given, expected in ((keys, np.abs), (starts, lambda w: np.maximum(w, 0))):
        found = fit_many(XOR, X, Y, given, **how)
        for got, start in zip(found.params, starts, strict=True):
            np.testing.assert_allclose(got, expected(start), rtol=1e-15)
    with count_compilations() as compiled:
        fit_many(XOR, X, Y, starts, **how | dict(bounds=(-1.0, 2.0)))
    assert compiled == []


@pytest.mark.slow
@x64_only
def test_cross_entropy_of_three_classes():
    network = nanonet.mlp([2, 3], output="softmax")
    x, y = np.tile(X, (3, 1)), np.eye(3)[np.arange(12) % 3]
    keys, rule, loss = keys_for(2), nanonet.adam(0.05), nanonet.cross_entropy
    fits = fit_many(network, x, y, keys, rule=rule, max_steps=10, loss=loss)
    assert_same(
        fits, [alone(network, x, y, key, rule, 10, loss) for key in keys], 1e-10
    )


@x64_only
def test_parameters_do_as_well_as_keys():
    keys, rule = keys_for(4), nanonet.adam(0.1)
    starts = starts_of(UNIT, keys)
    by_key = fit_many(UNIT, X, Y, keys, rule=rule, max_steps=9)
    raw = fit_many(UNIT, X, Y, jax.random.key_data(keys), rule=rule, max_steps=9)
    by_params = fit_many(UNIT, X, Y, starts, rule=rule, max_steps=9)
    for other in (raw, by_params):
        np.testing.assert_allclose(other.value, by_key.value, rtol=1e-12)


@pytest.mark.slow
@x64_only
def test_results_do_not_depend_on_block_slice_and_number():
    keys, rule = keys_for(11), nanonet.adam(0.05)
    whole = fit_many(XOR, X, Y, keys, rule=rule, max_steps=20)
    few = fit_many(XOR, X, Y, keys[:4], rule=rule, max_steps=20)
    np.testing.assert_allclose(few.value, whole.value[:4], rtol=1e-12)
    mesh = Mesh(np.array(jax.devices()[:1]), ("whatever",))
    meshed = fit_many(XOR, X, Y, keys, rule=rule, max_steps=20, mesh=mesh)
    np.testing.assert_allclose(meshed.value, whole.value, rtol=1e-12)
    with in_small_blocks():
        parts = fit_many(XOR, X, Y, keys, rule=rule, max_steps=20)
    np.testing.assert_allclose(parts.value, whole.value, rtol=1e-12)


@contextlib.contextmanager
def in_small_blocks(lanes=2, problems=4):
    """Two cores, so many problems in a block, and so many in a call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "block_size_for", lambda rule, params: lanes)
        patch.setattr(crew, "PROBLEMS_PER_CALL", problems)
        patch.setattr(crew, "count_cores", lambda: 2)
        patch.setattr(crew, "FEW_STEPS", 0)
        yield


@x64_only
def test_each_on_its_own_data_with_its_own_hyperparameters():
    keys = keys_for(3)
    own_y = np.array([Y, 1 - Y, Y * 0.5])
    own_x = np.stack([X, X + 0.5, 2 * X])
    rates, l2 = jnp.array([0.1, 0.4, 0.9]), jnp.array([0.0, 0.01, 0.1])
    rule = nanonet.gradient_descent(rates)
    fits = fit_many(UNIT, own_x, own_y, keys, rule=rule, l2=l2, max_steps=8)
    shared_y = fit_many(UNIT, own_x, Y, keys, rule=rule, max_steps=8)
    for i, key in enumerate(keys):
        rule = nanonet.gradient_descent(float(rates[i]))
        one = alone(UNIT, own_x[i], own_y[i], key, rule, 8, l2=float(l2[i]))
        np.testing.assert_allclose(fits.value[i], one.value, rtol=1e-12)
        one = alone(UNIT, own_x[i], Y, key, rule, 8)
        np.testing.assert_allclose(shared_y.value[i], one.value, rtol=1e-12)


@x64_only
def test_each_stops_by_itself_as_in_minimize():
    keys, rule = keys_for(6), nanonet.adam(0.1)
    stops = dict(goal=0.05, gtol=1e-3)
    fits = fit_many(XOR, X, Y, keys, rule=rule, max_steps=400, **stops)
    for i, key in enumerate(keys):
        one = alone(XOR, X, Y, key, rule, 400, **stops)
        assert fits.steps[i] == one.steps
        assert Status(int(fits.status[i])) is one.status
        np.testing.assert_allclose(fits.value[i], one.value, rtol=1e-9)
    assert len(set(fits.steps.tolist())) > 1


@x64_only
def test_ends_where_no_lower_j_can_be_seen():
    line = nanonet.mlp([1, 1], output="identity")
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 1.0])
    rule = nanonet.levenberg_marquardt()
    fits = fit_many(line, x, y, keys_for(2), rule=rule, max_steps=90, gtol=0.0)
    assert fits.status.tolist() == [Status.PRECISION] * 2
    assert (fits.steps < 90).all()
    slope, offset = np.polyfit(x[:, 0], y, 1)
    np.testing.assert_allclose(fits.params[0].w[:, 0, 0], slope, rtol=1e-7)
    np.testing.assert_allclose(fits.params[0].b[:, 0], offset, rtol=1e-7)


@x64_only
def test_history_is_that_of_minimize():
    keys, rule = keys_for(2), nanonet.adam(0.1)
    fits = fit_many(UNIT, X, Y, keys, rule=rule, max_steps=23, record_every=5)
    for i, key in enumerate(keys):
        expected = alone(UNIT, X, Y, key, rule, 23).history.value
        np.testing.assert_allclose(fits.history[i], expected[::5], rtol=1e-10)
        np.testing.assert_allclose(fits.value[i], expected[-1], rtol=1e-10)


@x64_only
def test_one_diverges_alone():
    rates = jnp.array([0.1, 1e30, 0.1])
    network = nanonet.mlp([1, 1], output="identity")
    x, keys = np.ones((2, 1)), keys_for(3)
    rule = nanonet.gradient_descent(rates)
    fits = fit_many(network, x, x, keys, rule=rule, max_steps=30)
    calm = fit_many(
        network, x, x, keys, rule=nanonet.gradient_descent(0.1), max_steps=30
    )
    limit, failed = Status.STEP_LIMIT, Status.NON_FINITE
    assert fits.status.tolist() == [limit, failed, limit]
    np.testing.assert_allclose(fits.value[[0, 2]], calm.value[[0, 2]], rtol=1e-6)
    assert fits.best(3).status.tolist() == [6, 6, 9]
    assert fits.statistics().fractions == {
        Status.STEP_LIMIT: pytest.approx(2 / 3),
        Status.NON_FINITE: pytest.approx(1 / 3),
    }
    stopped = fit_many(network, x, x, keys, rule=rule, max_steps=30, goal=1e-30)
    assert stopped.status[1] == Status.NON_FINITE
    assert stopped.steps[1] < 30


def fits_of(values):
    values = np.array(values)
    status = np.where(np.isnan(values), Status.NON_FINITE, Status.STEP_LIMIT)
    return Fits({"w": values + 1}, values, values, np.zeros(4, int), status)


@x64_only
def test_best_first_and_statistics():
    fits = fits_of([0.4, np.nan, 0.1, 0.2])
    best = fits.best(4)
    np.testing.assert_array_equal(best.value, [0.1, 0.2, 0.4, np.nan])
    np.testing.assert_array_equal(best.params["w"], [1.1, 1.2, 1.4, np.nan])
    assert fits.best().value.tolist() == [0.1]
    assert fits.statistics().fractions == {
        Status.STEP_LIMIT: 0.75,
        Status.NON_FINITE: 0.25,
    }
    assert fits.statistics((0.5, 1.0)).quantiles == {0.5: 0.2, 1.0: 0.4}
    assert fits_of([np.nan] * 4).statistics().quantiles == {}


@x64_only
def test_new_numbers_need_no_new_compilation():
    def run(rate, y, steps):
        fit_many(XOR, X, y, keys_for(4), rule=nanonet.adam(rate), max_steps=steps)

    run(0.1, Y, 3)
    with count_compilations() as compiled:
        run(0.2, 1 - Y, 5)
    assert compiled == []


@x64_only
def test_few_steps_start_no_thread(monkeypatch):
    def run():
        with count_compilations() as compiled:
            fits = fit_many(XOR, X, Y, keys, rule=nanonet.adam(0.1), max_steps=3)
        return fits.value, compiled

    def tells(self, function, calls):
        threads.append(min(self.count, len(calls)))
        return real(self, function, calls)

    keys, threads, real = keys_for(50), [], crew.Workers.map
    monkeypatch.setattr(crew.Workers, "map", tells)
    monkeypatch.setattr(crew, "count_cores", lambda: 2)
    alone, _ = run()
    monkeypatch.setattr(crew, "FEW_STEPS", 149)
    together, compiled = run()
    assert threads == [1, 2]
    assert compiled == []
    np.testing.assert_array_equal(alone, together)


@x64_only
def test_interrupted_and_resumed(monkeypatch):
    keys, how = keys_for(10), dict(rule=nanonet.adam(0.1), max_steps=5)
    real, calls = crew.Crew.solve, []

    def press_after_one(self, first, limit):
        calls.append(first)
        yield from real(self, first, limit)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    with in_small_blocks():
        whole = fit_many(XOR, X, Y, keys, **how)
        monkeypatch.setattr(crew.Crew, "solve", press_after_one)
        part = fit_many(XOR, X, Y, keys, **how)
        expected = [Status.STEP_LIMIT] * 8 + [Status.INTERRUPTED] * 2
        assert part.status.tolist() == expected
        assert np.isnan(part.value[8:]).all()
        assert part.steps[8:].tolist() == [0, 0]
        again = fit_many(XOR, X, Y, keys, **how, resume=part)
        assert calls == [0, 4, 8]
        late = fit_many(XOR, X, Y, keys, **how, time_limit=0)
    np.testing.assert_array_equal(again.value, whole.value)
    np.testing.assert_array_equal(again.params.w5, whole.params.w5)
    assert late.statistics().fractions[Status.TIME_LIMIT] == 0.6
    with pytest.raises(ValueError, match="resume is of"):
        fit_many(XOR, X, Y, keys_for(3), **how, resume=part)


@x64_only
def test_outside_the_main_thread():
    found = []

    def run():
        fits = fit_many(XOR, X, Y, keys_for(4), rule=nanonet.adam(0.1), max_steps=1)
        found.append(fits.value.shape)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(4,)]


PROGRAM = """
import sys, jax, numpy as np, nanonet
from nanonet.many import crew
crew.block_size_for, crew.PROBLEMS_PER_CALL = lambda rule, params: 1, 1
port, process = sys.argv[1:]
jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(process))
x, y = np.eye(2), np.array([0.0, 1.0])
fits = nanonet.fit_many(
    nanonet.two_two_one(), x, y, jax.random.split(jax.random.key(7), 7),
    rule=nanonet.adam(0.1), max_steps=20, time_limit=60,
    loss=nanonet.half_squared_error,
)
print(len(jax.devices()), *fits.value.tolist(), *fits.params.w3.tolist())
"""


@pytest.mark.slow
@pytest.mark.precision("x32")
def test_two_processes_of_two_devices_get_what_one_gets():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(port), str(process)],
            env=with_devices(2),
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    lines = [process.communicate(timeout=240)[0].split() for process in processes]
    fits = fit_many(
        XOR, np.eye(2), [0.0, 1.0], keys_for(7), rule=nanonet.adam(0.1), max_steps=20
    )
    for line in lines:
        assert line[-15] == "4"
        numbers = np.array(line[-14:], float)
        # The rounding of twenty steps in float32.
        np.testing.assert_allclose(numbers[:7], fits.value, rtol=1e-4)
        np.testing.assert_allclose(numbers[7:], fits.params.w3, rtol=1e-4, atol=1e-5)


EIGENVALUES = """
import jax, numpy as np, nanonet
from nanonet.many import crew
crew.FEW_STEPS = 0
keys = jax.random.split(jax.random.key(7), 256)
fits = nanonet.fit_many(
    nanonet.two_two_one(), np.eye(2), [0.0, 1.0], keys, rule=nanonet.newton(),
    max_steps=3, loss=nanonet.half_squared_error,
)
print(fits.value.sum())
"""


@pytest.mark.slow
@pytest.mark.precision("x32")
def test_eigenvalues_by_two_threads():
    """Which jaxlib's kernels before 0.12 wait for without end."""
    run = subprocess.run(
        [sys.executable, "-c", EIGENVALUES],
        env=with_devices(1),
        capture_output=True,
        text=True,
        timeout=120,
    )
    fits = fit_many(
        XOR, np.eye(2), [0.0, 1.0], keys_for(256), rule=nanonet.newton(), max_steps=3
    )
    np.testing.assert_allclose(float(run.stdout), fits.value.sum(), rtol=1e-4)


@x64_only
def test_more_than_memory_holds(monkeypatch):
    monkeypatch.setattr(solve_many.os, "sysconf", lambda name: 2**8)
    with pytest.raises(ValueError, match=r"0\.0 GB.*several calls"):
        fit_many(XOR, X, Y, keys_for(2000), rule=nanonet.adam(0.1), max_steps=1)


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
    "y length": dict(y=np.ones(5), match="y has shape"),
    "max_steps": dict(max_steps=-1, match="max_steps"),
    "record_every": dict(record_every=0, match="record_every"),
    "gtol": dict(gtol=-1.0, match="gtol"),
    "bounds": dict(bounds=(1.0, 0.0), match="1.0 ≤ θ ≤ 0.0 leaves no room"),
    "own bounds": dict(
        bounds=(nanonet.TwoTwoOne(*[np.ones(4)] * 9), None), match="not like params"
    ),
    "time_limit": dict(time_limit=-1.0, match="time_limit"),
}


@x64_only
@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    options = dict(x=X, y=Y, keys=lambda: keys_for(3), max_steps=1) | BAD[name]
    options["rule"] = options.get("rule", lambda: nanonet.adam(0.1))()
    match, x, y, keys = map(options.pop, ["match", "x", "y", "keys"])
    with pytest.raises(ValueError, match=match):
        fit_many(XOR, x, y, keys(), **options)


@x64_only
def test_what_is_no_rule_no_start_no_mesh():
    with pytest.raises(TypeError, match="rule"):
        fit_many(XOR, X, Y, keys_for(2), rule="adam", max_steps=1)  # pyright: ignore
    integers = nanonet.TwoTwoOne(*[np.ones(2, int)] * 9)
    with pytest.raises(TypeError, match="params_or_keys"):
        fit_many(XOR, X, Y, integers, rule=nanonet.adam(0.1), max_steps=1)
    mesh = Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("a", "b"))
    with pytest.raises(ValueError, match="mesh"):
        fit_many(XOR, X, Y, keys_for(2), rule=nanonet.adam(0.1), max_steps=1, mesh=mesh)
