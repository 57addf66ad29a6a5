"""What was fitted to what, and how: the facts on the screen and the report page."""

import math

import numpy as np

from nanonet.cli.fit_summary import Summary
from nanonet.fitting.certainty import promise
from nanonet.fitting.fitted import Fit
from nanonet.fitting.settings import count_parameters, told_penalty
from nanonet.model.model import describe_network


def facts_of(told: Summary) -> list[tuple[str, str]]:
    """Each fact, and what it is of."""
    fit = told.fit
    count = f"{count_parameters(fit.network):,} parameters"
    network = describe_network(fit.network).removeprefix("network ")
    return [
        ("rows", _rows(fit)),
        ("inputs", _inputs(told)),
        *([("rare", ", ".join(told.rare))] if told.rare else []),
        ("task", _task(fit)),
        ("network", f"{network}, {count}"),
        ("training", f"{_rule(told)}; {_starts(told)}"),
        *([] if fit.robust is None else [("outliers", _outliers(fit))]),
        *([] if fit.heteroscedastic is None else [("noise", _noise(fit))]),
        ("penalty", _penalty(told)),
        ("result", _result(fit)),
        *_certain(told),
    ]


def _rows(fit: Fit) -> str:
    words = ("train", "validation", "held out")
    parts = zip(fit.split, words, strict=True)
    return ", ".join(f"{len(rows):,} {word}" for rows, word in parts if len(rows))


def _inputs(told: Summary) -> str:
    """Their names, and which the answer rises or falls with."""
    marks = {name: " ↑" if sign > 0 else " ↓" for name, sign in told.monotone.items()}
    names = (column.name for column in told.fit.inputs)
    return ", ".join(name + marks.get(name, "") for name in names)


def _task(fit: Fit) -> str:
    target = fit.targets[0]
    if target.levels is not None:
        more = ", …" * (len(target.levels) > 6)
        return f"classification: {', '.join(target.levels[:6])}{more}"
    return f"regression of the {target.transform}".removesuffix(" of the None")


def _rule(told: Summary) -> str:
    rule = told.rule or "rule that suits the table"
    if told.learning_rate is not None:
        rule += f", learning rate {told.learning_rate:g}"
    return rule


def _starts(told: Summary) -> str:
    fit, count = told.fit, len(told.fit.starts.score)
    starts = f"{count:,} start{'s' * (count > 1)}, seed {told.seed}"
    if len(fit.members) > 1:
        return f"mean of {len(fit.members):,} of {starts}"
    return f"best of {starts}" if count > 1 else starts


def _penalty(told: Summary) -> str:
    penalty = f"l2 = {told_penalty(told.fit.l2)}"
    if told.gamma is None:
        return penalty
    n = count_parameters(told.fit.network)
    by = f"found by evidence; γ = {told.gamma:.1f} effective parameters of {n:,}"
    return f"{penalty}, {by}"


def _result(fit: Fit) -> str:
    result = f"J = {fit.result.value:.4g} after {fit.result.steps:,} steps"
    return result + ", of the best start" * (len(fit.members) > 1)


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


def _certain(told: Summary) -> list[tuple[str, str]]:
    """How sure it is of new rows, and whether that is true of those held out."""
    found, fit = told.certainty, told.fit
    if found is None:
        return []
    if told.half_width is not None:
        what, how = "interval", f"ŷ ± {told.half_width:.3g}"
        how += " (median)" * (fit.heteroscedastic is not None)
    else:
        what, how = "classes", f"sets of {found.width:.3g} (mean)"
    count = len(fit.split.test)
    within = f"{round(found.coverage * count):,} of {count:,} held out are within"
    facts = [(what, f"{how} for {100 * found.level:g} % of new rows; {within}")]
    if fit.folds is not None:
        n, folds = len(fit.folds.fold), len(fit.folds.share)
        method = "jackknife+" if folds == n else f"CV+ of {folds:,} folds"
        percent = math.floor(100 * (promise(fit, found.level) or 0.0))
        least = f"at least {percent} % whatever the data are"
        facts.append(("guarantee", f"{least}, by {method}"))
    return facts
