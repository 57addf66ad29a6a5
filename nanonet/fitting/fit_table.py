"""Fit a network with one or more hidden layers to a data frame of any cells."""

import functools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from nanonet._internal.deprecated import renamed
from nanonet.fitting.fitted import Fit
from nanonet.fitting.left_out import Count
from nanonet.fitting.monotone import Monotone
from nanonet.fitting.reweighting import check_one_number
from nanonet.fitting.run import fit_once, weighing
from nanonet.fitting.settings import Penalty, Rule, Settings, layers_of_units
from nanonet.fitting.target_transform import fit_transformed
from nanonet.network.initializers import RandomKey
from nanonet.network.network import mlp
from nanonet.rules._parts.registry import named_rule
from nanonet.table.examples import read_frame
from nanonet.table.read import TableError

if TYPE_CHECKING:
    import pandas


@renamed(seed=("key", jax.random.key), test_fraction="test")
def fit_table(
    frame: "pandas.DataFrame",
    target: str,
    *,
    key: RandomKey | None = None,
    ignore: Collection[str] = (),
    categorical: Collection[str] = (),
    rare: int = 0,
    hidden: int | Sequence[int] = (10,),
    skip: bool = True,
    loss: str | None = None,
    noise: str = "constant",
    rule: Rule | None = None,
    learning_rate: Any = None,
    l2: Penalty | str | None = None,
    starts: int = 5,
    validation: float | ArrayLike = 0.0,
    test: float | ArrayLike = 0.25,
    folds: Count = 0,
    max_steps: int | None = None,
    bounds: tuple[Any, Any] | None = None,
    monotone: Monotone = None,
    target_transform: str = "none",
    time_limit: float | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Fit:
    """Fit a network of tanh units to a table; `fit`, of columns of any kind.

    Columns of numbers are standardized by the training rows; columns of text become one
    input for each category. Where a number is missing, the mean of the training rows
    stands for it, and an input of its own, the indicator, is 1; a category that is
    missing is one of its own. Missing is an empty cell, NA, NaN, null or what else
    pandas reads as such, and ?; among numbers also -. A category that is new when
    predicting is none of those that are known: all of their inputs are 0, with a
    warning: its weight is 0 a priori, and nothing has been learnt of it. Of a column
    with ``rare`` ones it is one of these.

    A target of text, of two different numbers, or named in ``categorical`` is
    classified (softmax and cross-entropy), and each class is parted alike; any other is
    regressed (identity and mean squared error). All else is as `fit` does it.

    Args:
      frame: the table, one row for each example, as `read_table` returns it.
      target: the column to predict.
      key: of the starts, and of the rows that are held out; ``jax.random.key(0)``.
      ignore: columns to leave out.
      categorical: columns whose numbers are names of categories.
      rare: categories of fewer rows are one, as are those that are new when predicting;
        5, say. 0: each is one of its own.
      hidden: units of the hidden layer, or of each; 0 for none, a linear model.
      skip: inputs go to the outputs directly as well, so that a linear model is in it.
        Hidden units learn what no line can tell; where evidence finds l2, every other
        start is without skips, and both kinds predict together. See `fit`.
      loss: "huber" or "student_t", for a target of numbers with outliers, which count
        for little then, in the scores, too; by default squared errors, or
        cross-entropy. See `fit`.
      noise: "constant", or "heteroscedastic" where it is stronger for some rows than
        for others, which count for less then, and have wider intervals. See `fit`.
      rule: name of an update rule, by default of one that suits the table. Or a rule.
      learning_rate: of the rule that is named, by default one that suits it.
      l2: weight of the L2 penalty, or "evidence", which finds it; by default that for
        a table of moderate size, else 1 / rows.
      starts: random starts, whose mean is predicted.
      validation: share of the rows to choose the best step by, and the best start. Or
        their positions.
      test: share of the rows held out, to score the fit. Or their positions.
      folds: fit without each of so many folds as well, for intervals and sets with a
        guarantee; "rows" for a fold of each row. See `fit`.
      max_steps: steps at the most, of each start; by default as many as suit the rule.
      bounds: (lower, upper) of the parameters, as for `fit`.
      monotone: columns with which the answer rises, +1, or falls, -1, whatever the
        others are. A dict by name, say; of two classes the second's probability is
        meant. See `fit`.
      target_transform: "none", "log" or "auto": whether the target's logarithm is
        learnt, as suits one that is skewed, whose errors are shares of it. Predictions
        and intervals are in its own unit, of which ŷ is then the median. "auto" fits
        both, and keeps the one under which the table is more probable; see
        `nanonet.fitting.target_transform`.
      time_limit: seconds of training at the most.
      checkpoint: file that keeps the run, to go on where it was ended.
      progress: show a progress bar, on a terminal.

    Raises:
      TableError: the table cannot be learnt from; the message says which cell, column
        or class is to blame. A target that is missing, too: leave those rows out.
      ValueError: an argument is out of its range, or names nothing.
      ModuleNotFoundError: pandas is not installed (extra ``tables``).

    >>> from nanonet.table.read import read_table
    >>> found = fit_table(read_table("iris"), "species", rule="gradient_descent",
    ...                   starts=1, max_steps=500)
    >>> print(f"{found.scores[0].test:.0%} of {len(found.split.test)} rows")
    92% of 38 rows
    """
    if learning_rate is not None:
        if not isinstance(rule, str):
            raise ValueError("learning_rate goes with the name of a rule.")
        rule = named_rule(rule, learning_rate)
    examples = read_frame(
        frame, target, ignore=ignore, categorical=categorical, rare=rare
    )
    if examples.classes is None:
        output = "identity"
        _check_rows("the table", len(examples.y), 4)
    else:
        output = "softmax"
        for level, count in zip(
            examples.targets[0].levels or (),
            np.bincount(examples.classes).tolist(),
            strict=True,
        ):
            _check_rows(f"class {level!r} of {target!r}", count, 2)
    sizes = examples.x.shape[1], *layers_of_units(hidden), examples.y.shape[1]
    settings = Settings(
        loss=loss,
        rule=rule,
        l2=l2,
        starts=starts,
        max_steps=max_steps,
        bounds=bounds,
        monotone=monotone,
        noise=noise,
        time_limit=time_limit,
        checkpoint=checkpoint,
        progress=progress,
    )
    by = weighing(settings)
    if by is not None:
        check_one_number(by.told, examples)
        if target_transform == "auto":
            raise ValueError(
                f"target_transform='auto' with {by.told}: the evidence of rows that "
                "are weighted in different ways decides nothing; say which."
            )
    if target_transform == "auto" and checkpoint is not None:
        raise ValueError("target_transform='auto' is two runs; a checkpoint is of one.")
    of_table = functools.partial(
        fit_once,
        mlp(sizes, "tanh", output, skip=skip),
        settings=settings,
        validation=validation,
        test=test,
        folds=folds,
        key=jax.random.key(0) if key is None else key,
    )
    return fit_transformed(examples, target_transform, of_table)


def _check_rows(group: str, rows: int, needed: int) -> None:
    if rows < needed:
        raise TableError(
            f"{group} has {rows} row{'s' * (rows != 1)}; at least {needed} are needed, "
            f"{needed // 2} to learn from and {needed // 2} to test on."
        )
