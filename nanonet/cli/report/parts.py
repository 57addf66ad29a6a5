"""Parts of a page: words, tables, pictures; all text that comes in is escaped here."""

import base64
import html
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nanonet._internal.grid import Grid
from nanonet._internal.optional import require
from nanonet._internal.text import printable
from nanonet.plot.style import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def text(words: str) -> str:
    """Words as they are, whatever they are."""
    return html.escape(printable(words))


def paragraph(words: str, look: str = "note") -> str:
    """A paragraph of text."""
    return f'<p class="{look}">{text(words)}</p>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of what and how."""
    lines = (f"<tr><th>{text(k)}</th><td>{text(v)}</td></tr>" for k, v in rows)
    return f'<table class="facts">{"".join(lines)}</table>'


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True
) -> str:
    """A table under headings; its columns but the first to the right, if numbers."""
    grid = Grid(headings, rows, headings[:1] if numbers else headings)
    return f'<div class="wide">{grid._repr_html_()}</div>'


def pictures(words: str, drawn: Mapping[str, "Axes"]) -> str:
    """Pictures by what each shows, side by side where there is room, and some words."""
    images = (
        f'<figure><img alt="{text(shown)}" src="{_as_data(axes)}"></figure>'
        for shown, axes in drawn.items()
    )
    return f'<div class="pictures">{"".join(images)}</div>{paragraph(words)}'


def _as_data(axes: "Axes") -> str:
    """An SVG picture as an address that holds it all; letters stay letters."""
    file = io.BytesIO()
    style = {"svg.fonttype": "none", "svg.hashsalt": "nanonet"}
    matplotlib = require("matplotlib", extra="plot")
    figure = figure_of(axes)
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the browser has the letters
        figure.savefig(file, format="svg", dpi=150, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"
