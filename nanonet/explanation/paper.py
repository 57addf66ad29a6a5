"""Tables of formulas on the screen, in a notebook and in LaTeX, from the same rows."""

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nanonet.explanation.tables import Row, Table
from nanonet.network.symbol import Symbol

if TYPE_CHECKING:
    import rich.console

#: Columns of a terminal that are used at the most.
WIDEST = 120


class Terminal:
    """Tables for a terminal, however narrow: lines are broken between factors."""

    def __init__(self, title: str, tables: Sequence[Table], notes: Sequence[str]):
        self.title, self.tables, self.notes = title, tables, notes

    def __rich_console__(
        self, console: "rich.console.Console", options: "rich.console.ConsoleOptions"
    ) -> "rich.console.RenderResult":
        from rich.text import Text

        yield Text(self.title, style="bold")
        for table in self.tables:
            for line in written(table, min(options.max_width, WIDEST)):
                style = "dim" if line.startswith("─") else ""
                yield Text(line, style=style, overflow="fold")
        yield from map(Text, ["" for _ in self.notes[:1]])
        yield from map(Text, self.notes)


def written(table: Table, width: int) -> Iterator[str]:
    """A table as lines of text of that width."""
    from rich.cells import cell_len

    yield ""
    if table.heading:
        line = f"─ {table.heading} "
        end = f" {table.aside} ─" if table.aside else ""
        dashes = "─" * (width - cell_len(line) - cell_len(end))
        yield f"{line}{dashes}{end}"
    rows = [row for group in table.groups for row in group]
    margin = 2 + max(cell_len(row.head) for row in rows)
    for i, group in enumerate(table.groups):
        if i:
            yield ""
        for row in group:
            yield from _row(row, margin, width)


def _row(row: Row, margin: int, width: int) -> Iterator[str]:
    """A row, broken where it is too long."""
    from rich.cells import cell_len

    line = " " + row.head + " " * (margin - 1 - cell_len(row.head))
    empty = True
    for cell in row.cells:
        long = cell_len(cell) > width - margin
        parts = _words(cell, width - margin) if long else [cell]
        for i, part in enumerate(parts):
            full = cell_len(line) + cell_len(part) > width
            if not empty and (full or (long and i == 0)):
                yield line.rstrip()
                line = " " * margin
            line, empty = f"{line}{part} ", False
    room = width - cell_len(line)
    if row.aside and cell_len(row.aside) > room:
        yield line.rstrip()
        line, room = "", width
    yield line + row.aside.rjust(room) if row.aside else line.rstrip()


def _words(cell: str, room: int) -> list[str]:
    """Part a formula at its spaces, but for those behind signs and in vectors.

    Vectors are parted where they are too long.
    """
    words, depth = [""], 0
    for i, letter in enumerate(cell):
        depth += (letter == "[") - (letter == "]")
        if letter == " " and depth == 0 and cell[i - 1] not in "=+−":
            words.append("")
        else:
            words[-1] += letter
    return [
        part
        for word in words
        for part in (word.split(" ") if len(word) > room else [word])
    ]


def as_latex(tables: Sequence[Table]) -> str:
    """Their rows as equations, one below the other, for LaTeX's math mode."""
    lines = []
    for table in tables:
        if len(tables) > 1:
            lines.append(rf"&\textbf{{{table.heading}}}")
        lines += [
            f"{row.head.latex} &{_joined(row.cells)}"
            for group in table.groups
            for row in group
        ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _joined(cells: Sequence[Symbol]) -> str:
    return " ".join(" ".join(cell.latex for cell in cells).split())


# Written into each cell, because what shows a notebook may leave out all style sheets,
# or the styles too; what is left then is the attribute.
CELL = "text-align:left;padding:1px 5px;border:0;white-space:nowrap"
CELL += ";vertical-align:baseline"
ASIDE = CELL.replace("left", "right") + ";padding-left:18px;opacity:.7"


def as_html(title: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    """The same for a notebook, with a column for each factor."""
    words = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    shown = "".join(map(_html, tables))
    return (
        f'<div style="overflow-x:auto"><p><b>{html.escape(title)}</b></p>'
        f"{shown}{words}</div>"
    )


def _html(table: Table) -> str:
    rows = [row for group in table.groups for row in group]
    longest = max(len(row.cells) for row in rows)
    has_asides = any(row.aside for row in rows)
    head = ""
    if table.heading:
        aside = [table.aside] if has_asides else []
        words = f"<b>{html.escape(table.heading)}</b>"
        head = f"<tr>{_cell(words, longest + 1)}{''.join(map(_aside, aside))}</tr>"
    bodies = (
        "".join(_html_row(row, longest, has_asides) for row in group)
        for group in table.groups
    )
    gap = f"<tr>{_cell('&nbsp;', longest + 1 + has_asides)}</tr>"
    return (
        '<table style="border-collapse:collapse;margin:6px 0;border:0;'
        f'font-variant-numeric:tabular-nums">{head}{gap.join(bodies)}</table>'
    )


def _html_row(row: Row, longest: int, has_asides: bool) -> str:
    *cells, last = (cell.html for cell in (row.head, *row.cells))
    shown = "".join(map(_cell, cells)) + _cell(last, longest - len(row.cells) + 1)
    aside = _aside(row.aside) if has_asides else ""
    return f'<tr style="background:none">{shown}{aside}</tr>'


def _cell(content: Symbol | str, columns: int = 1) -> str:
    span = f" colspan={columns}" if columns > 1 else ""
    return f'<td align="left"{span} style="{CELL}">{content}</td>'


def _aside(content: str) -> str:
    return f'<td align="right" style="{ASIDE}">{html.escape(content)}</td>'
