"""A table of text: printed, on a terminal, in a notebook."""

import html
import io
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from nanonet._internal.text import printable

if TYPE_CHECKING:
    import rich.console
    import rich.table

#: Columns of text that is not printed on a terminal.
WIDTH = 120


class Grid(NamedTuple):
    """Headings, and rows below them: numbers to the right, words to the left.

    >>> print(Grid(("rule", "steps"), [["adam", "12"], ["newton", "3"]], {"rule"}))
    <BLANKLINE>
      rule     steps
     ────────────────
      adam        12
      newton       3
    <BLANKLINE>
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Collection[str]
    """Headings of the columns of words."""

    def __rich__(self) -> "rich.table.Table":
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD)
        for heading, side in zip(self.headings, self._sides(), strict=True):
            table.add_column(Text(printable(heading)), justify=side)
        for row in self.rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        return table

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        def row(tag: str, cells: Iterable[str]) -> str:
            aligned = zip(self._sides(), cells, strict=True)
            shown = (
                f'<{tag} style="text-align: {side}">{html.escape(printable(c))}</{tag}>'
                for side, c in aligned
            )
            return f"<tr>{''.join(shown)}</tr>"

        head, body = row("th", self.headings), "".join(row("td", r) for r in self.rows)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"

    def _sides(self) -> list[Literal["left", "right"]]:
        return ["left" if name in self.words else "right" for name in self.headings]


def as_text(shown: "rich.console.RenderableType") -> str:
    """Print what `rich` can show to a page of `WIDTH` columns."""
    from rich.console import Console

    page = io.StringIO()
    Console(file=page, width=WIDTH, highlight=False).print(shown)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())
