"""The report of a fit on one HTML page; all text that comes in is escaped here."""

import base64
import datetime
import html
import io
import platform
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nanonet._internal.grid import Grid
from nanonet._internal.optional import require
from nanonet._internal.text import printable
from nanonet._internal.version import version_of
from nanonet.cli.fit_summary import (
    SCORE_HEADINGS,
    SHUFFLES,
    Summary,
    score_rows,
)
from nanonet.fitting.fitted import Fit
from nanonet.fitting.importances import Importances
from nanonet.model.model import Model, predict
from nanonet.plot.answers import importances, predictions, residuals
from nanonet.plot.curves import training
from nanonet.plot.style import figure_of
from nanonet.table.columns import Column, told

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

#: Wrong rows that are listed, and columns whose importance is drawn.
LISTED, DRAWN = 20, 30

#: On which the numbers depend, beside Python.
PACKAGES = ("nanonet", "jax", "optax", "numpy", "pandas")

TRAINING = (
    "J, the mean loss of the training rows plus the penalty, and the norm of its "
    "gradient, at every step of the best start. The dot is the step that was kept."
)
NETWORK = (
    "Of several networks, whose mean is predicted, the best. Lines are weights: the "
    "wider, the larger; blue above 0, vermillion below. "
    "Of a layer of more than 12 units the first 12 are drawn."
)


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
.lead {{ font-size: 1.1rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def fit_as_html(told: Summary, frame: "pandas.DataFrame", fit: Fit) -> str:
    """Report a fit on one HTML page, which holds all it shows and loads nothing.

    ``frame`` is what `fit_table` was given, ``fit`` what it returned, and ``told`` what
    there is to say of it.

    Raises:
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).
    """
    (target,) = fit.targets
    prediction = predict(fit.model, frame)
    held_out = np.isin(np.arange(len(prediction)), fit.split.test)
    if target.levels is None:
        answers = _regression(fit.examples.y[:, 0], prediction, held_out)
    else:
        y = np.array(target.levels, object)[fit.examples.classes]
        answers = _classification(frame, y, prediction, fit)
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    scores = _table(SCORE_HEADINGS, score_rows(told.fit.scores))
    versions = [(package, version_of(package)) for package in PACKAGES]
    sections = {
        "What was done": _facts(
            [*told.facts(), ("", str(fit.result.status)), ("on", now)]
        ),
        "Scores": scores + _paragraph(told.baseline),
        "Training": _pictures(TRAINING, {"J and its gradient": training(fit.result)}),
        **answers,
        "Which columns matter": _importances(told.importances),
        "The network": _pictures(NETWORK, {"Diagram of the network": fit.model.plot()}),
        "How the columns are encoded": _columns(fit.model),
        "Versions": _facts([("Python", platform.python_version()), *versions]),
    }
    lead = f'<p class="lead">{_text(str(told.skill))}</p>\n'
    body = lead + "\n".join(
        f"<h2>{_text(k)}</h2>\n{shown}" for k, shown in sections.items()
    )
    return PAGE.format(title=_text(told.title), body=body)


def _regression(
    y: np.ndarray, prediction: np.ndarray, held_out: np.ndarray
) -> dict[str, str]:
    drawn = {
        "Predicted against true": predictions(y, prediction, held_out=held_out),
        "Residuals": residuals(y, prediction, held_out=held_out),
    }
    words = (
        "Held-out points should scatter around the line as the training points do, and "
        "the residuals show no pattern."
    )
    return {"Predicted against true, and what is left": _pictures(words, drawn)}


def _classification(
    frame: "pandas.DataFrame", y: np.ndarray, prediction: np.ndarray, fit: Fit
) -> dict[str, str]:
    levels, rows = fit.targets[0].levels or (), fit.split.test
    wrong = [i for i in rows if y[i] != prediction[i]]
    pairs = Counter(zip(y[rows], prediction[rows], strict=True))
    counts = [[row, *(f"{pairs[row, other]:,}" for other in levels)] for row in levels]
    confusion = _table(["true, predicted →", *levels], counts)
    words = f"{len(wrong):,} of {len(rows):,} held-out rows are predicted wrong"
    if len(wrong) > LISTED:
        words += f"; the first {LISTED} are listed"
    told = _paragraph(f"{words}.")
    if wrong:
        unit = str(frame.index.name or "row")
        listed = [list(map(str, (frame.index[i], y[i], prediction[i]))) for i in wrong]
        told += _table([unit, "true", "predicted"], listed[:LISTED], numbers=False)
    return {"Held-out rows by class": confusion, "Held-out rows predicted wrong": told}


def _importances(found: Importances | None) -> str:
    if found is None:
        return _paragraph("The loss on the held-out rows is not finite.")
    words = (
        "How far the mean loss on the held-out rows rises when one column is shuffled "
        f"among them: mean and standard deviation of {SHUFFLES} shuffles. Columns that "
        "say the same look less important than either is."
    )
    if len(found.names) > DRAWN:
        words += f" The {DRAWN} most important of {len(found.names):,} are drawn."
    names, mean, deviation = zip(*found.ranked()[:DRAWN], strict=True)
    return _pictures(words, {"Importances": importances(names, mean, deviation)})


def _columns(model: Model) -> str:
    roles = {"input": model.inputs, "target": model.targets}
    rows = [
        [column.name, role, _encoding(column)]
        for role, columns in roles.items()
        for column in columns
    ]
    return _table(["column", "role", "how"], rows, numbers=False)


def _encoding(column: Column) -> str:
    if column.levels is None:
        indicator = "; where missing, 0, and 1 in an indicator" * column.missing
        return (
            f"a number, from which {column.mean:.6g} is taken, over {column.scale:.6g}"
            f"{indicator}"
        )
    shown = ", ".join(map(told, column.levels[:LISTED]))
    more = len(column.levels) - LISTED
    return f"one of {shown}{f' and {more:,} more' if more > 0 else ''}"


def _paragraph(text: str) -> str:
    """A paragraph of text."""
    return f'<p class="note">{_text(text)}</p>'


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of what and how."""
    lines = (f"<tr><th>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in rows)
    return f'<table class="facts">{"".join(lines)}</table>'


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True
) -> str:
    """A table under headings; its columns but the first to the right, if numbers."""
    grid = Grid(headings, rows, headings[:1] if numbers else headings)
    return f'<div class="wide">{grid._repr_html_()}</div>'


def _pictures(words: str, drawn: dict[str, "Axes"]) -> str:
    """Pictures by what each shows, side by side where there is room, and some words."""
    images = (
        f'<figure><img alt="{_text(shown)}" src="{_as_data(axes)}"></figure>'
        for shown, axes in drawn.items()
    )
    return f'<div class="pictures">{"".join(images)}</div>{_paragraph(words)}'


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
