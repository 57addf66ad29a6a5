"""The report of a fit: what stands on its page, in which order."""

import datetime
import platform
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from nanonet._internal.version import version_of
from nanonet.cli.fit_facts import facts_of
from nanonet.cli.fit_screen import SCORE_HEADINGS, score_rows
from nanonet.cli.fit_summary import LEVEL, SHUFFLES, Summary
from nanonet.cli.report.page import page
from nanonet.cli.report.parts import facts, paragraph, pictures, table, text
from nanonet.cli.report.profiler import SCRIPT, live
from nanonet.fitting.fitted import Fit
from nanonet.fitting.importances import Importances
from nanonet.model.model import Model, predict
from nanonet.plot.answers import errors, importances, predictions, residuals
from nanonet.plot.classes import MOST_CLASSES, calibration, roc
from nanonet.plot.curves import training
from nanonet.plot.profiles import profile
from nanonet.table.columns import Column, told

if TYPE_CHECKING:
    import pandas

#: Wrong rows that are listed, and columns whose importance is drawn.
LISTED, DRAWN = 20, 30

#: Bins of a calibration curve, of few rows and of enough.
BINS, ENOUGH = (5, 10), 200

#: On which the numbers depend, beside Python.
PACKAGES = ("nanonet", "jax", "optax", "numpy", "pandas")

TRAINING = (
    "J, the mean loss of the training rows plus the penalty, and the norm of its "
    "gradient, at every step of the best start. The dot is the step that was kept."
)
PROFILER = (
    "What is predicted as one column changes and all others stay. The columns by which "
    "the prediction moves most come first; what is far from all rows of the table is a "
    "guess."
)
BANDS = (
    " The dark band holds the mean of such rows, the pale one a new row, by "
    f"{100 * LEVEL:g} %, if the noise is normal."
)
MOVES = " Move a slider, and everything follows."
LEFT = (
    "Held-out points should scatter around the line as the training points do, and the "
    "residuals show no pattern, and spread alike. Each bar is the interval of a row "
    f"held out, which should hold its true value with a probability of {100 * LEVEL:g} "
    "%; those that do not are in another color."
)
PROBABILITIES = (
    "ROC curves, one class against the rest: the area is 1 where all rows are told "
    "apart, 1/2 by chance. Beside them how often what was called so probable was so: "
    "on the diagonal the probabilities are honest; bars are what so few rows leave "
    "open, by 95 %."
)
NETWORK = (
    "Of several networks, whose mean is predicted, the best. Lines are weights: the "
    "wider, the larger; blue above 0, vermillion below. "
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
    if target.levels is None:
        answers = _regression(frame, fit.examples.y[:, 0], prediction, fit)
    else:
        y = np.array(target.levels, object)[fit.examples.classes]
        answers = _classification(frame, y, prediction, fit)
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    scores = table(SCORE_HEADINGS, score_rows(told.fit.scores))
    versions = [(package, version_of(package)) for package in PACKAGES]
    profiler = live(fit, LEVEL)
    sections = {
        "What was done": facts(
            [*facts_of(told), ("", str(fit.result.status)), ("on", now)]
        ),
        "Scores": scores + paragraph(told.baseline),
        "What if": _profiler(fit, profiler),
        "Training": pictures(TRAINING, {"J and its gradient": training(fit.result)}),
        **answers,
        "Which columns matter": _importances(told.importances),
        "The network": pictures(NETWORK, {"Diagram of the network": fit.model.plot()}),
        "How the columns are encoded": _columns(fit.model),
        "Versions": facts([("Python", platform.python_version()), *versions]),
    }
    lead = paragraph(str(told.skill), "lead")
    shown = (f"<h2>{text(k)}</h2>\n{part}" for k, part in sections.items())
    script = "" if profiler is None else SCRIPT
    return page(text(told.title), "\n".join([lead, *shown]), script)


def _regression(
    frame: "pandas.DataFrame", y: np.ndarray, prediction: np.ndarray, fit: Fit
) -> dict[str, str]:
    rows = fit.split.test
    held_out = np.isin(np.arange(len(prediction)), rows)
    drawn = {
        "Predicted against true": predictions(y, prediction, held_out=held_out),
        "Residuals": residuals(y, prediction, held_out=held_out),
    }
    if fit.has_intervals:
        interval = fit.predict_interval(frame.iloc[rows], level=LEVEL)
        sure = predictions(y[rows], interval.prediction, interval=interval)
        drawn["Intervals of the rows held out"] = sure
    errors_of = errors(y, prediction, held_out=held_out)
    drawn["Histogram of the residuals"] = errors_of
    words = LEFT
    if fit.heteroscedastic is not None:  # of which this is not true, and need not be
        words = words.replace(", and spread alike", "")
    return {"Predicted against true, and what is left": pictures(words, drawn)}


def _classification(
    frame: "pandas.DataFrame", y: np.ndarray, prediction: np.ndarray, fit: Fit
) -> dict[str, str]:
    levels, rows = fit.targets[0].levels or (), fit.split.test
    wrong = [i for i in rows if y[i] != prediction[i]]
    pairs = Counter(zip(y[rows], prediction[rows], strict=True))
    counts = [[row, *(f"{pairs[row, other]:,}" for other in levels)] for row in levels]
    confusion = table(["true, predicted →", *levels], counts)
    words = f"{len(wrong):,} of {len(rows):,} held-out rows are predicted wrong"
    if len(wrong) > LISTED:
        words += f"; the first {LISTED} are listed"
    told = paragraph(f"{words}.")
    if wrong:
        unit = str(frame.index.name or "row")
        listed = [list(map(str, (frame.index[i], y[i], prediction[i]))) for i in wrong]
        told += table([unit, "true", "predicted"], listed[:LISTED], numbers=False)
    return {
        "Held-out rows by class": confusion,
        "Held-out rows predicted wrong": told,
        **_probabilities(frame.iloc[rows], y[rows], fit),
    }


def _probabilities(
    frame: "pandas.DataFrame", y: np.ndarray, fit: Fit
) -> dict[str, str]:
    """How good they are, of the rows held out, if their classes can be drawn."""
    classes = fit.targets[0].levels or ()
    if len(classes) > MOST_CLASSES or len(set(y)) < 2:
        return {}
    p = fit.model.predict_probabilities(frame)
    drawn = {
        "ROC curves": roc(y, p, classes=classes),
        "Calibration": calibration(y, p, classes=classes, bins=BINS[len(y) >= ENOUGH]),
    }
    return {"Probabilities of the rows held out": pictures(PROBABILITIES, drawn)}


def _profiler(fit: Fit, profiler: str | None) -> str:
    words = PROFILER + BANDS * (fit.noise is not None)
    if fit.targets[0].transform:
        words = words.replace("the mean of", "the median of")
    if profiler is not None:
        return paragraph(words + MOVES) + profiler
    return pictures(words, {"Profile": profile(fit, level=LEVEL)[0]})


def _importances(found: Importances | None) -> str:
    if found is None:
        return paragraph("The loss on the held-out rows is not finite.")
    words = (
        "How far the mean loss on the held-out rows rises when one column is shuffled "
        f"among them: mean and standard deviation of {SHUFFLES} shuffles. Columns that "
        "say the same look less important than either is."
    )
    if len(found.names) > DRAWN:
        words += f" The {DRAWN} most important of {len(found.names):,} are drawn."
    names, mean, deviation = zip(*found.ranked()[:DRAWN], strict=True)
    return pictures(words, {"Importances": importances(names, mean, deviation)})


def _columns(model: Model) -> str:
    roles = {"input": model.inputs, "target": model.targets}
    rows = [
        [column.name, role, _encoding(column)]
        for role, columns in roles.items()
        for column in columns
    ]
    return table(["column", "role", "how"], rows, numbers=False)


def _encoding(column: Column) -> str:
    if column.levels is None:
        indicator = "; where missing, 0, and 1 in an indicator" * column.missing
        kind = f"the {column.transform} of a number" if column.transform else "a number"
        return (
            f"{kind}, from which {column.mean:.6g} is taken, over {column.scale:.6g}"
            f"{indicator}"
        )
    shown = ", ".join(map(told, column.levels[:LISTED]))
    more = len(column.levels) - LISTED
    return f"one of {shown}{f' and {more:,} more' if more > 0 else ''}"
