"""One layer of a network, z = x w + b (page 1 of the notes)."""

from typing import NamedTuple

from jaxtyping import Array, Float


class Layer(NamedTuple):
    """One layer z = x w + b."""

    w: Float[Array, "n_in n_out"]
    b: Float[Array, " n_out"]
