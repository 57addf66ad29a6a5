"""Where training starts: random weights and biases of one layer, by name."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Key, UInt32

from nanonet.network.layers import Layer

RandomKey = Key[Array, ""] | UInt32[Array, "2"]


Initializer = Callable[..., Layer]


def uniform(n_in: int, n_out: int, *, key: RandomKey, dtype: DTypeLike) -> Layer:
    """w, b ~ U(-1, 1)."""
    key_w, key_b = jax.random.split(key)
    return Layer(
        jax.random.uniform(key_w, (n_in, n_out), dtype, -1, 1),
        jax.random.uniform(key_b, (n_out,), dtype, -1, 1),
    )


def normal(n_in: int, n_out: int, *, key: RandomKey, dtype: DTypeLike) -> Layer:
    """w, b ~ N(0, 1)."""
    key_w, key_b = jax.random.split(key)
    return Layer(
        jax.random.normal(key_w, (n_in, n_out), dtype),
        jax.random.normal(key_b, (n_out,), dtype),
    )


def glorot(n_in: int, n_out: int, *, key: RandomKey, dtype: DTypeLike) -> Layer:
    """W ~ U(-a, a) with a = √(6 / (n_in + n_out)), b = 0.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010, equation 16.
    """
    a = math.sqrt(6 / (n_in + n_out))
    w = jax.random.uniform(key, (n_in, n_out), dtype, -a, a)
    return Layer(w, jnp.zeros(n_out, dtype))


def nguyen_widrow(n_in: int, n_out: int, *, key: RandomKey, dtype: DTypeLike) -> Layer:
    """Hidden units that share out the inputs' range [-1, 1] among them.

    With s = 0.7 n_out^(1/n_in), each unit's weight vector points in a random direction
    with length s, and its bias ~ U(-s, s) shifts its slope along that direction.

    Source: Nguyen & Widrow, "Improving the learning speed of 2-layer neural networks by
    choosing initial values of the adaptive weights", IJCNN 1990.
    """
    w, b = uniform(n_in, n_out, key=key, dtype=dtype)
    s = 0.7 * n_out ** (1 / n_in)
    return Layer(s * w / jnp.linalg.norm(w, axis=0, keepdims=True), s * b)


#: The initialisation schemes, by their name.
INITIALIZERS: dict[str, Initializer] = {
    "uniform": uniform,
    "normal": normal,
    "glorot": glorot,
    "nguyen_widrow": nguyen_widrow,
}


def check_key(key: Any) -> None:
    """Raise `TypeError` if it is no key but a number, say."""
    if not hasattr(key, "dtype"):
        raise TypeError(f"key={key!r} must be a random key, as jax.random.key(0) is.")


def make_rng(key: RandomKey) -> np.random.Generator:
    """A generator of NumPy's, for what is drawn on the host."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
