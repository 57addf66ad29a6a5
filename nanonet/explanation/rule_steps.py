"""What `explain_rule` returns: the steps of a rule as tables, as LaTeX and as data."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nanonet._internal.checks import check_choice
from nanonet._internal.grid import as_text
from nanonet._internal.optional import require
from nanonet.explanation.page import Line
from nanonet.explanation.paper import Terminal, as_html, as_latex
from nanonet.explanation.tables import Table, rule_table

if TYPE_CHECKING:
    import pandas
    import rich.console


class Written(NamedTuple):
    """The page of one step, of one parameter or of all."""

    step: int
    """From 1."""

    parameter: str
    """Its name; θ where all are one vector."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, repr=False)
class RuleSteps:
    """The steps of a rule, number by number.

    ``print(steps)`` shows them as tables, a notebook shows them as HTML,
    ``steps["w1"]`` are those of one parameter, and ``steps["w1", 2]`` the lines of one
    step.
    """

    rule: str
    """What made it, as in ``adam(0.1)``."""

    constants: dict[str, float]
    """Its hyperparameters by their symbol."""

    values: tuple[float, ...]
    """J at the start and after each step."""

    steps: tuple[Written, ...]
    """The pages, in the order of time."""

    alone: bool
    """Whether there is a page for each parameter."""

    legend: str = ""
    """What symbols stand for."""

    @property
    def difference(self) -> float:
        """The largest difference between a formula and the rule."""
        found = [line.difference for each in self.steps for line in each.lines]
        return float(np.max([number for number in found if number is not None]))

    def __getitem__(self, key: str | tuple[str, int]) -> Any:
        parameter, step = key if isinstance(key, tuple) else (key, None)
        check_choice("parameter", parameter, {each.parameter for each in self.steps})
        own = tuple(each for each in self.steps if each.parameter == parameter)
        if step is None:
            return replace(self, steps=own)
        if step not in range(1, len(own) + 1):
            raise ValueError(f"step={step!r} is none of 1 to {len(own)}.")
        return own[step - 1].lines

    def rows(self) -> list[dict[str, Any]]:
        """One row for each line."""
        return [
            {
                "step": each.step,
                "parameter": each.parameter,
                "symbol": str(line.symbol),
                "formula": str(line.formula),
                "numbers": None if line.numbers is None else str(line.numbers),
                "result": _plain(line.value),
                "rule": _plain(line.rule),
                "difference": line.difference,
            }
            for each in self.steps
            for line in each.lines
        ]

    def to_frame(self) -> "pandas.DataFrame":
        """`rows` as a DataFrame.

        Raises:
          ModuleNotFoundError: pandas is not installed (extra ``tables``).
        """
        return require("pandas", extra="tables").DataFrame(self.rows())

    def to_latex(self) -> str:
        """The pages in LaTeX's math mode."""
        return as_latex(self._tables())

    def _title(self) -> str:
        first, *rest = (f"{value:.6g}" for value in self.values)
        steps = "1 step" if len(rest) == 1 else f"{len(rest)} steps"
        return f"{self.rule}: J from {first} to {rest[-1]} in {steps}"

    def _notes(self) -> tuple[str, ...]:
        constants = ", ".join(f"{name} = {v:g}" for name, v in self.constants.items())
        words = "Difference: what the rule itself has, less what the formula comes to."
        return tuple(note for note in (constants, self.legend, words) if note)

    def _tables(self) -> list[Table]:
        several = self.alone and len({each.parameter for each in self.steps}) > 1
        return [
            rule_table(
                f"step {each.step}, {each.parameter}"
                if several
                else f"step {each.step}",
                each.lines,
            )
            for each in self.steps
        ]

    def __repr__(self) -> str:
        return f"RuleSteps of {self._title()}"

    def __str__(self) -> str:
        return as_text(self)

    def __rich__(self) -> "rich.console.RenderableType":
        return Terminal(self._title(), self._tables(), self._notes())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._tables(), self._notes())

    def _repr_latex_(self) -> str:
        return f"$${self.to_latex()}$$"


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
