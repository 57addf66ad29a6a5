"""What a unit does to its weighted sum, and layers z = x w + b, out = f(z) (page 1)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

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


class Layer(NamedTuple):
    """One layer z = x w + b."""

    w: Float[Array, "n_in n_out"]
    b: Float[Array, " n_out"]


class SkipLayer(NamedTuple):
    """A last layer that sees the inputs x too: z = a w + x s + b."""

    w: Float[Array, "n_in n_out"]
    s: Float[Array, "inputs n_out"]
    b: Float[Array, " n_out"]


def trace(
    layers: "Sequence[Layer | SkipLayer]",
    x: Float[Array, " n_in"],
    hidden: Activation,
    output: Activation,
) -> tuple[tuple[Array, Array], ...]:
    """Every number of the forward pass of one example: (z, out) of each layer.

    ::

        z = a w + b,   out = f(z),   a = x before the first layer, then the last's out

    f is ``hidden``, and ``output`` in the last layer, whose z is a w + x s + b if it is
    a `SkipLayer`.

    >>> import jax.numpy as jnp
    >>> layer = Layer(jnp.full((1, 1), 2.0), jnp.ones(1))
    >>> for z, out in trace([layer, layer], jnp.ones(1), jnp.square, jnp.negative):
    ...     print(z, out)
    [3.] [9.]
    [19.] [-19.]
    """
    *first, last = layers
    steps, a = [], x
    for layer in first:
        z = a @ layer.w + layer.b
        a = hidden(z)
        steps.append((z, a))
    z = a @ last.w + last.b
    if isinstance(last, SkipLayer):
        z = z + x @ last.s
    return (*steps, (z, output(z)))
