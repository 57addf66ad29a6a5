"""The backward pass: the paths from J to every parameter, factor by factor."""

import itertools
import math
from typing import NamedTuple

import numpy as np

from nanonet.explanation.formulas import MERGED
from nanonet.explanation.graph import Node
from nanonet.explanation.symbols import J, fill, partial
from nanonet.network.network import Architecture
from nanonet.network.symbol import Symbol
from nanonet.objectives.losses import Loss


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


class Quantity(NamedTuple):
    """A number of the forward pass, such as z_h1 = x1·w1 + x2·w3 + b3 = 0.3775."""

    row: int
    symbol: Symbol
    formula: Symbol
    numbers: Symbol | None
    """The formula with the numbers put in; None where it is but another symbol."""

    value: float


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


Paths = list[Path]


#: Paths from J to the parameters, over all examples: more than anybody will read.
MOST_PATHS = 2000


def check_size(architecture: Architecture, loss: Loss, *, rows: int) -> None:
    """Raise `ValueError` if `paths_to_parameters` would find too many."""
    sizes, hidden, output, _, skip = architecture
    mixes = output == "softmax" and (loss, output) not in MERGED
    to_each_z = rows * (sizes[-1] if mixes else 1)
    count = to_each_z * sizes[0] * sizes[-1] * skip
    for n_in, n_out in reversed(list(itertools.pairwise(sizes))):
        count += (n_in + 1) * n_out * to_each_z
        to_each_z *= n_out * (n_in if hidden == "softmax" else 1)
    if count > MOST_PATHS:
        examples = f"{rows:,} examples" if rows > 1 else "one example"
        raise ValueError(
            f"network of sizes {sizes} has {count:,} paths from J to its parameters "
            f"over {examples}, and explain writes {MOST_PATHS:,} at the most: give it "
            "fewer examples or a smaller network, or take the derivatives alone from "
            "nanonet.gradient."
        )


def paths_to_parameters(
    levels: list[list[Node]], *, updated_by: float | None = None
) -> dict[Symbol, Paths]:
    """Find the paths from J to each quantity that it depends on, last layer first.

    With ``updated_by`` = α, the error goes back through weights that have been updated
    already, w⁺ = w - α·∂J/∂w: a mistake.
    """
    rows = len(levels[-1][0].values)
    paths: dict[Symbol, Paths] = {J: [Path(row, ()) for row in range(rows)]}
    for node in itertools.chain.from_iterable(reversed(levels)):
        for by, slope, is_weight in node.links:
            formula, value = slope.symbols, slope.value
            if is_weight and updated_by is not None:
                value -= updated_by * mean_over_rows(paths[formula])
                formula = fill("{w}⁺", w=formula)
            slopes, longer = np.broadcast_to(value, rows), paths.setdefault(by, [])
            longer += [
                path.then(partial(node.symbol, by), formula, float(slopes[path.row]))
                for path in paths.get(node.symbol, [])
            ]
    return paths


def mean_over_rows(paths: Paths) -> float:
    """Sum the paths' products, and take the mean over the examples."""
    rows = {path.row for path in paths}
    return sum(path.product for path in paths) / len(rows)
