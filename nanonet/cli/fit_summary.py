"""What the command line finds out of a fit, and tells in JSON."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from nanonet.fitting.certainty import Certainty, certainty_of, promise
from nanonet.fitting.fitted import Fit
from nanonet.fitting.importances import Importances
from nanonet.fitting.settings import count_parameters
from nanonet.fitting.skill import Skill
from nanonet.rules._parts.registry import NAMED
from nanonet.table.cells import select
from nanonet.table.columns import describe as describe_column

if TYPE_CHECKING:
    import pandas

SHUFFLES = 20
LEVEL = 0.95


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
    """Of columns whose categories of few rows are one, which these are."""

    half_width: float | None
    """Of the interval that holds a new y with probability 95 %: the median over the
    test rows; None of a classification."""

    certainty: Certainty | None
    """How good such intervals, or sets of classes, are on the test rows; None of a
    classification without folds."""

    importances: Importances | None
    """None where they are not finite."""

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


def score_key(name: str) -> str:
    """A score's name for scripts.

    >>> score_key("robust R²"), score_key("RMSE")
    ('robust_r_squared', 'rmse')
    """
    return name.replace("R²", "r_squared").replace(" ", "_").lower()
