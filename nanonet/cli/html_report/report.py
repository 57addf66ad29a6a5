"""What a report of a fit says, from top to bottom."""

import datetime
import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from nanonet.cli.html_report import page, pictures
from nanonet.cli.tables import SCORE_HEADINGS, baseline, describe_fit, score_rows
from nanonet.fitting.fitted import Fit
from nanonet.model.model import Model, predict
from nanonet.plot.curves import training
from nanonet.table.columns import Column

if TYPE_CHECKING:
    import pandas

Section = tuple[str, str]

#: Wrong rows that are listed, and columns whose importance is drawn.
LISTED, DRAWN = 20, 30

PACKAGES = ("nanonet", "jax", "optax", "numpy", "pandas")


def fit_as_html(
    name: str, frame: "pandas.DataFrame", fit: Fit, settings: dict[str, Any]
) -> str:
    """Report a fit on one HTML page, which holds all it shows and loads nothing.

    Args:
      name: of the table.
      frame: what `fit_table` was given.
      fit: what it returned.
      settings: of the training, by name.

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
    return page.page(
        f"{name}: {target.name}",
        [
            (
                "What was done",
                page.facts([*describe_fit(fit, settings), *_status(fit)]),
            ),
            ("Scores", _scores(fit)),
            ("Training", _training(fit)),
            *answers,
            ("Which columns matter", _importances(fit)),
            ("The network", _network(fit.model)),
            ("How the columns are encoded", _columns(fit.model)),
            ("Versions", page.facts(_versions())),
        ],
    )


def _status(fit: Fit) -> list[tuple[str, str]]:
    now = datetime.datetime.now(datetime.UTC)
    return [("", str(fit.result.status)), ("on", f"{now:%Y-%m-%d %H:%M} UTC")]


def _scores(fit: Fit) -> str:
    scores = page.table(SCORE_HEADINGS, score_rows(fit.scores))
    return scores + page.paragraph(baseline(fit))


def _training(fit: Fit) -> str:
    words = (
        "J, the mean loss of the training rows plus the penalty, and the norm of its "
        "gradient, at every step. The dot is the step that was kept."
    )
    axes = training(fit.result)
    return page.pictures({"J and its gradient by step": axes}) + page.paragraph(words)


def _regression(
    y: np.ndarray, prediction: np.ndarray, held_out: np.ndarray
) -> list[Section]:
    drawn = page.pictures(
        {
            "Predicted against true": pictures.predicted_against_true(
                y, prediction, held_out
            ),
            "Residuals": pictures.residuals(y, prediction, held_out),
        }
    )
    words = (
        "Held-out points should scatter around the line as the training points do, and "
        "the residuals show no pattern."
    )
    return [("Predicted against true, and what is left", drawn + page.paragraph(words))]


def _classification(
    frame: "pandas.DataFrame", y: np.ndarray, prediction: np.ndarray, fit: Fit
) -> list[Section]:
    levels, rows = fit.targets[0].levels or (), fit.split.test
    wrong = [i for i in rows if y[i] != prediction[i]]
    pairs = Counter(zip(y[rows], prediction[rows], strict=True))
    counts = [
        [true, *(f"{pairs[true, other]:,}" for other in levels)] for true in levels
    ]
    confusion = page.table(["true, predicted →", *levels], counts)
    unit = frame.index.name or "row"
    listed = page.table(
        [str(unit), "true", "predicted"],
        [[str(frame.index[i]), str(y[i]), str(prediction[i])] for i in wrong[:LISTED]],
        numbers=False,
    )
    words = f"{len(wrong):,} of {len(rows):,} held-out rows are predicted wrong"
    if len(wrong) > LISTED:
        words += f"; the first {LISTED} are listed"
    return [
        ("Held-out rows by class", confusion),
        (
            "Held-out rows predicted wrong",
            page.paragraph(f"{words}.") + (listed if wrong else ""),
        ),
    ]


def _importances(fit: Fit) -> str:
    found = fit.importances(key=jax.random.key(0), repeats=20)
    order = np.argsort(-found.mean)[:DRAWN]
    words = (
        "How far the mean loss on the held-out rows rises when one column is shuffled "
        "among them: mean and standard deviation of 20 shuffles. Columns that say the "
        "same look less important than either is."
    )
    if len(found.names) > DRAWN:
        words += f" The {DRAWN} most important of {len(found.names):,} are drawn."
    axes = pictures.importances(
        [found.names[i] for i in order], found.mean[order], found.deviation[order]
    )
    return page.pictures({"Importances": axes}) + page.paragraph(words)


def _network(model: Model) -> str:
    words = (
        "Lines are weights: the wider, the larger; blue above 0, vermillion below. "
        "Each layer is drawn by its own largest weight. Biases are left out."
    )
    diagram = pictures.network_diagram(model)
    return page.pictures({"Diagram of the network": diagram}) + page.paragraph(words)


def _columns(model: Model) -> str:
    columns = [("input", c) for c in model.inputs] + [
        ("target", c) for c in model.targets
    ]
    rows = [[column.name, role, _encoding(column)] for role, column in columns]
    return page.table(["column", "role", "how"], rows, numbers=False)


def _encoding(column: Column) -> str:
    if column.levels is None:
        return (
            f"a number, from which {column.mean:.6g} is taken, over {column.scale:.6g}"
        )
    shown = ", ".join(column.levels[:LISTED])
    more = len(column.levels) - LISTED
    return f"one of {shown}{f' and {more:,} more' if more > 0 else ''}"


def _versions() -> list[tuple[str, str]]:
    """Of Python and the packages that the numbers depend on."""
    found = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:  # used from its source, without installing it
            found.append((package, "not installed as a package"))
    return found
