"""Layers z = x w + b, out = f(z), and the way through them (pages 1 and 2)."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Array, Float

from nanonet.network.activations import Activation


class Layer(NamedTuple):
    """One layer z = x w + b."""

    w: Float[Array, "n_in n_out"]
    b: Float[Array, " n_out"]


def trace(
    layers: Sequence[Layer],
    x: Float[Array, " n_in"],
    hidden: Activation,
    output: Activation,
) -> tuple[tuple[Array, Array], ...]:
    """Every number of the forward pass of one example: (z, out) of each layer.

    ::

        z = a w + b,   out = f(z),   a = x before the first layer, then the last's out

    f is ``hidden``, and ``output`` in the last layer.

    >>> import jax.numpy as jnp
    >>> layer = Layer(jnp.full((1, 1), 2.0), jnp.ones(1))
    >>> for z, out in trace([layer, layer], jnp.ones(1), jnp.square, jnp.negative):
    ...     print(z, out)
    [3.] [9.]
    [19.] [-19.]
    """
    *first, last = layers
    steps, a = [], x
    for w, b in first:
        z = a @ w + b
        a = hidden(z)
        steps.append((z, a))
    z = a @ last.w + last.b
    return (*steps, (z, output(z)))
