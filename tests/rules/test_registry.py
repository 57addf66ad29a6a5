"""The rules that have a name."""

import jax.numpy as jnp
import pytest

import nanonet
from nanonet.plot.style import looks
from nanonet.rules._parts.registry import NAMED, named_rule
from nanonet.solve.least_squares import HalfSquare
from nanonet.solve.minimize import minimize


@pytest.mark.parametrize("name", NAMED)
def test_every_named_rule_goes_down(name):
    J = HalfSquare(lambda theta: theta * jnp.array([1.0, 2.0]) - 1)
    result = minimize(J, jnp.zeros(2), named_rule(name), max_steps=3)
    assert result.value < J(jnp.zeros(2))


def test_names_are_those_of_the_package():
    assert {*NAMED} - {"nesterov"} <= {*nanonet.__all__}


def test_a_learning_rate_takes_the_place_of_the_usual_one():
    rule = named_rule("gradient_descent", 0.5)
    assert rule.update(2.0, rule.init(0.0))[0] == -1.0


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"rule='adma' is unknown; did you mean 'adam"):
        named_rule("adma")
    with pytest.raises(ValueError, match=r"rule='lbfgs' takes no learning rate"):
        named_rule("lbfgs", 0.1)


@pytest.mark.parametrize("name", NAMED)
def test_a_rule_has_its_color_by_name_and_by_label(name):
    label = NAMED[name].label
    assert looks([name])[name].color == looks([label])[label].color
