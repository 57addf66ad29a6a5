"""Standardised numbers: mean 0 and standard deviation 1, whatever the unit."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Scaling(NamedTuple):
    """z = (x - mean) / scale, column by column."""

    mean: Float[np.ndarray, " columns"]
    scale: Float[np.ndarray, " columns"]

    def encode(self, x: Float[np.ndarray, "n columns"]) -> np.ndarray:
        """Z of x."""
        with np.errstate(over="ignore", invalid="ignore"):
            return (x - self.mean) / self.scale

    def decode(self, z: Float[np.ndarray, "n columns"]) -> np.ndarray:
        """X of z."""
        return z * self.scale + self.mean


def no_scaling(columns: int) -> Scaling:
    """Leave numbers as they are."""
    return Scaling(np.zeros(columns), np.ones(columns))


def scaling_of(
    x: Float[np.ndarray, "n columns"], weights: Float[np.ndarray, " n"]
) -> Scaling:
    """Weighted mean and standard deviation; 1 for a column that is constant.

    Constant is also one that varies by no more than its own rounding.

    >>> scaling_of(np.array([[1e-12, 5.0], [3e-12, 5.0]]), np.ones(2))
    Scaling(mean=array([2.e-12, 5.e+00]), scale=array([1.e-12, 1.e+00]))
    """
    largest = np.max(np.abs(x), axis=0)
    # Divided, exactly, by powers of two, because the squares of 1e200 overflow.
    unit = np.exp2(np.frexp(largest)[1] - 1.0)
    z = x / unit
    share = (weights / weights.sum())[:, None]
    mean = np.sum(share * z, axis=0)
    spread = np.sqrt(np.sum(share * (z - mean) ** 2, axis=0))
    constant = spread <= 4 * np.finfo(float).eps * np.abs(mean)
    return Scaling(unit * mean, np.where(constant, 1.0, unit * spread))
