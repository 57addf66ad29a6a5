"""What `explain` returns: the chain rule as tables, as LaTeX and as data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from nanonet._internal.checks import check_choice
from nanonet._internal.grid import as_text
from nanonet._internal.optional import require
from nanonet.explanation.backward import Derivative, Quantity
from nanonet.explanation.paper import Terminal, as_html, as_latex
from nanonet.explanation.tables import Table, chain_table, forward_table, given_table
from nanonet.objectives.penalty import is_bias

if TYPE_CHECKING:
    import pandas
    import rich.console


@dataclass(frozen=True, repr=False)
class ChainRule:
    """One training step, number by number.

    ``print(explanation)`` shows it as a table, a notebook shows it as HTML, and
    ``explanation["w1"]`` is one `Derivative`.
    """

    value: float
    """J, the mean over the examples."""

    loss: str
    """Name of the loss."""

    learning_rate: float | None
    """α."""

    notes: tuple[str, ...]
    """What a reader has to know besides."""

    given: tuple[Quantity, ...]
    """The inputs and targets of every example."""

    forward: tuple[Quantity, ...]
    """Every number of the forward pass."""

    derivatives: tuple[Derivative, ...]
    """One for each weight and bias, in the order of `jax.flatten_util.ravel_pytree`."""

    params: PyTree
    """θ, the tree."""

    def __getitem__(self, parameter: str) -> Derivative:
        by_symbol = {str(each.parameter): each for each in self.derivatives}
        check_choice("parameter", parameter, by_symbol)
        return by_symbol[parameter]

    def step(self, *, biases: bool = True) -> PyTree:
        """The parameters after θ - α·∂J/∂θ; ``biases=False`` holds those fixed.

        Raises:
          ValueError: the explanation was made without a learning rate.
        """
        if self.learning_rate is None:
            raise ValueError("learning_rate is None: give explain one, e.g. 0.5.")
        theta, unravel = ravel_pytree(self.params)
        new = jnp.asarray([each.new for each in self.derivatives], theta.dtype)
        return jax.tree_util.tree_map_with_path(
            lambda path, old, new: new if biases or not is_bias(path) else old,
            unravel(theta),
            unravel(new),
        )

    def rows(self) -> list[dict[str, Any]]:
        """One row for each factor, with what belongs to its path and parameter."""
        return [
            {
                "parameter": each.parameter,
                "example": path.row,
                "path": number,
                "factor": factor.symbol,
                "formula": factor.formula,
                "number": factor.value,
                "product": path.product,
                "derivative": each.value,
                "autograd": each.autograd,
                "old": each.old,
                "new": each.new,
            }
            for each in self.derivatives
            for number, path in enumerate(each.paths)
            for factor in path.factors
        ]

    def to_frame(self) -> "pandas.DataFrame":
        """`rows` as a DataFrame.

        Raises:
          ModuleNotFoundError: pandas is not installed (extra ``tables``).
        """
        return require("pandas", extra="tables").DataFrame(self.rows())

    def to_latex(self, *parameters: str) -> str:
        """The chain rule in LaTeX's math mode, of these parameters or of all."""
        chosen = map(self.__getitem__, parameters) if parameters else self.derivatives
        return as_latex([chain_table(list(chosen), self.learning_rate)])

    def _title(self) -> str:
        title = f"The chain rule: J = {self.value:.9g}, {self.loss.replace('_', ' ')}"
        rate = self.learning_rate
        return title if rate is None else f"{title}, α = {rate:g}"

    def _tables(self) -> list[Table]:
        chains = chain_table(self.derivatives, self.learning_rate)
        given = given_table(self.given, self.derivatives)
        return [given, forward_table(self.forward), chains]

    def __repr__(self) -> str:
        return (
            f"ChainRule of {len(self.derivatives)} parameters, {self.loss}, "
            f"J = {self.value:.6g}"
        )

    def __str__(self) -> str:
        return as_text(self)

    def __rich__(self) -> "rich.console.RenderableType":
        return Terminal(self._title(), self._tables(), self.notes)

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._tables(), self.notes)

    def _repr_latex_(self) -> str:
        return f"$${self.to_latex()}$$"
