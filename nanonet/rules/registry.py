"""The rules that have a name, for those who choose one by it."""

from collections.abc import Callable
from typing import NamedTuple

import optax

from nanonet.rules.gradient_descent import gradient_descent


class NamedRule(NamedTuple):
    """A rule, and a learning rate that suits standardised data."""

    make: Callable[[float], optax.GradientTransformation]
    learning_rate: float


#: The rules by their name.
RULES: dict[str, NamedRule] = {
    "adam": NamedRule(optax.adam, 0.02),
    "gradient_descent": NamedRule(gradient_descent, 0.2),
    "momentum": NamedRule(lambda learning_rate: optax.sgd(learning_rate, 0.9), 0.02),
    "rmsprop": NamedRule(optax.rmsprop, 0.01),
}
