"""Fit one network to a data frame, and score it on rows it has not seen."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from nanonet._internal.checks import check_choice, check_number
from nanonet.fitting.fit import fit
from nanonet.model.model import Model
from nanonet.model.scores import Score, scores
from nanonet.network.network import mlp
from nanonet.rules._parts.registry import RULES
from nanonet.solve.result import Result
from nanonet.table.columns import (
    Column,
    count_distinct,
    describe,
    encode_table,
    select,
    standardize,
)
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas


class TableFit(NamedTuple):
    """A model, and how it came about."""

    model: Model

    result: Result
    """Of the training; its J is a mean over the training rows, plus the penalty."""

    learning_rate: float
    train_rows: int
    held_out_rows: int
    scores: tuple[Score, ...]

    held_out: Bool[np.ndarray, " rows"]
    """Which rows of the table were held out."""


def fit_table(
    frame: "pandas.DataFrame",
    target: str,
    *,
    ignore: Collection[str] = (),
    categorical: Collection[str] = (),
    hidden: int = 8,
    rule: str = "adam",
    learning_rate: float | None = None,
    l2: float = 0.01,
    max_steps: int = 5000,
    time_limit: float | None = None,
    test_fraction: float = 0.25,
    seed: int = 0,
    progress: bool = False,
) -> TableFit:
    """Fit a network with one hidden layer of tanh units to a table.

    Columns of numbers are standardised, with the mean and the standard deviation of
    the training rows; columns of text become one input for each category. A target of
    text, of two different numbers, or named in ``categorical`` is classified (softmax
    and cross-entropy); any other is regressed (identity and mean squared error, in
    units of its standard deviation). Every step uses all training rows. Computes in
    float64.

    Args:
      frame: the table, one row for each example, as `read_table` returns it.
      target: the column to predict.
      ignore: columns to leave out.
      categorical: columns whose numbers are names of categories.
      hidden: units of the hidden layer.
      rule: name of the update rule, see `nanonet.rules._parts.registry`.
      learning_rate: by default one that goes with the rule.
      l2: weight of the L2 penalty.
      max_steps: steps at the most.
      time_limit: seconds of training at the most.
      test_fraction: share of the rows that is held out; of each class alike.
      seed: of the choice of those rows, and of the network's start.
      progress: show a progress bar, on a terminal.

    Raises:
      TableError: the table cannot be learnt from; the message says which cell, column
        or class is to blame.
      ValueError: an argument is out of its range, or names nothing.
      ModuleNotFoundError: pandas is not installed (extra ``tables``).

    >>> from nanonet.table.read import read_table
    >>> fit = fit_table(read_table("iris"), "species", rule="gradient_descent")
    >>> print(f"{fit.scores[0].held_out:.0%} of {fit.held_out_rows} rows")
    97% of 36 rows
    """
    names = list(frame.columns)
    check_choice("target", target, names)
    for argument, chosen in {"ignore": ignore, "categorical": categorical}.items():
        for name in chosen:
            check_choice(argument, name, names)
    check_choice("rule", rule, RULES)
    check_number("test_fraction", test_fraction, above=0, below=1)

    inputs = [
        _describe_input(select(frame, name), name in categorical)
        for name in names
        if name != target and name not in ignore
    ]
    if not inputs:
        raise TableError(f"no column is left to predict {target!r} from.")
    output = _describe_target(select(frame, target), target in categorical)
    held_out = _choose_held_out(
        select(frame, target), output, test_fraction, np.random.default_rng(seed)
    )
    train, rest = frame.loc[~held_out], frame.loc[held_out]
    *inputs, output = (
        standardize(column, select(train, column.name)) for column in [*inputs, output]
    )

    classify = output.levels is not None
    make, usual_learning_rate = RULES[rule]
    learning_rate = usual_learning_rate if learning_rate is None else learning_rate
    x, y = encode_table(inputs, frame), encode_table([output], frame)
    found = fit(
        mlp(
            [x.shape[1], hidden, y.shape[1]],
            hidden="tanh",
            output="softmax" if classify else "identity",
        ),
        x,
        y,
        key=jax.random.key(seed),
        rule=make(learning_rate),
        l2=l2,
        test=held_out,
        starts=1,
        max_steps=max_steps,
        gtol=1e-4,
        time_limit=time_limit,
        standardize=False,
        progress=progress,
    )
    model = Model(found.network, found.params, tuple(inputs), output)
    return TableFit(
        model,
        found.result,
        learning_rate,
        train_rows=len(train),
        held_out_rows=len(rest),
        scores=scores(model, train, rest),
        held_out=held_out,
    )


def _describe_input(cells: "pandas.Series", categorical: bool) -> Column:
    column = describe(cells, categorical=categorical)
    if column.levels is not None and len(column.levels) == len(cells):
        raise TableError(
            f"column {column.name!r} holds another text in every row, from which "
            "nothing can be learnt for other rows; leave it out."
        )
    return column


def _describe_target(cells: "pandas.Series", categorical: bool) -> Column:
    column = describe(cells, categorical=categorical)
    if column.levels is None and count_distinct(column, cells) == 2:
        return describe(cells, categorical=True)
    return column


def _choose_held_out(
    cells: "pandas.Series", target: Column, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Mark at random a share of the rows, and of each class alike."""
    held_out = np.zeros(len(cells), bool)
    for group, rows, least in _groups(cells, target):
        if len(rows) < 2 * least:
            raise TableError(
                f"{group} has {len(rows)} row{'s' * (len(rows) != 1)}; at least "
                f"{2 * least} are needed, {least} to learn from and {least} to test on."
            )
        count = np.clip(round(fraction * len(rows)), least, len(rows) - least)
        held_out[rng.choice(rows, count, replace=False)] = True
    return held_out


def _groups(
    cells: "pandas.Series", target: Column
) -> Iterator[tuple[str, np.ndarray, int]]:
    """Name, rows and least part of each class; of the whole table, in regression."""
    if target.levels is None:
        yield "the table", np.arange(len(cells)), 2
        return
    classes = np.argmax(target.encode(cells), axis=1)
    for i, level in enumerate(target.levels):
        yield f"class {level!r} of {target.name!r}", np.flatnonzero(classes == i), 1
