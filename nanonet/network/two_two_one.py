"""The parameters of the notes' 2-2-1 network, by name and as layers (page 1)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from nanonet._internal.tracing import is_traced
from nanonet.network.layers import Layer


class TwoTwoOne(NamedTuple):
    """The parameters of the notes' network, each a scalar under its own name."""

    w1: Float[Array, ""]
    w2: Float[Array, ""]
    w3: Float[Array, ""]
    w4: Float[Array, ""]
    w5: Float[Array, ""]
    w6: Float[Array, ""]
    b3: Float[Array, ""]
    b4: Float[Array, ""]
    b5: Float[Array, ""]

    @classmethod
    def from_layers(cls, layers: Sequence[Layer]) -> "TwoTwoOne":
        """Name the entries of the two layers of ``mlp([2, 2, 1])``."""
        (((w1, w2), (w3, w4)), (b3, b4)), (((w5,), (w6,)), (b5,)) = layers
        return cls(w1, w2, w3, w4, w5, w6, b3, b4, b5)

    def to_layers(self) -> tuple[Layer, Layer]:
        """Arrange the parameters as the two layers of ``mlp([2, 2, 1])``."""
        w1, w2, w3, w4, w5, w6, b3, b4, b5 = map(jnp.asarray, self)
        return (
            Layer(jnp.stack([w1, w2, w3, w4]).reshape(2, 2), jnp.stack([b3, b4])),
            Layer(jnp.stack([w5, w6]).reshape(2, 1), jnp.stack([b5])),
        )

    def __repr__(self) -> str:
        pairs = zip(self._fields, self, strict=True)
        return (
            f"TwoTwoOne({', '.join(f'{name}={_brief(leaf)}' for name, leaf in pairs)})"
        )


def _brief(leaf: Any) -> str:
    """A number to six digits; of an array, its type and shape."""
    if is_traced(leaf) or not isinstance(leaf, float | np.ndarray | jax.Array):
        return repr(leaf)
    if isinstance(leaf, float) or leaf.ndim == 0:
        return f"{leaf:.6g}"
    return f"{leaf.dtype}{list(leaf.shape)}"


def layers_of(params: PyTree) -> tuple[Any, ...]:
    """The layers that parameters of `mlp` are, or of `two_two_one` stand for."""
    return params.to_layers() if isinstance(params, TwoTwoOne) else tuple(params)
