"""The pieces of an HTML page; all text that comes in is escaped here."""

import base64
import html
import io
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nanonet._internal.grid import Grid
from nanonet._internal.optional import require
from nanonet._internal.text import printable
from nanonet.plot.style import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# `default-src 'none'`: the page can load nothing and run nothing, whatever is in it.
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; }}
h2 {{ font-size: 1.15rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #ddd; }}
p {{ max-width: 44rem; }}
table {{ border-collapse: collapse; margin: .5rem 0; }}
td {{ font-variant-numeric: tabular-nums; }}
th, td {{ padding: .15rem 1rem .15rem 0; text-align: left; vertical-align: top; }}
thead th {{ border-bottom: 1px solid #999; }}
.facts th {{ font-weight: normal; color: #666; white-space: nowrap; }}
.wide {{ overflow-x: auto; }}
.pictures {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
figure {{ margin: 0; flex: 1 1 24rem; }}
img {{ max-width: 100%; height: auto; }}
.note {{ color: #666; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def page(title: str, sections: Iterable[tuple[str, str]]) -> str:
    """Put a page together from headings and the HTML below each."""
    body = "\n".join(f"<h2>{_text(head)}</h2>\n{content}" for head, content in sections)
    return PAGE.format(title=_text(title), body=body)


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f'<p class="note">{_text(text)}</p>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of what and how."""
    lines = (f"<tr><th>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in rows)
    return f'<table class="facts">{"".join(lines)}</table>'


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True
) -> str:
    """A table under headings; its columns but the first to the right, if numbers."""
    grid = Grid(headings, rows, headings[:1] if numbers else headings)
    return f'<div class="wide">{grid._repr_html_()}</div>'


def pictures(drawn: dict[str, "Axes"]) -> str:
    """Pictures side by side, where there is room; each with what it shows, in words."""
    images = (
        f'<figure><img alt="{_text(words)}" src="{_as_data(axes)}"></figure>'
        for words, axes in drawn.items()
    )
    return f'<div class="pictures">{"".join(images)}</div>'


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


def _text(text: str) -> str:
    return html.escape(printable(text))
