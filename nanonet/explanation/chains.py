"""A chain of factors, and the derivative that such chains add up to: plain data."""

import math
from typing import NamedTuple

from nanonet.explanation.symbols import Symbol


class Factor(NamedTuple):
    """One link of the chain, such as ∂z_o1/∂out_h1 = w5 = 0.4."""

    symbol: Symbol
    formula: Symbol
    value: float


class Path(NamedTuple):
    """One way from J back to a parameter, for one example."""

    row: int
    """Which example, from 0."""

    factors: tuple[Factor, ...]

    @property
    def product(self) -> float:
        """The product of the factors."""
        return math.prod(factor.value for factor in self.factors)

    def then(self, symbol: Symbol, formula: Symbol, value: float) -> "Path":
        """Append one more factor.

        Raises:
          ValueError: it is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(
                f"{symbol} = {formula} is not finite for example {self.row}; a loss "
                "that divides by ŷ wants outputs strictly between 0 and 1."
            )
        return Path(self.row, (*self.factors, Factor(symbol, formula, float(value))))


class Derivative(NamedTuple):
    """∂J/∂θ of one weight or bias: the sum of its paths, the mean over the examples."""

    parameter: Symbol
    paths: tuple[Path, ...]
    value: float
    autograd: float
    """What `jax.grad` says."""

    old: float
    """θ."""

    new: float | None
    """θ - α·∂J/∂θ, or None without a learning rate."""


class Quantity(NamedTuple):
    """A number of the forward pass, such as z_h1 = x1·w1 + x2·w3 + b3 = 0.3775."""

    row: int
    symbol: Symbol
    formula: Symbol
    value: float
