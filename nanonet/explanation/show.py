"""The chain rule on the screen, in a notebook and in LaTeX, from the same rows."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from nanonet.explanation.backward import Derivative, Quantity
from nanonet.explanation.symbols import J, Symbol, fill, grouped, partial

if TYPE_CHECKING:
    import rich.table


class Row(NamedTuple):
    """One line of a table."""

    head: Symbol  # what it is about
    cells: list[Symbol]  # what that is equal to, factor by factor
    numbers: list[str]  # what stands to the right, in columns of their own


class Table(NamedTuple):
    """Rows in groups that belong together."""

    headings: Sequence[str]  # of what the cells hold, and of the numbers
    groups: list[list[Row]]


def forward_table(forward: Sequence[Quantity]) -> Table:
    """The forward pass: a row for each quantity, a column for each example."""
    examples = forward[-1].row + 1
    count = len(forward) // examples
    rows = [
        Row(
            first.symbol,
            [fill("= {formula}", formula=first.formula)],
            [long(each.value) for each in forward[i::count]],
        )
        for i, first in enumerate(forward[:count])
    ]
    names = [f"example {i}" if examples > 1 else "" for i in range(examples)]
    return Table(["forward", *names], [rows])


def chain_table(
    derivatives: Sequence[Derivative], learning_rate: float | None
) -> Table:
    """Each derivative as an equation, beside what `jax.grad` says, and its update."""
    groups = []
    for each in derivatives:
        lines = equation(each)
        heads = [partial(J, each.parameter), *[Symbol("")] * (len(lines) - 1)]
        rows = [Row(head, line, []) for head, line in zip(heads, lines, strict=True)]
        difference = each.value - each.autograd
        check = [long(each.autograd), f"{difference:.0e}" if difference else "0"]
        rows[-1] = rows[-1]._replace(numbers=check)
        if learning_rate is not None:
            rows.append(Row(_new(each.parameter), [update(each, learning_rate)], []))
        groups.append(rows)
    return Table(["chain rule", "autograd", "difference"], groups)


def _new(theta: Symbol) -> Symbol:
    return Symbol(f"{theta} new", f"{theta.html} new", theta.latex + r"^{\text{new}}")


def equation(derivative: Derivative) -> list[list[Symbol]]:
    """∂J/∂θ = symbols = formulas = numbers = the result, as lines of factors.

    Each path is a line. Over several examples, symbols and formulas are written once.

    >>> from nanonet.explanation.backward import Path
    >>> from nanonet.explanation.symbols import symbol
    >>> w, x, y = map(symbol, ["w1", "x1", "ŷ"])
    >>> path = Path(0, ()).then(partial(J, y), Symbol("ŷ − y"), -0.5)
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


def update(derivative: Derivative, learning_rate: float) -> Symbol:
    """θ - α·∂J/∂θ, in symbols, in numbers, and the result."""
    assert derivative.new is not None
    return fill(
        "= {theta} − α·{slope} = {old} − {alpha:g}·{value} = {new}",
        theta=derivative.parameter,
        slope=partial(J, derivative.parameter),
        old=short(derivative.old),
        alpha=learning_rate,
        value=grouped(short(derivative.value)),
        new=long(derivative.new),
    )


def short(number: float) -> Symbol:
    """A factor as it is shown; all digits are in the data."""
    return Symbol(f"{number + 0.0:.6g}")  # which makes -0.0 a 0


def long(number: float) -> Symbol:
    """A result as it is shown."""
    return Symbol(f"{number + 0.0:.9g}")


def as_rich(table: Table) -> "rich.table.Table":
    """A table for the terminal."""
    from rich import table as terminal
    from rich.box import SIMPLE_HEAD
    from rich.text import Text

    heading, *others = table.headings
    shown = terminal.Table("", heading, box=SIMPLE_HEAD, show_header=any(others))
    for other in others:
        shown.add_column(other, justify="right")
    for group in table.groups:
        for row in group:
            cells = Text(row.head), Text(" ".join(row.cells)), *row.numbers
            shown.add_row(*cells, end_section=row is group[-1])
    return shown


def as_latex(table: Table) -> str:
    """Its rows as equations, one below the other, for LaTeX's math mode."""
    lines = [
        f"{row.head.latex} &{''.join(cell.latex for cell in row.cells)}"
        for group in table.groups
        for row in group
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


# Notebooks align and stripe tables by selectors more specific than these.
STYLE = """<style>
.chain-rule {overflow-x: auto}
.chain-rule table {border-collapse: collapse; margin: .5em 0;
  font-variant-numeric: tabular-nums}
.chain-rule tr {background: none !important}
.chain-rule td, .chain-rule th {text-align: left !important; padding: 0 .35em;
  border: 0; white-space: nowrap; vertical-align: bottom !important;
  line-height: 1.5 !important}
.chain-rule .result {text-align: right !important; padding-left: 1.2em}
.chain-rule thead ~ tbody > tr:first-child > td {padding-top: .5em;
  border-top: 1px solid #8886}
.chain-rule caption {text-align: left; font-weight: bold; white-space: nowrap}
.chain-rule sub {font-size: .75em; line-height: 0}
</style>"""


def as_html(title: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    """The same for a notebook, with a column for each factor."""
    captions = [f"<caption>{html.escape(title)}</caption>", *[""] * len(tables)]
    pairs = zip(captions, map(_html, tables), strict=False)
    shown = "".join(f"<table>{caption}{table}</table>" for caption, table in pairs)
    words = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    return f"{STYLE}<div class=chain-rule>{shown}{words}</div>"


def _html(table: Table) -> str:
    longest = max(len(row.cells) for group in table.groups for row in group)
    heading, *others = table.headings
    head = f"<th colspan={longest + 1}>{heading}</th>" + _results("th", others)
    bodies = (
        f"<tbody>{''.join(_html_row(row, longest) for row in group)}</tbody>"
        for group in table.groups
    )
    return (f"<thead><tr>{head}</tr></thead>" if any(others) else "") + "".join(bodies)


def _html_row(row: Row, longest: int) -> str:
    *cells, last = (cell.html for cell in (row.head, *row.cells))
    rest = f"<td colspan={longest - len(row.cells) + 1}>{last}</td>"
    first = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr>{first}{rest}{_results('td', row.numbers)}</tr>"


def _results(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag} class=result>{text}</{tag}>" for text in texts)
