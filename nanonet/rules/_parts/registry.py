"""The rules that have a name, for those who choose one by it."""

from collections.abc import Callable
from typing import NamedTuple

import optax

from nanonet.rules.adam import adam
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.momentum import momentum
from nanonet.rules.rmsprop import rmsprop


class NamedRule(NamedTuple):
    """A rule, and a learning rate that suits standardised data."""

    make: Callable[[float], optax.GradientTransformation]
    learning_rate: float


#: The rules by their name.
RULES: dict[str, NamedRule] = {
    "adam": NamedRule(adam, 0.02),
    "gradient_descent": NamedRule(gradient_descent, 0.2),
    "momentum": NamedRule(momentum, 0.02),
    "rmsprop": NamedRule(rmsprop, 0.01),
}
