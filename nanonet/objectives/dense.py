"""A matrix of derivatives, which prints with the parameters' names."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from nanonet.network.names import parameter_names

_SHOWN = 12  # rows and columns that are printed


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dense:
    """A matrix of derivatives; ``matrix, unravel = dense`` takes it apart.

    It prints with the parameters' names, by `nanonet.network.names.parameter_names`.
    """

    matrix: Float[Array, "rows n"]
    unravel: Callable[[Float[Array, " n"]], PyTree] = dataclasses.field(
        metadata={"static": True}
    )
    """``unravel(vector)`` → tree like the parameters."""

    of_residuals: bool = dataclasses.field(default=False, metadata={"static": True})
    """Whether the rows are residuals, not parameters."""

    def __iter__(self) -> Iterator[Any]:
        yield self.matrix
        yield self.unravel

    def __repr__(self) -> str:
        if isinstance(self.matrix, Tracer):
            return f"Dense({self.matrix})"
        rows, n = self.matrix.shape
        with jax.ensure_compile_time_eval():
            names = parameter_names(self.unravel(jnp.zeros(n, self.matrix.dtype)))
        heads = [f"r{i + 1}" for i in range(rows)] if self.of_residuals else names
        table = [["", *names[:_SHOWN]]]
        for head, row in zip(heads, np.asarray(self.matrix)[:_SHOWN], strict=False):
            table.append([head, *(f"{number:.4g}" for number in row[:_SHOWN])])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        more = " …" if n > _SHOWN else ""
        lines = [
            " ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) + more
            for line in table
        ]
        return "\n".join(lines + ["⋮"] * (rows > _SHOWN))
