"""The equation that a model is, with the fewest digits that change no prediction."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from nanonet._internal.text import printable
from nanonet.model.equation.code import Javascript, Python
from nanonet.model.equation.excel import Excel, column_letters
from nanonet.model.equation.folded import fold
from nanonet.model.equation.language import Named
from nanonet.model.equation.rounded import fewest_digits
from nanonet.model.equation.steps import Symbol, steps_of
from nanonet.model.equation.text import Latex, Text
from nanonet.model.equation.workbook import sheet, workbook
from nanonet.model.model import Model, describe_network
from nanonet.model.rows import outputs
from nanonet.table.columns import Column, begins, scale, scaling
from nanonet.table.transforms import inverse

#: Of the standard deviation of what is predicted; of a probability, as it is.
SHARE = 1e-3


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Equation:
    """A model as an equation in the table's own units; ``str`` of it is the text."""

    named: Named
    """Its steps, and what its columns are called."""

    network: str
    """The network in words."""

    digits: int | None
    """Of the largest term of each sum; the others are written to the same place. None:
    all digits are there, since no rows were given."""

    tolerance: Float[np.ndarray, " outputs"]
    """By how much a prediction of the rows was allowed to move."""

    change: Float[np.ndarray, " outputs"]
    """By how much one moves at the most, as measured, in the unit of each output."""

    rows: int
    """How many rows that was measured on."""

    def text(self) -> str:
        """Plain text, a line for each unit."""
        return str(Text(self.named))

    def latex(self) -> str:
        r"""LaTeX, an ``aligned`` environment (of amsmath)."""
        return str(Latex(self.named))

    def python(self) -> str:
        """Python source: ``predict(…)`` of one row, without any package.

        It returns a number; of several outputs, or of classes, a dict. Where the table
        had missing cells, None, NaN and blank text are such.
        """
        return str(Python(self.named))

    def javascript(self) -> str:
        """JavaScript source, likewise; null, undefined, NaN and blank are missing."""
        return str(Javascript(self.named))

    def excel(
        self, output: str | None = None, *, cells: Mapping[str, str] | None = None
    ) -> str:
        """One formula of Excel, in English as its files hold it.

        An empty cell is missing, where the table had such in the column. A category
        that is not known gives #N/A.

        Args:
          output: which, by name: a target, or a class, whose probability is meant. Of
            two classes by default the second's.
          cells: where each input is: ``{"age": "B7"}``, or a name that the workbook
            defines; by default in A2, B2, and so on.

        Raises:
          ValueError: ``output`` is not said, or is none; an input has no cell; or the
            formula has more than 8,192 characters, for which there is `workbook`.
        """
        outputs, inputs = self.named.outputs, self.named.inputs
        if output is None and len(outputs) > (2 if self.named.classes else 1):
            raise ValueError(f"say which output: {', '.join(map(repr, outputs))}.")
        if output is not None and output not in outputs:
            known = ", ".join(map(repr, outputs))
            raise ValueError(f"output={output!r} is none of {known}.")
        k = len(outputs) - 1 if output is None else outputs.index(output)
        places = {c.name: f"{column_letters(i)}2" for i, c in enumerate(inputs)}
        if cells is not None:
            missing = [column.name for column in inputs if column.name not in cells]
            if missing:
                raise ValueError(f"cells has no cell for {missing[0]!r}.")
            places = dict(cells)
        given = {Symbol("x", (i,)): places[c.name] for i, c in enumerate(inputs)}
        return Excel(self.named, given).formula(Symbol("y", (k,)))

    def workbook(self) -> bytes:
        """An .xlsx file with live cells: inputs, every unit, outputs.

        Change the inputs, or copy the second row down beside rows of one's own.

        Raises:
          ValueError: a formula, or the sheet, is larger than Excel allows.
        """
        return workbook(sheet(self.named))

    def __str__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        """What of what, and how exact."""
        of = ", ".join(printable(column.name) for column in self.named.inputs[:6])
        more = ", …" * (len(self.named.inputs) > 6)
        names = ", ".join(map(printable, self.named.outputs[:6]))
        return (
            f"Equation of {names} from {of}{more}: {self.network}\n{self.told_digits()}"
        )

    def told_digits(self) -> str:
        """How many digits it has, and what they change, in a sentence."""
        if self.digits is None:
            return "all digits; rows of a table would tell how few suffice"
        few = "digit" if self.digits == 1 else "digits"
        change, tolerance = self.change, self.tolerance
        if self.named.classes:
            change, tolerance = [change.max()], [tolerance.min()]
        changes = ", ".join(f"{each:.2g}" for each in change)
        allowed = ", ".join(f"{each:.2g}" for each in tolerance)
        what = "probability" if self.named.classes else "prediction"
        return (
            f"{self.digits} {few}: of {self.rows:,} rows no {what} moves by more than "
            f"{changes} (allowed: {allowed})"
        )


def equation(
    model: Model,
    rows: Float[np.ndarray, "n inputs"] | None,
    tolerance: Any = None,
) -> Equation:
    """Write a model as an equation; see `nanonet.model.model.Model.equation`.

    ``rows`` are `nanonet.table.encoding.read_cells` of a table; None: all digits. Those
    of a category that is new, for which no language has a number, are not watched.
    """
    if rows is None and tolerance is not None:
        raise ValueError(
            f"tolerance={tolerance!r} is of the predictions of rows: give x too."
        )
    folded = fold(model)
    levels = model.targets[0].levels
    names = [column.name for column in model.targets] if levels is None else levels
    width = len(folded.mean)
    labels, digits, count = tuple(map(str, names)), None, 0
    change, allowed = np.zeros(width), np.zeros(width)
    if rows is not None:
        rows = _of_known_categories(model.inputs, rows)
        mean, unit = scaling(model.targets)
        z = outputs(model.network, model.params, scale(model.inputs, rows))
        predicted = inverse(model.targets, z * unit + mean)[:, -width:]
        allowed = _tolerance(tolerance, predicted, classes=levels is not None)
        spread = np.broadcast_to(scaling(model.inputs)[1], rows.shape[1:])
        folded, digits, change = fewest_digits(folded, rows, spread, predicted, allowed)
        count = len(rows)
    steps = steps_of(folded, model.inputs, len(labels))
    named = Named(steps, model.inputs, labels, levels is not None)
    network = describe_network(model.network).removeprefix("network ")
    return Equation(named, network, digits, allowed, change, count)


def _of_known_categories(
    columns: Sequence[Column], rows: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, "known inputs"]:
    known = np.ones(len(rows), bool)
    for begin, column in zip(begins(columns), columns, strict=True):
        if column.levels is not None:
            known &= rows[:, begin : begin + column.width].any(axis=1)
    if not known.any():
        raise ValueError("x has no row whose categories are all known to the model.")
    return rows[known]


def _tolerance(
    given: Any, predicted: Float[np.ndarray, "n outputs"], *, classes: bool
) -> Float[np.ndarray, " outputs"]:
    width = predicted.shape[1]
    if given is None:
        spread = np.ones(width) if classes else np.std(predicted, axis=0)
        # Where all predictions are one number, that number is what there is to keep.
        level = np.where(spread > 0, spread, np.max(np.abs(predicted), axis=0))
        return SHARE * np.where(level > 0, level, 1.0)
    tolerance = np.asarray(given)
    is_number = tolerance.dtype.kind in "iuf" and tolerance.shape in ((), (width,))
    if not is_number or not np.all((tolerance > 0) & np.isfinite(tolerance)):
        raise ValueError(
            f"tolerance={given!r} must be positive, one number or one for each of "
            f"{width} outputs."
        )
    return np.broadcast_to(tolerance.astype(float), (width,))
