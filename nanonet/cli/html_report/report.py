"""What a report of a fit says, from top to bottom."""

import datetime
import platform
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from nanonet._internal.version import version_of
from nanonet.cli.fit_summary import (
    SCORE_HEADINGS,
    SHUFFLES,
    Summary,
    by_importance,
    score_rows,
)
from nanonet.cli.html_report import page
from nanonet.fitting.fitted import Fit
from nanonet.fitting.importances import Importances
from nanonet.model.model import Model, predict
from nanonet.plot.answers import importances, predictions, residuals
from nanonet.plot.curves import training
from nanonet.table.columns import Column

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

Section = tuple[str, str]

#: Wrong rows that are listed, and columns whose importance is drawn.
LISTED, DRAWN = 20, 30

#: On which the numbers depend, beside Python.
PACKAGES = ("nanonet", "jax", "optax", "numpy", "pandas")

TRAINING = (
    "J, the mean loss of the training rows plus the penalty, and the norm of its "
    "gradient, at every step. The dot is the step that was kept."
)
NETWORK = (
    "Lines are weights: the wider, the larger; blue above 0, vermillion below. "
    "Of a layer of more than 12 units the first 12 are drawn."
)


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
    drawn = _picture("Diagram of the network", fit.model.plot(), NETWORK)
    trained = _picture("J and its gradient by step", training(fit.result), TRAINING)
    scores = page.table(SCORE_HEADINGS, score_rows(told.fit.scores))
    versions = [(package, version_of(package)) for package in PACKAGES]
    return page.page(
        told.title,
        [
            (
                "What was done",
                page.facts([*told.facts(), ("", str(fit.result.status)), ("on", now)]),
            ),
            ("Scores", scores + page.paragraph(told.baseline)),
            ("Training", trained),
            *answers,
            ("Which columns matter", _importances(told.importances)),
            ("The network", drawn),
            ("How the columns are encoded", _columns(fit.model)),
            (
                "Versions",
                page.facts([("Python", platform.python_version()), *versions]),
            ),
        ],
    )


def _regression(
    y: np.ndarray, prediction: np.ndarray, held_out: np.ndarray
) -> list[Section]:
    drawn = {
        "Predicted against true": predictions(y, prediction, held_out=held_out),
        "Residuals": residuals(y, prediction, held_out=held_out),
    }
    words = (
        "Held-out points should scatter around the line as the training points do, and "
        "the residuals show no pattern."
    )
    shown = page.pictures(drawn) + page.paragraph(words)
    return [("Predicted against true, and what is left", shown)]


def _classification(
    frame: "pandas.DataFrame", y: np.ndarray, prediction: np.ndarray, fit: Fit
) -> list[Section]:
    levels, rows = fit.targets[0].levels or (), fit.split.test
    wrong = [i for i in rows if y[i] != prediction[i]]
    pairs = Counter(zip(y[rows], prediction[rows], strict=True))
    counts = [[row, *(f"{pairs[row, other]:,}" for other in levels)] for row in levels]
    confusion = page.table(["true, predicted →", *levels], counts)
    words = f"{len(wrong):,} of {len(rows):,} held-out rows are predicted wrong"
    if len(wrong) > LISTED:
        words += f"; the first {LISTED} are listed"
    told = page.paragraph(f"{words}.")
    if wrong:
        unit = str(frame.index.name or "row")
        listed = [list(map(str, (frame.index[i], y[i], prediction[i]))) for i in wrong]
        told += page.table([unit, "true", "predicted"], listed[:LISTED], numbers=False)
    return [
        ("Held-out rows by class", confusion),
        ("Held-out rows predicted wrong", told),
    ]


def _importances(found: Importances | None) -> str:
    if found is None:
        return page.paragraph("The loss on the held-out rows is not finite.")
    words = (
        "How far the mean loss on the held-out rows rises when one column is shuffled "
        f"among them: mean and standard deviation of {SHUFFLES} shuffles. Columns that "
        "say the same look less important than either is."
    )
    if len(found.names) > DRAWN:
        words += f" The {DRAWN} most important of {len(found.names):,} are drawn."
    names, mean, deviation = zip(*by_importance(found)[:DRAWN], strict=True)
    return _picture("Importances", importances(names, mean, deviation), words)


def _picture(shown: str, axes: "Axes", words: str) -> str:
    return page.pictures({shown: axes}) + page.paragraph(words)


def _columns(model: Model) -> str:
    roles = {"input": model.inputs, "target": model.targets}
    rows = [
        [column.name, role, _encoding(column)]
        for role, columns in roles.items()
        for column in columns
    ]
    return page.table(["column", "role", "how"], rows, numbers=False)


def _encoding(column: Column) -> str:
    if column.levels is None:
        return (
            f"a number, from which {column.mean:.6g} is taken, over {column.scale:.6g}"
        )
    shown = ", ".join(column.levels[:LISTED])
    more = len(column.levels) - LISTED
    return f"one of {shown}{f' and {more:,} more' if more > 0 else ''}"
