"""The loop: where it goes, why it stops, and that nothing is lost on the way."""

import re
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import count_compilations
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.network.network import two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.solve import history, loop
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Status

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


def square(theta):
    return jnp.sum(theta**2)


def mazur():
    """Mazur's 2-2-2 network, biases held fixed: outputs and E of the weights; start."""
    x, t = jnp.array([0.05, 0.10]), jnp.array([0.01, 0.99])

    def outputs(w):
        h = jax.nn.sigmoid(jnp.stack([w[0:2] @ x, w[2:4] @ x]) + 0.35)
        return jax.nn.sigmoid(jnp.stack([w[4:6] @ h, w[6:8] @ h]) + 0.60)

    def E(w):
        return jnp.sum((outputs(w) - t) ** 2) / 2

    return outputs, E, jnp.array([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55])


def test_first_step_of_mazur_s_example():
    _, E, w = mazur()
    result = minimize(E, w, gradient_descent(0.5), max_steps=1)
    updated = [0.149780716, 0.19956143, 0.24975114, 0.29950229]
    updated += [0.35891648, 0.40866619, 0.51130127, 0.56137012]
    # The updated weights are given to eight digits, E to twelve; float32 has seven.
    small = 32 * float(jnp.finfo(w.dtype).eps)
    np.testing.assert_allclose(result.params, updated, atol=max(5e-9, small))
    np.testing.assert_allclose(
        result.history.value, [0.298371109, 0.29102777369], atol=max(5e-10, small)
    )
    assert result.status is Status.STEP_LIMIT
    assert (result.steps, result.evaluations) == (1, 2)


def test_ten_thousand_steps_of_mazur_s_example():
    outputs, E, w = mazur()
    result = minimize(E, w, gradient_descent(0.5), max_steps=10_000, gtol=0)
    # float32 rounds ten thousand steps, each of them to seven digits.
    digits = 5e-9 if w.dtype == "float64" else 2e-5
    np.testing.assert_allclose(
        outputs(result.params), [0.01591362, 0.98406427], atol=digits
    )
    np.testing.assert_allclose(result.value, 3.51019e-5, rtol=1e-6 + 50 * digits)
    assert result.history.value.shape == (10_001,)


def test_history_is_the_path_of_a_plain_loop(key):
    network = two_two_one()
    J, theta = objective(network, half_squared_error, X, Y), network.init(key=key)
    result = minimize(J, theta, gradient_descent(0.3), max_steps=100, keep_params=True)
    value_and_slope = jax.jit(jax.value_and_grad(J))
    for t in range(101):
        value, slope = value_and_slope(theta)
        norm = np.linalg.norm(jax.tree.leaves(slope))
        np.testing.assert_allclose(result.history.value[t], value, rtol=1e-5)
        np.testing.assert_allclose(result.history.gradient_norm[t], norm, rtol=1e-3)
        at_t = [leaf[t] for leaf in result.history.params]
        np.testing.assert_allclose(at_t, list(theta), rtol=1e-4, atol=1e-5)
        theta = jax.tree.map(lambda w, g: w - 0.3 * g, theta, slope)
    assert result.value == result.history.value[-1]


def test_chunks_join_without_a_seam(monkeypatch):
    expected = 5.0 * 0.98 ** np.arange(1001)
    for chunk, block in ((1, 1), (7, 3), (64, 64), (1000, 10), (10**6, 7)):
        monkeypatch.setattr(loop, "STEPS_PER_CHUNK", chunk)
        monkeypatch.setattr(loop, "STEPS_PER_BLOCK", block)
        loop.advance.clear()
        result = minimize(
            square,
            5.0,
            gradient_descent(0.01),
            max_steps=1000,
            gtol=0,
            keep_params=True,
        )
        assert result.steps == 1000
        np.testing.assert_allclose(result.history.params, expected, rtol=1e-4)
    loop.advance.clear()


@pytest.mark.parametrize(
    ("options", "status", "steps"),
    [
        ({"gtol": 1e-3}, Status.GRADIENT, 88),  # 10 · 0.9^88 = 0.00094
        ({"goal": 0.5}, Status.GOAL, 19),  # 25 · 0.81^19 = 0.456
        ({"ftol": 0.24}, Status.OBJECTIVE, 1),  # |ΔJ| / J = 1 / 0.81 - 1 = 0.2346
        ({"ftol": 0.23, "max_steps": 9}, Status.STEP_LIMIT, 9),
        ({"xtol": 0.12}, Status.STEP, 1),  # ‖Δθ‖ / ‖θ‖ = 1 / 0.9 - 1 = 0.1111
        ({"xtol": 0.1, "max_steps": 9}, Status.STEP_LIMIT, 9),
        ({"max_steps": 3}, Status.STEP_LIMIT, 3),
        ({"max_steps": 0}, Status.STEP_LIMIT, 0),
    ],
)
@pytest.mark.one_case
def test_stop_tests(options, status, steps):
    # θ(t) = 0.9^t θ(0), so that J(t) = 0.81^t J(0), with ‖θ(0)‖ = 5.
    start = jnp.array([3.0, 4.0])
    result = minimize(square, start, gradient_descent(0.05), **({"gtol": 0} | options))
    assert (result.status, result.steps) == (status, steps)
    np.testing.assert_allclose(result.params, 0.9**steps * start, rtol=1e-4)
    np.testing.assert_allclose(result.gradient_norm, 10 * 0.9**steps, rtol=1e-4)
    assert result.status.converged == (status is not Status.STEP_LIMIT)


def test_a_stationary_start_needs_no_step():
    result = minimize(square, jnp.zeros(3), gradient_descent(1.0))
    assert (result.status, result.steps, result.evaluations) == (Status.GRADIENT, 0, 1)


@pytest.mark.parametrize("learning_rate", [1.5, 1e30])
def test_divergence_returns_the_best_parameters_and_says_so(learning_rate):
    start = jnp.array([3.0, 4.0])
    result = minimize(square, start, gradient_descent(learning_rate), max_steps=10_000)
    assert result.status is Status.NON_FINITE
    np.testing.assert_array_equal(result.params, start)
    np.testing.assert_allclose(
        [result.value, result.gradient_norm], [25, 10], rtol=1e-6
    )
    assert len(result.history.value) == result.steps + 1
    assert not np.isfinite(result.history.value[-1] + result.history.gradient_norm[-1])


def test_leaving_the_domain_returns_the_best_parameters():
    # J = θ - √θ falls until θ = 1/4; a large step leads below zero, where J is NaN.
    result = minimize(lambda t: t + jnp.sqrt(t), 0.5, gradient_descent(0.2))
    assert result.status is Status.NON_FINITE
    assert result.params >= 0
    assert result.value == np.nanmin(result.history.value)


def test_not_a_number_at_the_start_is_said(x64):
    result = minimize(jnp.log, -1.0, gradient_descent(0.1))
    assert (result.status, result.steps) == (Status.NON_FINITE, 0)


def test_time_limit_keeps_the_best():
    slow = optax.sgd(1e-7)
    result = minimize(square, 5.0, slow, max_steps=10**9, gtol=0, time_limit=0.3)
    assert result.status is Status.TIME_LIMIT
    assert 0 < result.steps < 10**9
    assert result.value == result.history.value.min()


def test_interrupt_keeps_the_best():
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    before = signal.getsignal(signal.SIGINT)
    timer.start()
    result = minimize(square, 5.0, optax.sgd(1e-7), max_steps=10**9, gtol=0)
    timer.join()
    assert result.status is Status.INTERRUPTED
    assert result.value == result.history.value.min()
    assert signal.getsignal(signal.SIGINT) is before


def test_runs_outside_the_main_thread():
    results = []
    thread = threading.Thread(
        target=lambda: results.append(minimize(square, 1.0, gradient_descent(0.25)))
    )
    thread.start()
    thread.join()
    assert results[0].status is Status.GRADIENT


OPTAX_RULES = {
    "sgd": lambda: optax.sgd(0.1, momentum=0.5),
    "adam": lambda: optax.adam(0.05),
    "schedule": lambda: optax.sgd(optax.exponential_decay(0.2, 50, 0.5)),
    "chain": lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.rmsprop(0.01)),
    "lbfgs": lambda: optax.lbfgs(),
    "backtracking": lambda: optax.chain(
        optax.sgd(1.0),
        optax.scale_by_backtracking_linesearch(max_backtracking_steps=20),
    ),
    "polyak": lambda: optax.polyak_sgd(),
}


@pytest.mark.parametrize("name", OPTAX_RULES)
@pytest.mark.one_case
def test_any_optax_rule_takes_the_same_path_as_in_optax_s_own_loop(name):
    rule = optax.with_extra_args_support(OPTAX_RULES[name]())

    def fun(p):
        return jnp.sum((p["a"] - 1) ** 2) + 5 * (p["b"] - p["a"][0]) ** 2

    params = {"a": jnp.array([0.5, -1.0]), "b": jnp.array(2.0)}
    result = minimize(fun, params, rule, max_steps=15, gtol=0, keep_params=True)
    state, theta = rule.init(params), params
    update = jax.jit(
        lambda g, s, p, v: rule.update(g, s, p, value=v, grad=g, value_fn=fun)
    )
    for t in range(result.steps):
        value, slope = jax.value_and_grad(fun)(theta)
        updates, state = update(slope, state, theta, value)
        theta = optax.apply_updates(theta, updates)
        at_t = jax.tree.map(lambda leaf: leaf[t + 1], result.history.params)  # noqa: B023
        # One program and another round differently; a line search may amplify it.
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4),
            at_t,
            theta,
        )
    searched = name in ("lbfgs", "backtracking")
    assert (result.evaluations > result.steps + 1) == searched


def test_nothing_compiles_anew_when_only_numbers_change(key):
    network = two_two_one()
    J = objective(network, half_squared_error, X, Y)
    params = network.init(key=key)
    minimize(J, params, gradient_descent(0.1), max_steps=10)
    other = objective(two_two_one(), half_squared_error, X + 1, 1 - Y, l2=0.1)
    start = network.init(key=jax.random.key(5))
    limits = dict(gtol=1e-3, xtol=1e-9, ftol=1e-9, goal=1e-3)
    with count_compilations() as compiled:
        minimize(other, start, gradient_descent(0.7), max_steps=5)
        minimize(J, params, gradient_descent(1e-3), max_steps=2000, **limits)
        rule = gradient_descent(np.float64(0.2))
        minimize(J, params, rule, time_limit=10.0, max_steps=7)
    assert compiled == []


def test_python_and_weakly_typed_numbers_are_parameters_like_any_other():
    minimize(square, jnp.float32(1.0) * 1, gradient_descent(0.1), max_steps=3)
    minimize(square, 1.0, gradient_descent(0.1), max_steps=3)
    starts = (2.0, jnp.asarray(3.0), jnp.asarray(1.0) * 2, np.float64(2.0))
    with count_compilations() as compiled:
        results = [
            minimize(square, start, gradient_descent(0.1), max_steps=3)
            for start in starts
        ]
    assert compiled == []
    for start, result in zip(starts, results, strict=True):
        assert isinstance(result.params, jax.Array)
        assert not result.params.weak_type
        np.testing.assert_allclose(result.params, 0.512 * np.asarray(start), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
@pytest.mark.one_case
def test_the_dtype_in_is_the_dtype_out(dtype):
    params = {"a": jnp.ones(3, dtype), "b": None, "c": (jnp.ones((), dtype),)}

    def fun(p):
        return jnp.sum(jnp.abs(p["a"] - 3) ** 2) + jnp.abs(p["c"][0]) ** 2

    result = minimize(fun, params, gradient_descent(0.25), max_steps=20)
    assert {leaf.dtype for leaf in jax.tree.leaves(result.params)} == {jnp.dtype(dtype)}
    assert jax.tree.structure(result.params) == jax.tree.structure(params)
    np.testing.assert_allclose(result.params["a"].astype("complex64"), 3, atol=1e-2)
    assert result.value.dtype == result.gradient_norm.dtype


def test_mixed_dtypes_and_float16_gradients_that_would_overflow_when_squared():
    params = {"half": jnp.full(2, 200.0, "float16"), "single": jnp.ones(2, "float32")}

    def fun(p):
        return jnp.sum(3 * p["half"].astype("float32")) + jnp.sum(p["single"] ** 2)

    result = minimize(fun, params, gradient_descent(0.1), max_steps=2)
    assert result.status is Status.STEP_LIMIT
    assert result.params["half"].dtype == "float16"
    steep = minimize(
        lambda p: 500 * p, jnp.float16(1.0), gradient_descent(0.0), max_steps=1
    )
    np.testing.assert_allclose(steep.gradient_norm, 500)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.floats(0.1, 2), min_size=3, max_size=3),
    st.floats(0.01, 0.9),
    st.integers(0, 40),
)
def test_gradient_descent_on_a_quadratic_is_its_closed_form(curvatures, rate, steps):
    curvature = np.array(curvatures, "float32")
    start = np.array([1.0, -2.0, 3.0], "float32")
    fun = jax.tree_util.Partial(lambda a, p: jnp.sum(a * p**2) / 2, curvature)
    result = minimize(fun, start, gradient_descent(rate), max_steps=steps, gtol=0)
    expected = (1 - rate * curvature.astype(float)) ** steps * start
    np.testing.assert_allclose(result.params, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"params": {}}, ValueError, "params is an empty tree"),
        ({"params": {"w": True}}, TypeError, r"params\['w'\] is of bool"),
        ({"params": jnp.arange(3)}, TypeError, "params is of int"),
        ({"params": "w"}, TypeError, "params='w' is text"),
        ({"fun": lambda p: p}, ValueError, r"fun must return one number, not \(2,\)"),
        ({"fun": lambda p: jnp.sum(p) * 1j}, TypeError, "real"),
        ({"rule": "adam"}, TypeError, "rule"),
        ({"max_steps": -1}, ValueError, "max_steps=-1 must be ≥ 0"),
        ({"goal": np.nan}, ValueError, "goal=nan must be finite"),
        ({"gtol": -1.0}, ValueError, "gtol=-1.0 must be ≥ 0"),
        ({"xtol": float("nan")}, ValueError, "xtol=nan must be ≥ 0"),
        ({"ftol": -1.0}, ValueError, "ftol=-1.0 must be ≥ 0"),
        ({"time_limit": -1.0}, ValueError, "time_limit=-1.0 must be ≥ 0"),
    ],
)
def test_bad_arguments_are_refused(change, error, message):
    arguments = {"fun": square, "params": jnp.ones(2), "rule": gradient_descent(0.1)}
    with pytest.raises(error, match=message):
        minimize(**(arguments | change))


def test_a_whole_number_of_python_is_a_start():
    whole, point = (
        minimize(lambda w: (w["a"] - 3) ** 2, {"a": a}, gradient_descent(0.1))
        for a in (1, 1.0)
    )
    assert whole.params == point.params
    assert whole.steps == point.steps > 0


def test_a_function_may_return_a_number_of_python():
    result = minimize(lambda t: 1.0, 0.0, gradient_descent(0.1))
    assert (result.status, float(result.value)) == (Status.GRADIENT, 1.0)


def test_a_constant_is_stationary_everywhere():
    for params in (jnp.ones(1), {"a": jnp.ones(2), "b": jnp.ones((2, 3))}):
        result = minimize(lambda t: 1.0, params, gradient_descent(0.1))
        assert result.status is Status.GRADIENT
        assert (result.steps, result.gradient_norm) == (0, 0)


@pytest.mark.precision("x32", reason="1e30 has a square in float64")
def test_a_slope_known_as_it_compiles_has_a_norm_of_any_size():
    for slope in (1e30, -1e20, 1e-30):
        result = minimize(lambda t, s=slope: jnp.sum(s * t), jnp.ones(3), max_steps=0)
        assert float(result.gradient_norm) == pytest.approx(abs(slope) * 3**0.5)


def test_minus_infinity_is_no_minimum():
    def J(t):
        return jnp.where(t > 1, -jnp.inf, (t - 3) ** 2)

    result = minimize(J, 0.0, gradient_descent(0.1))
    assert result.status is Status.NON_FINITE
    assert np.isfinite(result.value)
    assert result.params <= 1


@pytest.mark.parametrize("scale", [1e-36, 1e-20, 1e20, 1e36])
def test_gradients_whose_squares_overflow_or_vanish(scale):
    # J = s t: ∇J = s, whose square float32 does not hold.
    result = minimize(lambda t: scale * t, 1.0, gradient_descent(0.0), max_steps=1)
    gtol = jnp.finfo(result.value.dtype).eps ** (2 / 3)
    np.testing.assert_allclose(result.gradient_norm, scale, rtol=1e-6)
    expected = Status.GRADIENT if scale <= gtol else Status.STEP_LIMIT
    assert result.status is expected


def test_an_infinite_time_limit_is_none():
    result = minimize(
        square, 1.0, gradient_descent(0.1), max_steps=3, time_limit=np.inf
    )
    assert result.status is Status.STEP_LIMIT


@pytest.mark.precision("x32", reason="the thread of callbacks knows no float64")
def test_a_slow_objective_is_looked_at_after_each_step():
    def sleep(t):
        time.sleep(0.1)
        return np.asarray(t)

    def J(t):
        shape = jax.ShapeDtypeStruct((), t.dtype)
        slow = jax.pure_callback(sleep, shape, jax.lax.stop_gradient(t))
        return t**2 + 0 * slow

    rule = gradient_descent(1e-3)
    result = minimize(J, jnp.array(1.0), rule, time_limit=0.3, max_steps=100)
    assert result.status is Status.TIME_LIMIT
    assert result.steps < 20  # a fixed first chunk of 64 would all have been taken


def test_a_program_that_ignores_interrupts_goes_on():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
        timer.start()
        result = minimize(
            square, 5.0, optax.sgd(1e-7), max_steps=10**9, gtol=0, time_limit=1.0
        )
        timer.join()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.status is Status.TIME_LIMIT


def test_the_default_rule_needs_no_learning_rate():
    def rosenbrock(t):
        return 100 * (t[1] - t[0] ** 2) ** 2 + (1 - t[0]) ** 2

    result = minimize(rosenbrock, jnp.array([-1.2, 1.0]))
    assert result.converged
    np.testing.assert_allclose(result.params, 1.0, atol=2e-2)


def test_a_result_shows_itself_in_a_few_lines():
    result = minimize(square, jnp.ones(1000), gradient_descent(0.25), max_steps=3)
    lines = repr(result).splitlines()
    assert len(lines) == 3
    assert "J = " in lines[0]
    assert "after 3 steps, 4 evaluations" in lines[0]
    assert lines[1] == str(result.status)
    assert lines[2] == "params: 1,000 numbers"
    assert repr(result.history) == "History: J and ‖∇J‖ at 4 points."


def test_a_result_is_a_table_in_a_notebook():
    start = two_two_one().init(jax.random.key(0))
    rule = gradient_descent(0.25)
    result = minimize(lambda p: sum(w**2 for w in p), start, rule, max_steps=3)
    shown = result._repr_html_()
    assert str(result.status) in shown
    cells = re.findall(">([^<]+)</td>", shown)
    table = dict(zip(cells[::2], cells[1::2], strict=True))
    assert (table["steps"], table["evaluations of J"]) == ("3", "4")
    for name, value in result.params._asdict().items():
        assert float(table[name]) == pytest.approx(float(value), rel=1e-5)
    many = minimize(square, jnp.ones(1000), rule, max_steps=3)._repr_html_()
    assert "1,000 numbers" in many
    batch = jax.vmap(lambda w: minimize(jnp.square, w, rule, history=False))
    assert "shape (2,)" in batch(jnp.ones(2))._repr_html_()


def test_every_status_carries_a_sentence_of_its_own():
    sentences = {str(status) for status in Status}
    assert len(sentences) == len(Status)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_result_is_a_pytree():
    result = minimize(square, jnp.ones(2), gradient_descent(0.25))
    leaves, treedef = jax.tree.flatten(result)
    assert any(leaf is result.status for leaf in leaves)
    again = jax.tree.unflatten(treedef, leaves)
    assert again.history.value is result.history.value


def test_a_long_history_is_thinned_and_keeps_its_ends(monkeypatch):
    monkeypatch.setattr(history, "MOST_POINTS", 100)
    result = minimize(
        square, 5.0, gradient_descent(1e-3), max_steps=1001, gtol=0, keep_params=True
    )
    kept = result.history
    assert 50 <= len(kept.value) <= 101
    assert (kept.steps[0], kept.steps[-1]) == (0, 1001)
    assert set(np.diff(kept.steps[:-1])) == {16}
    expected = 5.0 * 0.998**kept.steps
    np.testing.assert_allclose(kept.params, expected, rtol=1e-4)
    np.testing.assert_allclose(kept.value, expected**2, rtol=1e-4)


def test_an_hour_of_short_chunks_is_a_short_history(monkeypatch):
    monkeypatch.setattr(history, "MOST_POINTS", 100)
    recorder = history.Recorder(np.float64(0))
    for last in range(2, 20_001, 2):
        recorder.add(np.array([last - 1.0, last]), 2, last)
    assert len(recorder.chunks) <= history.MOST_CHUNKS
    steps, rows = recorder.rows
    assert 50 <= len(steps) <= 102
    assert set(np.diff(steps[:-1])) == {256}
    np.testing.assert_array_equal(rows, steps)
    assert steps[-1] == 20_000


def test_no_history_where_none_is_asked_for():
    result = minimize(square, 1.0, gradient_descent(0.25), history=False)
    assert result.history is None
    assert result.converged
    assert result.evaluations == result.steps + 1
