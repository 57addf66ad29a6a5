"""Activations and losses with their derivatives, as formulas and as numbers.

Each derivative stands beside what it is the derivative of, and is computed from the
values of the forward pass alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nanonet.explanation.symbols import Symbol, fill
from nanonet.network.network import Architecture
from nanonet.objectives.losses import (
    Loss,
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)


class Formula(NamedTuple):
    """A function and its derivative."""

    text: str
    """f(z), of {z}; or a term of a loss, of {out}, {y} and {n} outputs."""

    slope: str
    """The derivative, f′(z) or ∂J/∂ŷ, of these."""

    value: Callable[..., np.ndarray | float]
    """The derivative from out and z; or from ŷ, y and n."""


#: The activations of one unit. Softmax is a function of the whole layer.
UNITS: dict[str, Formula] = {
    "identity": Formula("{z}", "1", lambda out, z: 1.0),
    "sigmoid": Formula(
        "1/(1 + e^(−{z}))", "{out}·(1 − {out})", lambda out, z: out * (1 - out)
    ),
    "tanh": Formula("tanh({z})", "1 − {out}²", lambda out, z: 1 - out**2),
    "relu": Formula("max(0, {z})", "[{z} > 0]", lambda out, z: z > 0),
    "softplus": Formula(
        "ln(1 + e^({z}))", "1 − e^(−{out})", lambda out, z: -np.expm1(-out)
    ),
}


def softmax_slope(
    out: Symbol, other: Symbol, a: np.ndarray, b: np.ndarray
) -> tuple[Symbol, np.ndarray]:
    """∂out/∂z′ of a softmax, from its outputs a, at z′, and b, at the same or another.

    ::

        ∂out_i/∂z_i = out_i (1 - out_i)        ∂out_i/∂z_j = -out_i out_j
    """
    if out == other:
        return fill("{out}·(1 − {out})", out=out), a * (1 - a)
    return fill("−{out}·{other}", out=out, other=other), -a * b


LOSSES: dict[Loss, Formula] = {
    half_squared_error: Formula(
        "½·({out} − {y})²", "{out} − {y}", lambda out, y, n: out - y
    ),
    mean_squared_error: Formula(
        "({out} − {y})²/{n}", "2·({out} − {y})/{n}", lambda out, y, n: 2 * (out - y) / n
    ),
    binary_cross_entropy: Formula(
        "(−{y}·ln {out} − (1 − {y})·ln(1 − {out}))",
        "({out} − {y})/({out}·(1 − {out}))",
        lambda out, y, n: (out - y) / (out * (1 - out)),
    ),
    cross_entropy: Formula("(−{y}·ln {out})", "−{y}/{out}", lambda out, y, n: -y / out),
}


class Merged(NamedTuple):
    """∂J/∂z of a loss and an output activation that belong together."""

    slope: str  # of {out} and {y}
    value: Callable[..., np.ndarray]  # from ŷ, y and the sum of y over the outputs
    note: str  # how it comes about


#: Where ŷ rounds to 0 or 1, ∂J/∂ŷ is infinite and ∂ŷ/∂z is 0; their product is not.
MERGED: dict[tuple[Loss, object], Merged] = {
    (binary_cross_entropy, "sigmoid"): Merged(
        "{out} − {y}",
        lambda out, y, total: out - y,
        "∂J/∂z is one factor here: ∂J/∂ŷ · ∂ŷ/∂z = (ŷ − y)/(ŷ·(1 − ŷ)) · ŷ·(1 − ŷ) "
        "= ŷ − y, and J, too, is computed from z.",
    ),
    (cross_entropy, "softmax"): Merged(
        "{out}·Σy − {y}",
        lambda out, y, total: out * total - y,
        "∂J/∂z is one factor here: every ŷ of a softmax depends on every z, and the "
        "sum over all of them, Σ ∂J/∂ŷ · ∂ŷ/∂z, is ŷ·Σy − y, where Σy = 1 for a "
        "class. J, too, is computed from z.",
    ),
}


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
