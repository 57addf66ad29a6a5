"""An array of the traced program, held as scalars, as an array, or as both."""

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nanonet.scalarize.scalar import Memo, Scalar, objects


@dataclasses.dataclass(frozen=True)
class Whole:
    """Held as an array, and split into scalars at the first need."""

    array: Any
    memo: Memo

    @functools.cached_property
    def scalars(self) -> np.ndarray:
        """Object array of `Scalar`, of the array's shape."""
        array, shape = self.array, jnp.shape(self.array)
        if isinstance(array, np.ndarray):
            return objects(shape, [Scalar(number) for number in array.ravel()])
        if shape == ():
            return objects((), [Scalar(array, self.memo)])
        flat = lax.reshape(array, (array.size,))
        numbers = [lax.index_in_dim(flat, i, keepdims=False) for i in range(array.size)]
        return objects(shape, [Scalar(number, self.memo) for number in numbers])


@dataclasses.dataclass(frozen=True)
class Split:
    """Held as scalars, and assembled into an array at the first need."""

    scalars: np.ndarray

    @functools.cached_property
    def array(self) -> Any:
        """The JAX or NumPy array."""
        shape, scalars = self.scalars.shape, self.scalars.ravel()
        if all(scalar.known for scalar in scalars):
            numbers = [scalar.value for scalar in scalars]
            return np.array(numbers, scalars[0].dtype).reshape(shape)
        if shape == ():
            return scalars[0].value
        if all(scalar is scalars[0] for scalar in scalars):
            return lax.broadcast(scalars[0].value, shape)
        pieces = [lax.broadcast(scalar.value, (1,)) for scalar in scalars]
        return lax.reshape(lax.concatenate(pieces, 0), shape)


Value = Whole | Split
