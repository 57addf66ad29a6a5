"""Activations f(z): what a unit does to its weighted sum (page 1 of the notes)."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float

from nanonet._internal.checks import check_choice

Activation = Callable[[Float[Array, "*n"]], Float[Array, "*n"]]


def identity(z: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """f(z) = z."""
    return z


def sigmoid(z: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """f(z) = 1 / (1 + e^(-z)), with f′ = f (1 - f) (page 1 of the notes).

    >>> float(sigmoid(jax.numpy.zeros(())))
    0.5
    """
    return jax.nn.sigmoid(z)


#: The activations that have a name, by their name.
ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": jax.numpy.tanh,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "softmax": jax.nn.softmax,
}


def activation(argument: str, choice: str | Activation) -> Activation:
    """Return the activation that ``choice`` names, or ``choice`` if it is a function.

    Raises:
      ValueError: no activation has that name; ``argument`` names the argument at fault.
    """
    if callable(choice):
        return choice
    check_choice(argument, choice, ACTIVATIONS)
    return ACTIVATIONS[choice]
