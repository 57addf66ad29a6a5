"""Bad input is answered when the rule is made or first used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nanonet

NAN, INFINITY = float("nan"), float("inf")
RULES = ["gradient_descent", "momentum", "sgd", "rmsprop", "adam", "adamw", "amsgrad"]
RULES += ["adagrad"]

DECAYS = [
    (nanonet.ewma, {}, "beta"),
    (nanonet.ema, {}, "decay"),
    (nanonet.momentum, {"learning_rate": 0.1}, "beta"),
    (nanonet.sgd, {"learning_rate": 0.1}, "momentum"),
    (nanonet.rmsprop, {"learning_rate": 0.1}, "decay"),
    (nanonet.rmsprop, {"learning_rate": 0.1}, "momentum"),
    (nanonet.scale_by_rms, {}, "decay"),
    (nanonet.scale_by_stddev, {}, "decay"),
    (nanonet.adam, {"learning_rate": 0.1}, "b1"),
    (nanonet.adamw, {"learning_rate": 0.1}, "b2"),
    (nanonet.amsgrad, {"learning_rate": 0.1}, "b2"),
    (nanonet.ewma_of, {"x": [1.0]}, "beta"),
    (nanonet.ewma_weights, {"time": 3}, "beta"),
]


@pytest.mark.parametrize(("make", "settings", "name"), DECAYS)
@pytest.mark.parametrize("beta", [1.0, -0.1, 1.5, NAN, INFINITY])
def test_a_decay_is_in_0_1(make, settings, name, beta):
    for value in (beta, jnp.asarray(beta)):
        with pytest.raises(ValueError, match=rf"{name}=.* must be ≥ 0 and < 1"):
            make(**settings, **{name: value})


NOT_NEGATIVE = [
    *((getattr(nanonet, name), "learning_rate") for name in RULES),
    *((nanonet.rmsprop, name) for name in ("eps", "initial_scale")),
    *((nanonet.adam, name) for name in ("eps", "eps_root")),
    *((nanonet.amsgrad, name) for name in ("eps", "eps_root")),
    *((nanonet.adagrad, name) for name in ("eps", "initial_accumulator_value")),
    (nanonet.adamw, "weight_decay"),
    (lambda learning_rate, decay: nanonet.trace(decay), "decay"),
]


@pytest.mark.parametrize(("make", "name"), NOT_NEGATIVE)
@pytest.mark.parametrize("value", [-1e-8, NAN, INFINITY])
def test_rates_and_epsilons_are_finite_and_not_negative(make, name, value):
    with pytest.raises(ValueError, match=f"{name}=.* must be (finite and )?≥ 0"):
        make(**{"learning_rate": 0.1, name: value})


@pytest.mark.parametrize("name", RULES)
def test_a_learning_rate_is_a_number_or_a_schedule(name):
    for wrong in ("fast", None, True):
        with pytest.raises(TypeError, match="learning_rate"):
            getattr(nanonet, name)(wrong)


def test_an_unknown_form_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"form='standart'.*'standard'"):
        nanonet.momentum(0.1, form="standart")
    for name in ("source", "target"):
        forms = {"source": "standard", "target": "ewma", name: "nesterov"}
        with pytest.raises(ValueError, match=f"{name}='nesterov'"):
            nanonet.convert_learning_rate(0.1, 0.9, **forms)


def test_a_schedule_has_no_other_form():
    with pytest.raises(TypeError, match="learning_rate"):
        nanonet.convert_learning_rate(
            lambda t: 0.1, 0.9, source="standard", target="ewma"
        )


@pytest.mark.parametrize("name", RULES)
def test_integers_are_not_trained(name):
    rule = getattr(nanonet, name)(0.1)
    for params in ({"w": jnp.arange(3)}, {"w": 1}, {"w": np.array([True])}):
        with pytest.raises(TypeError, match=r"params\['w'\] is of"):
            rule.init(params)
    with pytest.raises(TypeError, match=r"params\['w'\]='a' is text"):
        rule.init({"v": 1.0, "w": "a"})
    params = {"w": jnp.ones(3)}
    with pytest.raises(TypeError, match=r"updates\['w'\] is of int32"):
        rule.update({"w": jnp.ones(3, jnp.int32)}, rule.init(params), params)


@pytest.mark.parametrize("name", RULES)
def test_gradients_are_like_the_parameters(name):
    rule = getattr(nanonet, name)(0.1)
    params = {"w": jnp.ones(3), "b": None}
    state = rule.init(params)
    for wrong, message in [
        ({"w": jnp.ones(2), "b": None}, r"updates\['w'\] has shape \(2,\)"),
        ({"w": jnp.ones(()), "b": None}, r"updates\['w'\] has shape \(\)"),
        ({"w": jnp.ones(3), "b": jnp.ones(3)}, "updates must be a tree like params"),
        ({"w": jnp.ones(3)}, "updates must be a tree like params"),
        (jnp.ones(3), "updates must be a tree like params"),
    ]:
        with pytest.raises(ValueError, match=message):
            rule.update(wrong, state, params)


@pytest.mark.parametrize(
    "rule",
    [nanonet.ewma(0.9), nanonet.trace(0.9), nanonet.rmsprop(0.1), nanonet.adam(0.1)],
)
def test_gradients_are_like_the_state_where_no_parameters_are_given(rule):
    state = rule.init({"w": jnp.ones(3)})
    for wrong in ({"w": jnp.ones(2)}, {"v": jnp.ones(3)}, [jnp.ones(3)]):
        with pytest.raises(ValueError, match=r"updates.* the state"):
            rule.update(wrong, state)


def test_adamw_asks_for_the_parameters():
    rule = nanonet.adamw(0.1)
    with pytest.raises(ValueError, match="params"):
        rule.update(jnp.ones(2), rule.init(jnp.ones(2)))


def test_ewma_of_asks_for_a_sequence():
    with pytest.raises(ValueError, match="give a sequence"):
        nanonet.ewma_of(1.0, 0.9)
    with pytest.raises(ValueError, match="time=0 must be ≥ 1"):
        nanonet.ewma_weights(0.9, 0)


@pytest.mark.parametrize("name", RULES)
def test_traced_hyperparameters_are_not_looked_at(name):
    @jax.jit
    def step(alpha):
        rule = getattr(nanonet, name)(alpha)
        return rule.update(jnp.ones(2), rule.init(jnp.ones(2)), jnp.ones(2))[0]

    assert np.all(np.isfinite(step(0.1)))
    step(-0.1)  # a descent upwards is the caller's business here
