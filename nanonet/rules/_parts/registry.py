"""The rules that have a name, for those who choose one by it."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import optax

from nanonet._internal.checks import check_choice
from nanonet.rules.adam import adam, adamw, amsgrad
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.momentum import momentum
from nanonet.rules.newton import gauss_newton, newton
from nanonet.rules.newton_cg import newton_cg
from nanonet.rules.rmsprop import adagrad, rmsprop
from nanonet.rules.secant import barzilai_borwein


class NamedRule(NamedTuple):
    """A rule, and what those who offer it have to know."""

    label: str
    """What people call it."""

    make: Callable[..., optax.GradientTransformation]
    """Of a learning rate, if it takes one, and of its options."""

    learning_rate: float | None = None
    """One that suits standardized data; None: the rule takes none."""

    options: Mapping[str, str] = {}
    """What else may be chosen, "beta" or "form", and the argument that it is."""


#: The rules by their name.
NAMED: dict[str, NamedRule] = {
    "gradient_descent": NamedRule("gradient descent", gradient_descent, 0.2),
    "momentum": NamedRule("momentum", momentum, 0.02, {"beta": "beta", "form": "form"}),
    "nesterov": NamedRule(
        "Nesterov momentum",
        functools.partial(momentum, nesterov=True),
        0.02,
        {"beta": "beta", "form": "form"},
    ),
    "rmsprop": NamedRule("RMSprop", rmsprop, 0.01, {"beta": "decay"}),
    "adam": NamedRule("Adam", adam, 0.02, {"beta": "b1"}),
    "adamw": NamedRule("AdamW", adamw, 0.02, {"beta": "b1"}),
    "amsgrad": NamedRule("AMSGrad", amsgrad, 0.02, {"beta": "b1"}),
    "adagrad": NamedRule("Adagrad", adagrad, 0.2),
    "barzilai_borwein": NamedRule("Barzilai-Borwein", barzilai_borwein, 0.05),
    "newton": NamedRule("Newton", newton),
    "newton_cg": NamedRule("Newton-CG", newton_cg),
    "bfgs": NamedRule("BFGS", bfgs),
    "lbfgs": NamedRule("L-BFGS", lbfgs),
    "gauss_newton": NamedRule("Gauss-Newton", gauss_newton),
    "levenberg_marquardt": NamedRule("Levenberg-Marquardt", levenberg_marquardt),
}


def named_rule(
    name: str, learning_rate: float | None = None
) -> optax.GradientTransformation:
    """The rule of a name, with its usual learning rate unless one is given.

    Raises:
      ValueError: no rule has that name, or it takes no learning rate but is given one.

    >>> named_rule("newton", 0.1)
    Traceback (most recent call last):
    ValueError: rule='newton' takes no learning rate, and got 0.1; leave it out.
    """
    check_choice("rule", name, NAMED)
    _, make, usual, _ = NAMED[name]
    if usual is not None:
        return make(usual if learning_rate is None else learning_rate)
    if learning_rate is not None:
        raise ValueError(
            f"rule={name!r} takes no learning rate, and got {learning_rate:g}; "
            "leave it out."
        )
    return make()
