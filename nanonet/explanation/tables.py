"""What is explained as tables, which `nanonet.explanation.paper` shows."""

from collections.abc import Sequence
from typing import NamedTuple

from nanonet.explanation.backward import Derivative, Quantity
from nanonet.explanation.expression import Value
from nanonet.explanation.page import Line
from nanonet.explanation.symbols import J, fill, grouped, number_symbol, partial
from nanonet.network.names import THETA
from nanonet.network.symbol import Symbol

#: Numbers that are given, in a row.
VALUES = 5


class Row(NamedTuple):
    """What something is equal to."""

    head: Symbol
    """What it is about; "" in a line that goes on."""

    cells: list[Symbol]
    """What that is equal to, part by part; lines are broken between them."""

    aside: str = ""
    """What stands to the right."""


class Table(NamedTuple):
    """Rows in groups that belong together."""

    heading: str
    """Of all; "" where it needs none."""

    aside: str
    """What stands to the right of the heading."""

    groups: list[list[Row]]


def given_table(given: Sequence[Quantity], derivatives: Sequence[Derivative]) -> Table:
    """What all else is computed from: inputs, targets and parameters."""
    examples, rows = given[-1].row + 1, []
    for row in range(examples):
        pairs = [(each.symbol, each.value) for each in given if each.row == row]
        aside = f"example {row}" if examples > 1 else ""
        rows += _values(Symbol("x, y"), pairs, aside)
    pairs = [(each.parameter, each.old) for each in derivatives]
    return Table("given", "", [[*rows, *_values(THETA, pairs)]])


def _values(
    head: Symbol, pairs: Sequence[tuple[Symbol, float]], aside: str = ""
) -> list[Row]:
    """A few numbers with their symbols in each row."""
    cells = [
        fill("{symbol} = {number},", symbol=symbol, number=long(number))
        for symbol, number in pairs[:-1]
    ]
    symbol, number = pairs[-1]
    cells.append(fill("{symbol} = {number}", symbol=symbol, number=long(number)))
    rows = [
        Row(Symbol("") if i else head, cells[i : i + VALUES])
        for i in range(0, len(cells), VALUES)
    ]
    return [*rows[:-1], rows[-1]._replace(aside=aside)]


def forward_table(forward: Sequence[Quantity]) -> Table:
    """The forward pass: each formula, and its numbers for each example."""
    examples = forward[-1].row + 1
    count, groups = len(forward) // examples, []
    for i, first in enumerate(forward[:count]):
        start = [fill("= {formula}", formula=first.formula)]
        rows = [Row(first.symbol, start)] if examples > 1 else []
        for each in forward[i::count]:
            value = long(each.value)
            parts = dict.fromkeys([each.numbers, value])
            cells = [fill("= {part}", part=part) for part in parts if part]
            if examples > 1:
                rows.append(Row(Symbol(""), cells, f"example {each.row}"))
            else:
                rows.append(Row(each.symbol, start + cells))
        groups.append(rows)
    return Table("forward", "", [[row for group in groups for row in group]])


def chain_table(
    derivatives: Sequence[Derivative], learning_rate: float | None
) -> Table:
    """Each derivative as an equation, beside what `jax.grad` says, and its update."""
    groups = []
    for each in derivatives:
        lines = equation(each)
        heads = [partial(J, each.parameter), *[Symbol("")] * (len(lines) - 1)]
        rows = [Row(head, line) for head, line in zip(heads, lines, strict=True)]
        apart = difference(each.value - each.autograd)
        check = f"autograd {long(each.autograd)}, difference {apart}"
        rows[-1] = rows[-1]._replace(aside=check)
        if learning_rate is not None:
            rows.append(Row(_new(each.parameter), update(each, learning_rate)))
        groups.append(rows)
    return Table("chain rule", "", groups)


def rule_table(heading: str, lines: Sequence[Line]) -> Table:
    """The page of one step of a rule."""
    rows = []
    for line in lines:
        parts = dict.fromkeys([line.formula, line.numbers or "", long(line.value)])
        cells = [fill("= {part}", part=part) for part in parts if part]
        if isinstance(line.value, bool):
            *parts, result = parts
            cells = [fill("⇔ {part}", part=part) for part in parts]
            cells.append(fill(": {part}", part=result))
        apart = line.difference
        rows.append(Row(line.symbol, cells, "" if apart is None else difference(apart)))
    return Table(heading, "difference", [rows])


def _new(theta: Symbol) -> Symbol:
    return Symbol(f"{theta} new", f"{theta.html} new", theta.latex + r"^{\text{new}}")


def equation(derivative: Derivative) -> list[list[Symbol]]:
    """∂J/∂θ = symbols = formulas = numbers = the result, as lines of factors.

    Each path is a line. Over several examples, symbols and formulas are written once.

    >>> from nanonet.explanation.backward import Path
    >>> from nanonet.network.symbol import SUM
    >>> w, x, y = map(Symbol, ["w1", "x1", "ŷ"])
    >>> path = Path(0, ()).then(partial(J, y), Symbol("ŷ − y", binds=SUM), -0.5)
    >>> path = path.then(partial(y, w), x, 2.0)
    >>> for line in equation(Derivative(w, (path,), -1.0, -1.0, 3.0, None)):
    ...     print(*line)
    = ∂J/∂ŷ · ∂ŷ/∂w1
    = (ŷ − y) · x1
    = (-0.5) · 2
    = -1
    """
    paths = derivative.paths
    one, rows = [path for path in paths if path.row == 0], paths[-1].row + 1
    mean_of, mean = (f"1/{rows}·Σ(", f"1/{rows}·(") if rows > 1 else ("", "")
    return [
        *_sum(mean_of, [[f.symbol for f in path.factors] for path in one]),
        *_sum(mean_of, [[grouped(f.formula) for f in path.factors] for path in one]),
        *_sum(mean, [[grouped(short(f.value)) for f in p.factors] for p in paths]),
        [fill("= {value}", value=long(derivative.value))],
    ]


def _sum(opening: str, products: list[list[Symbol]]) -> list[list[Symbol]]:
    """A line for each product, the first behind an equals sign and what is opened."""
    lines = [[first, *(fill("· {f}", f=f) for f in rest)] for first, *rest in products]
    for i, line in enumerate(lines):
        line[0] = fill("+ {f}" if i else f"= {opening}{{f}}", f=line[0])
    if opening:
        lines[-1][-1] = fill("{f})", f=lines[-1][-1])
    return lines


def update(derivative: Derivative, learning_rate: float) -> list[Symbol]:
    """θ - α·∂J/∂θ, in symbols, in numbers, and the result."""
    assert derivative.new is not None
    slope, value = partial(J, derivative.parameter), short(derivative.value)
    return [
        fill("= {theta} − α·{slope}", theta=derivative.parameter, slope=slope),
        fill(
            "= {old} − {alpha:g}·{value}",
            old=short(derivative.old),
            alpha=learning_rate,
            value=grouped(value),
        ),
        fill("= {new}", new=long(derivative.new)),
    ]


def short(number: Value) -> Symbol:
    """A number that is put in as it is shown; all digits are in the data."""
    return number_symbol(number)


def long(number: Value) -> Symbol:
    """A result as it is shown."""
    return number_symbol(number, digits=9)


def difference(apart: float) -> str:
    """How far two results are apart."""
    return f"{apart:.0e}" if apart else "0"
