"""The chain rule on paper and on the screen: as text, and as HTML."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nanonet.explanation.chains import Derivative, Quantity
from nanonet.explanation.equations import Line, equation, long, update
from nanonet.explanation.symbols import J, partial

if TYPE_CHECKING:
    import rich.console


def as_tables(
    title: str,
    forward: Sequence[Quantity],
    derivatives: Sequence[Derivative],
    notes: Sequence[str],
    learning_rate: float | None,
) -> "rich.console.Group":
    """The forward pass, the chain rule, and the notes, for `rich`."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    symbols, several = {each.symbol for each in forward}, forward[-1].row > 0
    values = Table(box=SIMPLE_HEAD, show_header=several)
    values.add_column("")
    values.add_column("forward")
    for row in range(forward[-1].row + 1):
        values.add_column(f"example {row}", justify="right")
    for first in forward[: len(symbols)]:
        numbers = [long(each.value) for each in forward if each.symbol == first.symbol]
        values.add_row(Text(first.symbol), Text(f"= {first.formula}"), *numbers)

    chains = Table(box=SIMPLE_HEAD)
    for heading in ("", "chain rule"):
        chains.add_column(heading)
    for heading in ("autograd", "difference"):
        chains.add_column(heading, justify="right", vertical="bottom")
    for each in derivatives:
        chains.add_row(
            Text(partial(J, each.parameter)),
            Text("\n".join(map(_as_text, equation(each)))),
            *_check(each),
            end_section=learning_rate is None,
        )
        if learning_rate is not None:
            chains.add_row(
                Text(f"{each.parameter} new"),
                Text(f"= {update(each, learning_rate)}"),
                end_section=True,
            )
    return Group(
        Text(title, style="bold"), values, chains, *(Text(note) for note in notes)
    )


def _as_text(line: Line) -> str:
    return f"{line.sign} {line.opening}{' · '.join(line.factors)}{line.closing}"


def _check(each: Derivative) -> tuple[str, str]:
    difference = each.value - each.autograd
    return long(each.autograd), f"{difference:.0e}" if difference else "0"


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
.chain-rule tbody.equation > tr:first-child > td {padding-top: .5em;
  border-top: 1px solid #8886}
.chain-rule caption {text-align: left; font-weight: bold; white-space: nowrap}
.chain-rule sub {font-size: .75em; line-height: 0}
</style>"""


def as_html(
    title: str,
    forward: Sequence[Quantity],
    derivatives: Sequence[Derivative],
    notes: Sequence[str],
    learning_rate: float | None,
) -> str:
    """The same for a notebook, with a column for each factor."""
    rows = range(forward[-1].row + 1)
    count = len(forward) // len(rows)
    heads = "".join(f"<th class=result>example {row}</th>" for row in rows)
    values = [f"<tr><th><th>{heads}</tr>" if len(rows) > 1 else ""]
    for i, first in enumerate(forward[:count]):
        numbers = "".join(
            f"<td class=result>{long(each.value)}</td>" for each in forward[i::count]
        )
        values.append(
            f"<tr><td>{first.symbol.html}</td><td>= {first.formula.html}</td>"
            f"{numbers}</tr>"
        )
    longest = max(len(each.paths[0].factors) for each in derivatives)
    bodies = "".join(_body(each, longest, learning_rate) for each in derivatives)
    return (
        f"{STYLE}<div class=chain-rule><table><caption>{html.escape(title)}</caption>"
        f"{''.join(values)}</table><table><thead><tr><th colspan={longest + 1}>"
        "chain rule</th><th class=result>autograd</th><th class=result>difference</th>"
        "</tr></thead>"
        f"{bodies}</table>"
        f"{''.join(f'<p>{html.escape(note)}</p>' for note in notes)}</div>"
    )


def _body(each: Derivative, longest: int, learning_rate: float | None) -> str:
    """One derivative: a row for each line of its equation, and its update."""
    rows, head = [], partial(J, each.parameter).html
    for line in equation(each):
        cells = [factor.html for factor in line.factors]
        cells[0] = f"{line.sign} {line.opening.html}{cells[0]}"
        cells[1:] = [f"· {cell}" for cell in cells[1:]]
        cells[-1] += line.closing
        first = "".join(f"<td>{cell}</td>" for cell in cells[:-1])
        wide = longest - len(cells) + 1
        rows.append(f"<td>{head}</td>{first}<td colspan={wide}>{cells[-1]}</td>")
        head = ""
    rows[-1] += "".join(f"<td class=result>{text}</td>" for text in _check(each))
    if learning_rate is not None:
        new = f"{each.parameter.html} new"
        line = update(each, learning_rate).html
        rows.append(f"<td>{new}</td><td colspan={longest}>= {line}</td>")
    return f"<tbody class=equation>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody>"
