"""What must not change from step to step, and what a million steps must not do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

import nanonet

RULES = {
    "gradient_descent": nanonet.gradient_descent,
    "momentum": nanonet.momentum,
    "momentum_ewma": lambda alpha: nanonet.momentum(alpha, form="ewma", nesterov=True),
    "sgd": lambda alpha: nanonet.sgd(alpha, 0.9),
    "ewma": lambda alpha: nanonet.ewma(0.9),
    "rmsprop": nanonet.rmsprop,
    "rmsprop_corrected": lambda alpha: nanonet.rmsprop(alpha, bias_correction=True),
    "rmsprop_centred": lambda alpha: nanonet.rmsprop(
        alpha, centered=True, momentum=0.9, bias_correction=True
    ),
    "adam": nanonet.adam,
    "adam_mu_dtype": lambda alpha: nanonet.adam(alpha, mu_dtype="bfloat16"),
    "adam_nesterov": lambda alpha: nanonet.adam(alpha, nesterov=True),
    "adamw": nanonet.adamw,
    "amsgrad": nanonet.amsgrad,
    "adagrad": nanonet.adagrad,
}
every_rule = pytest.mark.parametrize("make", RULES.values(), ids=RULES)


ALPHAS = {"number": 0.1, "array": np.float32(0.1), "schedule": lambda t: 0.1 / (1 + t)}


@every_rule
@pytest.mark.parametrize("alpha", ALPHAS.values(), ids=ALPHAS)
@pytest.mark.parametrize(
    ("dtype", "gradient_dtype"),
    [
        *(("float16", "float16"), ("bfloat16", "bfloat16"), ("bfloat16", "float32")),
        *(("float32", "float32"), ("float32", "float16"), ("complex64", "complex64")),
    ],
)
def test_state_is_the_same_type_from_step_to_step(make, alpha, dtype, gradient_dtype):
    if dtype == "complex64" and make is RULES["adam_mu_dtype"]:
        pytest.skip("v₁ of complex gradients has no bfloat16")
    rule = make(jnp.asarray(alpha) if isinstance(alpha, np.float32) else alpha)
    params = {"w": jnp.ones(3, dtype), "b": None}
    gradients = {"w": jnp.ones(3, gradient_dtype), "b": None}
    state = rule.init(params)

    def step(state):
        updates, new_state = rule.update(gradients, state, params)
        assert updates["w"].dtype == gradient_dtype
        assert updates["b"] is None
        return lax.cond(True, lambda: new_state, lambda: state)

    # scan and cond compare structure, shapes, dtypes and weak types.
    jax.eval_shape(
        lambda state: lax.scan(lambda s, _: (step(s), None), state, length=2), state
    )


@every_rule
@pytest.mark.parametrize("params", [1.0, np.float64(1.0), "weak"])
def test_no_second_compilation(make, params):
    if isinstance(params, str):
        params = jnp.asarray(1.0)
        assert params.weak_type
    rule = make(0.1)
    traces = []

    @jax.jit
    def step(gradient, state, params):
        traces.append(1)
        return rule.update(gradient, state, params)

    state = rule.init(params)
    for _ in range(3):
        _, state = step(params, state, params)
    assert len(traces) == 1


def test_rules_that_differ_in_numbers_share_a_compilation():
    traces = []

    @jax.jit
    def step(rule, params):
        traces.append(1)
        return rule.update(params, rule.init(params), params)[0]

    for alpha, b1 in ((0.1, 0.9), (0.2, 0.8), (np.float64(0.3), 0.7)):
        step(nanonet.adam(alpha, b1), jnp.ones(2))
    assert len(traces) == 1
    step(nanonet.adam(0.1, nesterov=True), jnp.ones(2))
    assert len(traces) == 2


@every_rule
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_zero_gradients_give_zero(make, dtype):
    rule = make(0.1)
    params = jnp.zeros(3, dtype)
    state = rule.init(params)
    for _ in range(3):
        updates, state = rule.update(jnp.zeros(3, dtype), state, params)
        np.testing.assert_array_equal(np.float32(updates), 0.0)


@pytest.mark.parametrize("eps_in_sqrt", [True, False])
@pytest.mark.one_case
def test_a_constant_gradient_has_no_negative_variance(eps_in_sqrt):
    rule = nanonet.scale_by_stddev(eps_in_sqrt=eps_in_sqrt, bias_correction=True)
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=1000) * 1e3)
    state = rule.init(gradient)
    for _ in range(20):
        updates, state = rule.update(gradient, state)
        assert bool(jnp.all(jnp.isfinite(updates)))


@every_rule
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_million_steps_neither_overflow_nor_drift(make, dtype):
    rule = make(0.1)
    params = jnp.zeros((), dtype)

    def step(state, sign):
        updates, state = rule.update(sign * jnp.ones((), dtype), state, params)
        return state, updates

    @jax.jit
    def run(state):
        state, _ = lax.scan(
            lambda state, _: (step(state, jnp.asarray(1, dtype))[0], None),
            state,
            length=1_000_000,
        )
        return step(state, jnp.asarray(1, dtype))

    state, update = run(rule.init(params))
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(state))
    # The gradient has been 1 for ever: each rule is at its fixed point, which NumPy
    # gives in closed form.
    weights = [leaf for name in ("weight", "mu_weight", "nu_weight")
               for _, leaf in optax.tree.get_all_with_path(state, name)
               if leaf is not None]  # fmt: skip
    for weight in weights:
        # It stays where 1-w times 1-β rounds to nothing: 6e-8/(1-β), β ≤ 0.999.
        assert float(weight) == pytest.approx(1.0, abs=6.1e-5)
    fixed = {
        nanonet.gradient_descent: -0.1,
        nanonet.momentum: -1.0,  # α/(1-β)
        nanonet.rmsprop: -0.1,
        nanonet.adam: -0.1,
        nanonet.adamw: -0.1,
        nanonet.amsgrad: -0.1,
    }
    if make in fixed:
        # bfloat16 stalls where (1-β) of the rest is less than half a digit of 1/256.
        assert float(update) == pytest.approx(
            fixed[make], rel=1e-4 if dtype == "float32" else 0.05
        )
