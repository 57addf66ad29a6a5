"""The forms of one rule, from the notes' own equations in NumPy, and identities."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanonet

STEPS = 30
CURVATURES = np.array([1.0, 3.0, 10.0])
START = np.array([1.0, -2.0, 0.5])


def gradient(theta):
    """∇J of J = ½ Σ c θ²."""
    return CURVATURES * theta


def path(rule, start=START, steps=STEPS):
    """θ(1), θ(2), ... of a rule."""

    @jax.jit
    def run(theta):
        def step(carry, _):
            theta, state = carry
            updates, state = rule.update(gradient(theta), state, theta)
            theta = optax.apply_updates(theta, updates)
            return (theta, state), theta

        return jax.lax.scan(step, (theta, rule.init(theta)), length=steps)[1]

    return np.asarray(run(jnp.asarray(start, float)))


def tolerance():
    # Thirty steps in float32 round a few hundred times: 300 × 6e-8.
    return 1e-12 if jax.config.jax_enable_x64 else 2e-5


def standard(alpha, beta):
    """v(t) = βv(t-1) + α(t)∇J(θ(t)), θ(t+1) = θ(t) - v(t)."""
    theta, v = {0: START}, {-1: np.zeros(3)}
    for t in range(STEPS):
        v[t] = beta * v[t - 1] + alpha(t) * gradient(theta[t])
        theta[t + 1] = theta[t] - v[t]
    return np.stack([theta[t] for t in range(1, STEPS + 1)])


def standard_next(alpha, beta):
    """v(t+1) = βv(t) + α(t)∇J(θ(t)), θ(t+1) = θ(t) - v(t+1)."""
    theta, v = {0: START}, {0: np.zeros(3)}
    for t in range(STEPS):
        v[t + 1] = beta * v[t] + alpha(t) * gradient(theta[t])
        theta[t + 1] = theta[t] - v[t + 1]
    return np.stack([theta[t] for t in range(1, STEPS + 1)])


def standard_without_velocity(alpha, beta):
    """θ(t+1) = θ(t) - βv(t-1) - α(t)∇J(θ(t)), with v(t-1) = θ(t-1) - θ(t)."""
    theta = {-1: START, 0: START}
    for t in range(STEPS):
        velocity = theta[t - 1] - theta[t]
        theta[t + 1] = theta[t] - beta * velocity - alpha(t) * gradient(theta[t])
    return np.stack([theta[t] for t in range(1, STEPS + 1)])


def negated(alpha, beta):
    """v(t+1) = βv(t) - α(t)∇J(θ(t)), θ(t+1) = θ(t) + v(t+1)."""
    theta, v = {0: START}, {0: np.zeros(3)}
    for t in range(STEPS):
        v[t + 1] = beta * v[t] - alpha(t) * gradient(theta[t])
        theta[t + 1] = theta[t] + v[t + 1]
    return np.stack([theta[t] for t in range(1, STEPS + 1)])


def ewma_form(alpha, beta):
    """v(t) = βv(t-1) + (1-β)∇J(θ(t)), θ(t+1) = θ(t) - α(t)v(t)."""
    theta, v = {0: START}, {-1: np.zeros(3)}
    for t in range(STEPS):
        v[t] = beta * v[t - 1] + (1 - beta) * gradient(theta[t])
        theta[t + 1] = theta[t] - alpha(t) * v[t]
    return np.stack([theta[t] for t in range(1, STEPS + 1)])


EQUATIONS = {
    "standard": [standard, standard_next, standard_without_velocity, negated],
    "negated": [standard, standard_next, standard_without_velocity, negated],
    "ewma": [ewma_form],
}


def schedule(t):
    return 0.05 / (1 + t)


@pytest.mark.parametrize(
    ("form", "equations"),
    [(form, equations) for form, many in EQUATIONS.items() for equations in many],
)
def test_momentum_is_the_notes_equations(form, equations):
    for learning_rate, alpha in [(0.05, lambda t: 0.05), (schedule, schedule)]:
        np.testing.assert_allclose(
            path(nanonet.momentum(learning_rate, 0.8, form)),
            equations(alpha, 0.8),
            rtol=tolerance(),
            atol=tolerance(),
        )


def test_the_forms_part_under_a_schedule():
    constant = [path(nanonet.momentum(0.05, 0.8, "standard"))]
    constant += [path(nanonet.momentum(0.05 / 0.2, 0.8, "ewma"))]
    np.testing.assert_allclose(*constant, rtol=tolerance(), atol=tolerance())

    def scaled(t):
        return schedule(t) / 0.2

    standard_path = path(nanonet.momentum(schedule, 0.8, "standard"))
    ewma_path = path(nanonet.momentum(scaled, 0.8, "ewma"))
    sgd_path = path(nanonet.sgd(schedule, 0.8))
    assert np.max(np.abs(standard_path - ewma_path)) > 0.01
    np.testing.assert_allclose(sgd_path, ewma_path, rtol=tolerance(), atol=tolerance())


def test_converted_learning_rates_move_the_parameters_alike():
    forms = ["standard", "negated", "ewma"]
    for nesterov in (False, True):
        expected = path(nanonet.momentum(0.05, 0.8, "standard", nesterov))
        for form in forms:
            alpha = nanonet.convert_learning_rate(
                0.05, 0.8, source="standard", target=form
            )
            np.testing.assert_allclose(
                path(nanonet.momentum(alpha, 0.8, form, nesterov)),
                expected,
                rtol=tolerance(),
                atol=tolerance(),
            )
            back = nanonet.convert_learning_rate(
                alpha, 0.8, source=form, target="standard"
            )
            assert back == pytest.approx(0.05, rel=1e-15)


def test_nesterov_is_the_gradient_at_the_point_ahead():
    # Nesterov's own form takes the gradient at φ = θ - βv, where the velocity alone
    # would lead: v ← βv + α∇J(θ - βv), θ ← θ - v. Ours keeps φ as its parameters.
    alpha, beta = 0.05, 0.8
    theta, v, ahead = START, np.zeros(3), []
    for _ in range(STEPS):
        v = beta * v + alpha * gradient(theta - beta * v)
        theta = theta - v
        ahead.append(theta - beta * v)
    np.testing.assert_allclose(
        path(nanonet.momentum(alpha, beta, nesterov=True)),
        np.stack(ahead),
        rtol=tolerance(),
        atol=tolerance(),
    )


def test_rmsprop_is_the_notes_equations():
    theta, v, expected = START, np.zeros(3), []
    for _ in range(STEPS):
        v = 0.9 * v + (1 - 0.9) * gradient(theta) ** 2
        theta = theta - 0.01 / np.sqrt(v + 1e-8) * gradient(theta)
        expected.append(theta)
    np.testing.assert_allclose(
        path(nanonet.rmsprop(0.01)), expected, rtol=tolerance(), atol=tolerance()
    )


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_adam_is_the_notes_equations(place):
    beta1, beta2, epsilon = 0.9, 0.999, 1e-3
    theta, v1, v2, expected = START, np.zeros(3), np.zeros(3), []
    for t in range(1, STEPS + 1):
        v1 = beta1 * v1 + (1 - beta1) * gradient(theta)
        v2 = beta2 * v2 + (1 - beta2) * gradient(theta) ** 2
        v1_hat, v2_hat = v1 / (1 - beta1**t), v2 / (1 - beta2**t)
        if place == "inside":
            theta = theta - 0.01 / np.sqrt(v2_hat + epsilon) * v1_hat
        else:
            theta = theta - 0.01 / (np.sqrt(v2_hat) + epsilon) * v1_hat
        expected.append(theta)
    eps = {"eps": 0.0, "eps_root": epsilon} if place == "inside" else {"eps": epsilon}
    np.testing.assert_allclose(
        path(nanonet.adam(0.01, **eps)), expected, rtol=tolerance(), atol=tolerance()
    )


def test_adam_on_a_parabola_gives_the_worked_numbers(x64):
    theta = jnp.asarray(5.0)
    rule = nanonet.adam(0.1)
    state = rule.init(theta)
    thetas = []
    for _ in range(100):
        updates, state = rule.update(2 * theta, state)
        theta = optax.apply_updates(theta, updates)
        thetas.append(float(theta))
    worked = {
        1: 4.9000000001,
        2: 4.800057756868857,
        3: 4.700213291333392,
        10: 4.007601621083933,
        100: -0.03900403122391936,
    }
    for step, expected in worked.items():
        # θ is near 5 in float32, so each step rounds by up to 2.4e-7.
        assert thetas[step - 1] == pytest.approx(
            expected, abs=1e-12 if x64 else step * 2.4e-7
        )


def test_gradient_descent_is_the_notes_equation():
    expected = START * (1 - 0.05 * CURVATURES) ** np.arange(1, STEPS + 1)[:, None]
    np.testing.assert_allclose(
        path(nanonet.gradient_descent(0.05)),
        expected,
        rtol=tolerance(),
        atol=tolerance(),
    )


def test_schedules_see_0_at_the_first_step():
    schedule = optax.piecewise_constant_schedule(0.5, {1: 0.0})  # 0.5 at 0, then 0
    rules = [
        nanonet.gradient_descent(schedule),
        *(nanonet.momentum(schedule, 0.0, form) for form in EQUATIONS),
        nanonet.adam(schedule, eps=0.0),
        nanonet.rmsprop(schedule, decay=0.0, eps=0.0),
    ]
    for rule in rules:
        state = rule.init(jnp.zeros(()))
        first, state = rule.update(jnp.ones(()), state)
        second, _ = rule.update(jnp.ones(()), state)
        assert (float(first), float(second)) == (pytest.approx(-0.5), 0.0)


# Identities, over β, α, trees and dtypes.

betas = st.floats(0.0, 0.99)
alphas = st.floats(1e-4, 1.0)
numbers = st.floats(-1e3, 1e3, width=32)
trees = st.recursive(  # of arrays of one shape, so that little is compiled
    st.lists(numbers, min_size=3, max_size=3),
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        | st.tuples(inner, st.none())
    ),
    max_leaves=4,
)
dtypes = st.sampled_from(["float16", "bfloat16", "float32", "float64", "complex64"])


def arrays(tree, dtype):
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype),
        tree,
        is_leaf=lambda node: isinstance(node, list),
    )


def assert_alike(rule, other, tree, dtype, factor=1):
    """Five steps of both, with gradients that shrink and turn round."""
    params = arrays(tree, dtype)
    # Half precision is rounded once a step, single and double within it.
    eps = float(jnp.finfo(jax.dtypes.canonicalize_dtype(dtype)).eps)
    states = [rule.init(params), other.init(params)]
    for scale in (1.0, -0.5, 0.25, 0.0, 0.125):
        gradients = jax.tree.map(
            lambda leaf, scale=scale: (leaf * scale).astype(leaf.dtype), params
        )
        updates = []
        for i, each in enumerate((rule, other)):
            update, states[i] = each.update(gradients, states[i], params)
            updates.append(update)
        for ours, theirs in zip(*map(jax.tree.leaves, updates), strict=True):
            assert ours.dtype == theirs.dtype == jax.dtypes.canonicalize_dtype(dtype)
            ours, theirs = (np.asarray(x, np.complex128) for x in (ours, theirs))
            size = np.max(np.abs(theirs), initial=float(jnp.finfo(dtype).tiny))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=50 * eps * size)


EXAMPLES = settings(max_examples=8, deadline=None, derandomize=True)


@EXAMPLES
@given(trees, dtypes, betas)
def test_rmsprop_with_bias_correction_is_adam_without_momentum(tree, dtype, beta):
    assert_alike(
        nanonet.rmsprop(0.1, beta, eps_in_sqrt=False, bias_correction=True),
        nanonet.adam(0.1, b1=0.0, b2=beta),
        tree,
        dtype,
    )


@EXAMPLES
@given(trees, dtypes, alphas, st.sampled_from(list(EQUATIONS)), st.booleans())
def test_momentum_without_momentum_is_gradient_descent(
    tree, dtype, alpha, form, nesterov
):
    assert_alike(
        nanonet.momentum(alpha, 0.0, form, nesterov),
        nanonet.gradient_descent(alpha),
        tree,
        dtype,
    )


@EXAMPLES
@given(trees, dtypes, alphas, betas, st.booleans())
def test_the_ewma_form_is_the_standard_form_rescaled(
    tree, dtype, alpha, beta, nesterov
):
    assert_alike(
        nanonet.momentum(alpha * (1 - beta), beta, "standard", nesterov),
        nanonet.momentum(alpha, beta, "ewma", nesterov),
        tree,
        dtype,
    )


@EXAMPLES
@given(trees, dtypes, alphas, betas, st.booleans())
def test_adamw_without_decay_is_adam(tree, dtype, alpha, beta, nesterov):
    assert_alike(
        nanonet.adamw(alpha, beta, weight_decay=0.0, nesterov=nesterov),
        nanonet.adam(alpha, beta, nesterov=nesterov),
        tree,
        dtype,
    )
