"""What there is to say of a fit: told on the screen, in JSON and on the report page."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from rich.table import Table

from nanonet._internal.grid import Grid
from nanonet._internal.text import printable
from nanonet.cli.arguments import console
from nanonet.fitting.certainty import Certainty, certainty_of, promise
from nanonet.fitting.fitted import Fit
from nanonet.fitting.importances import Importances
from nanonet.fitting.settings import count_parameters, told_penalty
from nanonet.fitting.skill import Skill
from nanonet.model.model import describe_network
from nanonet.model.scores import Score
from nanonet.rules._parts.registry import NAMED
from nanonet.table.cells import select
from nanonet.table.columns import describe as describe_column

if TYPE_CHECKING:
    import pandas

SHUFFLES = 20
LEVEL = 0.95

#: Columns whose importance is shown.
MOST_COLUMNS = 10


@dataclasses.dataclass(frozen=True)
class Summary:
    """A fit, as the command line tells it."""

    table: str
    fit: Fit
    seed: int

    rule: str | None
    """Its name, if it was chosen by it."""

    learning_rate: float | None

    monotone: dict[str, int]
    """+1 for columns with which the answer rises, -1 where it falls."""

    rare: list[str]
    """Columns whose categories of few rows are one, and which these are."""

    half_width: float | None
    """Of the interval that holds a new y with probability 95 %: the median over the
    test rows; None of a classification."""

    certainty: Certainty | None
    """How good such intervals, or sets of classes, are on the test rows; None of a
    classification without folds."""

    importances: Importances | None
    """None where they are not finite."""

    def facts(self) -> list[tuple[str, str]]:
        """What was fitted to what, and how."""
        fit, target = self.fit, self.fit.targets[0]
        words = ("train", "validation", "held out")
        rows = [
            f"{len(part):,} {word}"
            for part, word in zip(fit.split, words, strict=True)
            if len(part)
        ]
        task = f"regression of the {target.transform}".removesuffix(" of the None")
        if target.levels is not None:
            more = ", …" * (len(target.levels) > 6)
            task = f"classification: {', '.join(target.levels[:6])}{more}"
        rule = self.rule or "rule that suits the table"
        if self.learning_rate is not None:
            rule += f", learning rate {self.learning_rate:g}"
        n = f"{count_parameters(fit.network):,}"
        penalty = f"l2 = {told_penalty(fit.l2)}"
        if self.gamma is not None:
            penalty += (
                f", found by evidence; γ = {self.gamma:.1f} effective parameters of {n}"
            )
        network = describe_network(fit.network).removeprefix("network ")
        count = len(fit.starts.score)
        starts = f"{count:,} start{'s' * (count > 1)}, seed {self.seed}"
        if len(fit.members) > 1:
            starts = f"mean of {len(fit.members):,} of {starts}"
        elif count > 1:
            starts = f"best of {starts}"
        steps = f"{fit.result.steps:,} steps"
        if len(fit.members) > 1:
            steps += ", of the best start"
        marks = {
            name: " ↑" if sign > 0 else " ↓" for name, sign in self.monotone.items()
        }
        inputs = (column.name + marks.get(column.name, "") for column in fit.inputs)
        told = [
            ("rows", ", ".join(rows)),
            ("inputs", ", ".join(inputs)),
            *([("rare", ", ".join(self.rare))] if self.rare else []),
            ("task", task),
            ("network", f"{network}, {n} parameters"),
            ("training", f"{rule}; {starts}"),
            *([] if fit.robust is None else [("outliers", _outliers(fit))]),
            *([] if fit.heteroscedastic is None else [("noise", _noise(fit))]),
            ("penalty", penalty),
            ("result", f"J = {fit.result.value:.4g} after {steps}"),
        ]
        return told + self._certain()

    def _certain(self) -> list[tuple[str, str]]:
        """How sure it is of new rows, and whether that is true of those held out."""
        found, fit = self.certainty, self.fit
        if found is None:
            return []
        if self.half_width is not None:
            what, how = "interval", f"ŷ ± {self.half_width:.3g}"
            how += " (median)" * (fit.heteroscedastic is not None)
        else:
            what, how = "classes", f"sets of {found.width:.3g} (mean)"
        count = len(fit.split.test)
        within = f"{round(found.coverage * count):,} of {count:,} held out are within"
        told = [(what, f"{how} for {100 * found.level:g} % of new rows; {within}")]
        if fit.folds is not None:
            n, folds = len(fit.folds.fold), len(fit.folds.share)
            method = "jackknife+" if folds == n else f"CV+ of {folds:,} folds"
            percent = math.floor(100 * (promise(fit, found.level) or 0.0))
            least = f"at least {percent} % whatever the data are"
            told.append(("guarantee", f"{least}, by {method}"))
        return told

    @property
    def title(self) -> str:
        """The table and its target."""
        return f"{self.table}: {self.fit.targets[0].name}"

    @property
    def skill(self) -> Skill:
        """How good it is beside a linear model and the baseline."""
        (skill,) = self.fit.skill
        return skill

    @property
    def baseline(self) -> str:
        """What the baseline of the scores is."""
        levels = self.fit.targets[0].levels
        usual = "the mean" if levels is None else "the most frequent class"
        if self.fit.robust is not None:
            usual = f"the constant of the least {self.fit.robust.loss} loss"
        return f"baseline: always answering {usual} of the training rows"

    @property
    def gamma(self) -> float | None:
        """The number of effective parameters, where l2 was found by evidence."""
        evidence = self.fit.evidence
        return None if evidence is None else float(evidence.effective_parameters)

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        fit, important = self.fit, self.importances
        assert fit.network.architecture is not None
        return {
            "table": self.table,
            "target": fit.targets[0].name,
            "classes": fit.targets[0].levels,
            "inputs": [column.name for column in fit.inputs],
            "rare": [column.name for column in fit.inputs if column.rare],
            "rising": [name for name, sign in self.monotone.items() if sign > 0],
            "falling": [name for name, sign in self.monotone.items() if sign < 0],
            "rows": {part: len(rows) for part, rows in fit.split._asdict().items()},
            "network": fit.network.architecture._asdict(),
            "parameters": count_parameters(fit.network),
            "rule": self.rule,
            "learning_rate": self.learning_rate,
            "loss": fit.robust and fit.robust.loss,
            "noise": fit.robust and fit.robust.sigma,
            "heteroscedastic": fit.heteroscedastic is not None,
            "l2": fit.l2,
            "l2_by_evidence": fit.evidence is not None,
            "effective_parameters": self.gamma,
            "starts": len(fit.starts.score),
            "members": max(len(fit.members), 1),
            "seed": self.seed,
            "steps": int(fit.result.steps),
            "J": float(fit.result.value),
            "status": fit.status.name,
            "sentence": str(fit.status),
            "scores": {
                score_key(score.name): {
                    part: getattr(score, part) for part in ("train", "test", "baseline")
                }
                for score in fit.scores
            },
            "skill": dataclasses.asdict(self.skill) | {"sentence": str(self.skill)},
            "interval_half_width": self.half_width,
            "certainty": self.certainty
            and dataclasses.asdict(self.certainty)
            | {"guaranteed": promise(fit, self.certainty.level)},
            "importances": important
            and [
                {"column": name, "mean": mean, "deviation": deviation}
                for name, mean, deviation in important.ranked()
            ],
        }


def _pooled(frame: "pandas.DataFrame", fit: Fit) -> list[str]:
    """Which categories of which column count as one."""
    found = []
    for column in fit.inputs:
        if column.rare:
            kept = column.levels or ()
            cells = select(frame, column.name)
            levels = describe_column(cells, categorical=True).levels or ()
            few = [repr(level) for level in levels if level not in kept]
            listed = ", ".join(few[:5]) + f" and {len(few) - 5} more" * (len(few) > 5)
            found.append(f"{column.name}: {listed} are one")
    return found


def _outliers(fit: Fit) -> str:
    """Which rows a robust loss gave little weight."""
    assert fit.robust is not None
    rows, weight = fit.split.train, fit.robust.weight
    far = rows[weight[rows] < 0.5]
    far = far[np.argsort(weight[far], kind="stable")]
    few = ", ".join(f"{row:,}" for row in far[:5]) + ", …" * (len(far) > 5)
    told = f"{fit.robust.loss} loss, σ = {fit.robust.sigma:.3g}; {len(far):,} of "
    told += f"{len(rows):,} rows count less than half"
    return told + f": {few} (counted from 0)" * (len(far) > 0)


def _noise(fit: Fit) -> str:
    """Between which levels it is, where it depends on the inputs."""
    assert fit.heteroscedastic is not None
    sigma = fit.heteroscedastic.sigma[fit.split.train]
    return f"heteroscedastic, σ from {sigma.min():.3g} to {sigma.max():.3g}"


def describe(
    table: str,
    frame: "pandas.DataFrame",
    fit: Fit,
    asked: dict[str, Any],
    seed: int,
) -> Summary:
    """Ask a fit of one target for what the command line tells.

    Args:
      table: its name.
      frame: what was fitted.
      fit: what came of it.
      asked: arguments of `fit_table` that were not left to it.
      seed: of rows and starts.
    """
    rule = asked.get("rule")
    usual = NAMED[rule].learning_rate if rule in NAMED else None
    half_width = None
    if fit.has_intervals:
        bounds = fit.predict_interval(frame.iloc[fit.split.test], level=LEVEL)
        half_width = float(np.median(bounds.upper - bounds.lower)) / 2
    certainty = None
    if half_width is not None or fit.folds is not None:
        (certainty,) = certainty_of([fit], [fit.split.test], LEVEL)
    importances = fit.importances(key=jax.random.key(seed), repeats=SHUFFLES)
    return Summary(
        table,
        fit,
        seed,
        rule,
        asked.get("learning_rate", usual),
        asked.get("monotone", {}),
        _pooled(frame, fit),
        half_width,
        certainty,
        importances if np.isfinite(importances.mean).all() else None,
    )


SCORE_HEADINGS = ("score", "train", "held out", "baseline")


def score_rows(scores: tuple[Score, ...]) -> list[list[str]]:
    """Each score, as it is shown."""
    rows = []
    for score in scores:
        form = "{:z.4f}" if "R²" in score.name else "{:.4g}"
        form = "{:.1%}" if score.name == "accuracy" else form
        values = score.train, score.test, score.baseline
        rows.append([score.name, *map(form.format, values)])
    return rows


def score_key(name: str) -> str:
    """A score's name for scripts.

    >>> score_key("robust R²"), score_key("RMSE")
    ('robust_r_squared', 'rmse')
    """
    return name.replace("R²", "r_squared").replace(" ", "_").lower()


def show_fit(told: Summary) -> None:
    """Which network learnt what from which rows, its scores, and what they rest on."""
    facts = Table.grid(padding=(0, 2))
    for what, fact in told.facts():
        facts.add_row(what, printable(fact))
    status = told.fit.status
    facts.add_row("", str(status), style="" if status.converged else "yellow")
    out = console()
    out.print(printable(told.title), style="bold")
    out.print(str(told.skill))
    out.print(facts)
    out.print(Grid(SCORE_HEADINGS, score_rows(told.fit.scores), words={"score"}))
    out.print(told.baseline, style="dim")
    if told.importances is not None:
        found = told.importances.ranked()
        rows = [[name, f"{m:.3g}", f"{d:.2g}"] for name, m, d in found]
        if len(rows) > MOST_COLUMNS:
            rest = f"and {len(rows) - MOST_COLUMNS:,} more"
            rows = [*rows[:MOST_COLUMNS], [rest, "", ""]]
        out.print(Grid(("column", "loss rises by", "±"), rows, words={"column"}))
