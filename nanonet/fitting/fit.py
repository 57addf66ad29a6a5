"""Fit a network to a table of numbers, and trust it."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_number
from nanonet.fitting.batch import Fold, Learning, Record, make_learning
from nanonet.fitting.checkpoint import fingerprint
from nanonet.fitting.defaults import count_parameters, make_plan
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.fitted import Fit, Starts
from nanonet.fitting.folds import draw_starts, make_folds
from nanonet.fitting.training import Limits, Trained, train
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.solve.result import History, Result
from nanonet.solve.step import Tolerances
from nanonet.table.checks import warn
from nanonet.table.coding import (
    Coding,
    Examples,
    check_widths,
    class_index,
    read_examples,
)
from nanonet.table.splits import Split, split_rows


def fit(
    network: Network,
    x: Any,
    y: Any,
    *,
    key: RandomKey,
    loss: Loss | None = None,
    rule: optax.GradientTransformation | None = None,
    l2: float | str | None = None,
    weights: ArrayLike | None = None,
    validation: float | ArrayLike = 0.0,
    test: float | ArrayLike = 0.0,
    patience: int = 50,
    starts: int = 5,
    max_steps: int | None = None,
    gtol: float = 1e-6,
    ftol: float | None = None,
    goal: float | None = None,
    time_limit: float | None = None,
    standardize: bool = True,
    start: tuple[PyTree, Coding] | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Fit:
    """Fit a network to a table of numbers.

    Inputs are standardised by the training rows, and so are targets where the loss is
    of squared errors and the output unbounded; predictions are in the units given.
    Several starts are trained together, and the best is kept: by J on the validation
    rows if there are any, else by evidence, else by J. Computes in float64.

    Where they are not given, ``loss`` is `cross_entropy` for softmax outputs,
    `binary_cross_entropy` for sigmoid outputs, else `mean_squared_error`; ``rule`` is

    ====================================  =======================================
    squared errors, n ≤ 1000, m n² ≤ 2e9  levenberg_marquardt(scaled=False), 1000
    else, n m ≤ 1e10                      lbfgs, 500 steps at the most
    else                                  adam(0.01), 5000 steps
    ====================================  =======================================

    for n parameters and m numbers to fit; and ``l2`` is "evidence" with that
    Levenberg–Marquardt, else 1 / rows (weights are N(0, 1) a priori).

    Args:
      network: as `mlp` makes it.
      x: [n, inputs], an array or a data frame of numbers, whose names are kept.
      y: [n] or [n, outputs]; for cross-entropies the classes of the rows, or [n, k]
        with 1 at the row's class.
      key: of the starts, and of the rows that are held out.
      loss: of one example, as for `objective`.
      rule: any rule of nanonet or optax.
      l2: weight of `l2_penalty`; "evidence" finds it, see
        `nanonet.fitting.evidence.evidence`.
      weights: of the rows; a row of weight 2 counts as two.
      validation: share of the rows, or their positions: to stop by.
      test: share of the rows, or their positions: only looked at.
      patience: stop where J on the validation rows has not fallen for so many steps.
      starts: how many random starts.
      max_steps: steps at the most, of each start.
      gtol: stop where ‖∇J‖₂ ≤ gtol.
      ftol: stop where |ΔJ| < ftol |J|; by default 1e-6, 1e-5 and 0 for these rules.
      goal: stop where J ≤ goal.
      time_limit: seconds.
      standardize: whether to scale inputs and targets at all.
      start: parameters and coding to go on from, ``(found.params, found.coding)``, in
        place of random starts; the scaling stays as it is.
      checkpoint: a file that keeps the run every few seconds; where it exists, the same
        run goes on from there, to the same numbers. Delete it when you are done.
      progress: show a progress bar, on a terminal.

    Raises:
      ValueError: a cell is missing, infinite or no number (row and column are named),
        lengths or widths do not agree, one row, one class, an argument out of range.
      TypeError: x is sparse, or ``rule`` is no rule.
      CheckpointError: the file is not a checkpoint of this run.

    Warns:
      DataWarning: a column is constant or another's double, or there are more
        parameters than rows.

    >>> from nanonet.network.network import mlp
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> found = fit(mlp([1, 3, 1], "tanh", "identity"), x, 1e6 * np.sin(2 * x[:, 0]),
    ...             key=jax.random.key(0), starts=2)
    >>> print(f"{found.predict([[0.5]])[0] / 1e6:.2f}")
    0.84
    """
    loss = usual_loss(network) if loss is None else loss
    examples = read_examples(x, y, loss=loss, weights=weights, warn=start is None)
    check_widths(network, examples)
    for name, number in {"starts": starts, "patience": patience}.items():
        check_number(name, number, at_least=1)
    for name, limit in {"gtol": gtol, "ftol": ftol, "time_limit": time_limit}.items():
        if limit is not None:
            check_number(name, limit, at_least=0)
    split = split_rows(
        len(examples.x),
        validation=validation,
        test=test,
        classes=class_index(examples),
        rng=make_rng(key),
    )
    weight = float(examples.weights[split.train].sum())
    plan = make_plan(
        network,
        loss,
        rule,
        l2,
        max_steps,
        ftol,
        rows=weight,
        outputs=examples.y.shape[1],
    )
    if start is None:
        _warn_of_size(network, examples, split, plan.l2)
    with jax.enable_x64(True):
        folds, (coding,) = make_folds(
            examples,
            [split],
            network=network,
            loss=loss,
            scale=standardize,
            coding=start and start[1],
        )
        tolerances = Tolerances(gtol, 0.0, plan.ftol, -np.inf if goal is None else goal)
        params = (
            draw_starts(network, 1, starts, key=key)
            if start is None
            else jax.tree.map(lambda leaf: jnp.asarray(leaf)[None, None], start[0])
        )
        learning = make_learning(
            network, loss, plan.rule, tolerances, folds, patience=float(patience)
        )
        trained = train(
            learning,
            folds,
            params,
            l2=plan.l2,
            bayesian=plan.bayesian,
            limits=Limits(plan.max_steps, time_limit),
            checkpoint=checkpoint,
            identity=fingerprint(
                [
                    network.architecture,
                    loss.__name__,
                    *map(str, jax.tree.leaves(plan.rule)),
                    plan.l2,
                    plan.bayesian,
                    tolerances,
                    patience,
                    *folds,
                    *jax.tree.leaves(params),
                ]
            ),
            progress=progress,
        )
    return _best(network, loss, learning, folds, coding, split, trained)


def _warn_of_size(
    network: Network, examples: Examples, split: Split, l2: float
) -> None:
    n, m = count_parameters(network), int(np.sum(examples.weights[split.train] > 0))
    if n > m * examples.y.shape[1]:
        remedy = "" if l2 > 0 else " Penalise them: leave l2 out, or make it positive."
        warn(
            f"the network has {n} parameters, but only {m} rows to learn from.{remedy}"
        )


def _best(
    network: Network,
    loss: Loss,
    learning: Learning,
    folds: Fold,
    coding: Coding,
    split: Split,
    trained: Trained,
) -> Fit:
    i = int(np.argmin(trained.score[0]))
    steps = int(trained.steps[0, i])
    record = Record(*(entry[: steps + 1, 0, i] for entry in trained.record))
    evidence = trained.evidence
    params = jax.tree.map(lambda leaf: leaf[0, i], trained.params)
    return Fit(
        network=network,
        loss=loss,
        params=params,
        coding=coding,
        result=Result(
            params=params,
            value=trained.value[0, i],
            gradient_norm=trained.gradient_norm[0, i],
            steps=steps,
            evaluations=int(trained.evaluations[0, i]),
            status=trained.status[0][i],
            history=History(record.value, record.gradient_norm),
        ),
        record=record,
        starts=Starts(
            jax.tree.map(lambda leaf: leaf[0], trained.params),
            trained.score[0],
            tuple(trained.status[0]),
        ),
        split=split,
        l2=float(trained.l2[0, i]),
        evidence=evidence and Evidence(*(entry[0, i] for entry in evidence)),
        learning=learning,
        fold=jax.tree.map(lambda leaf: leaf[0], folds),
    )
