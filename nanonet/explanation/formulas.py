"""Activations and losses with their derivatives, as formulas that know their numbers.

Each derivative stands beside what it is the derivative of, and is computed from the
values of the forward pass alone.
"""

from collections.abc import Callable
from typing import NamedTuple

from nanonet.explanation.expression import Expression, Name, as_expression
from nanonet.explanation.functions import (
    exponential,
    is_above,
    larger,
    less_power,
    logarithm,
    tanh,
)
from nanonet.network.network import Architecture
from nanonet.network.symbol import Symbol
from nanonet.objectives.losses import (
    Loss,
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)


class Unit(NamedTuple):
    """An activation of one unit and its derivative."""

    value: Callable[[Expression], Expression]
    """f(z)."""

    slope: Callable[[Expression, Expression], Expression]
    """f′(z), from out and z."""


#: The activations of one unit. Softmax is a function of the whole layer.
UNITS: dict[str, Unit] = {
    "identity": Unit(lambda z: z, lambda out, z: as_expression(1)),
    "sigmoid": Unit(
        lambda z: 1 / (1 + exponential(-z)), lambda out, z: out * (1 - out)
    ),
    "tanh": Unit(tanh, lambda out, z: 1 - out**2),
    "relu": Unit(lambda z: larger(0, z), lambda out, z: is_above(z, 0)),
    "softplus": Unit(
        lambda z: logarithm(1 + exponential(z)), lambda out, z: less_power(out)
    ),
}


def softmax_slope(out: Name, other: Name) -> Expression:
    """∂out/∂z′ of a softmax, from its outputs at z and at z′.

    ::

        ∂out_i/∂z_i = out_i (1 - out_i)        ∂out_i/∂z_j = -out_i out_j
    """
    return out * (1 - out) if out.symbol == other.symbol else -(out * other)


class Term(NamedTuple):
    """What one output adds to J, and its derivative, from ŷ, y and n outputs."""

    value: Callable[[Expression, Expression, int], Expression]
    slope: Callable[[Expression, Expression, int], Expression]
    """∂J/∂ŷ."""


def _share(term: Expression, n: int) -> Expression:
    """One of n in a mean."""
    return term if n == 1 else term / n


HALF = Name(Symbol("½", "½", r"\tfrac{1}{2}"), 0.5, constant=True, literal=True)

LOSSES: dict[Loss, Term] = {
    half_squared_error: Term(
        lambda out, y, n: HALF * (out - y) ** 2, lambda out, y, n: out - y
    ),
    mean_squared_error: Term(
        lambda out, y, n: _share((out - y) ** 2, n),
        lambda out, y, n: _share(2 * (out - y), n),
    ),
    binary_cross_entropy: Term(
        lambda out, y, n: -(y * logarithm(out)) - (1 - y) * logarithm(1 - out),
        lambda out, y, n: (out - y) / (out * (1 - out)),
    ),
    cross_entropy: Term(
        lambda out, y, n: -(y * logarithm(out)), lambda out, y, n: -(y / out)
    ),
}


class Merged(NamedTuple):
    """∂J/∂z of a loss and an output activation that belong together."""

    slope: Callable[[Expression, Expression, Expression], Expression]
    """From ŷ, y and the sum of y over the outputs."""

    note: str
    """How it comes about."""


#: Where ŷ rounds to 0 or 1, ∂J/∂ŷ is infinite and ∂ŷ/∂z is 0; their product is not.
MERGED: dict[tuple[Loss, object], Merged] = {
    (binary_cross_entropy, "sigmoid"): Merged(
        lambda out, y, total: out - y,
        "∂J/∂z is one factor here: ∂J/∂ŷ · ∂ŷ/∂z = (ŷ − y)/(ŷ·(1 − ŷ)) · ŷ·(1 − ŷ) "
        "= ŷ − y, and J, too, is computed from z.",
    ),
    (cross_entropy, "softmax"): Merged(
        lambda out, y, total: out * total - y,
        "∂J/∂z is one factor here: every ŷ of a softmax depends on every z, and the "
        "sum over all of them, Σ ∂J/∂ŷ · ∂ŷ/∂z, is ŷ·Σy − y, where Σy = 1 for a "
        "class. J, too, is computed from z.",
    ),
}

#: Losses that are made of the errors ŷ - y, and go back by them.
BY_ERROR = (half_squared_error, mean_squared_error, binary_cross_entropy)


def check_known(architecture: Architecture, loss: Loss) -> None:
    """Raise `ValueError` unless the derivative of each part is known here."""
    for argument in ("hidden", "output"):
        choice = getattr(architecture, argument)
        if choice != "softmax" and choice not in UNITS:
            raise ValueError(
                f"network has {argument}={choice!r}, whose derivative explain does not "
                f"know; it knows {', '.join(UNITS)} and softmax, by name."
            )
    if loss not in LOSSES:
        names = ", ".join(known.__name__ for known in LOSSES)
        raise ValueError(
            f"loss={getattr(loss, '__name__', loss)!r} has a derivative that explain "
            f"does not know; it knows {names}."
        )
