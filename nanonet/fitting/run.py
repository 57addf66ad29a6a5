"""Fit one network for each split of a table, all in one program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nanonet.fitting.batch import Record, make_learning
from nanonet.fitting.checkpoint import identify
from nanonet.fitting.defaults import Plan
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.fitted import Fit, Starts
from nanonet.fitting.folds import Columns, draw_starts, stack_folds
from nanonet.fitting.training import Limits, Trained, train
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.solve.result import History, Result
from nanonet.solve.step import Tolerances
from nanonet.table.examples import Examples, scale_columns
from nanonet.table.splits import Split


def fit_folds(
    network: Network,
    examples: Examples,
    splits: Sequence[Split],
    plan: Plan,
    *,
    key: RandomKey,
    starts: int,
    standardize: bool = True,
    warm_start: Any = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> list[Fit]:
    """Fit once for each split, all starts of all splits in one program; see `fit`."""
    columns = [(examples.inputs, examples.targets)] * len(splits)
    if warm_start is not None:
        columns = [(warm_start.inputs, warm_start.targets)] * len(splits)
    elif standardize:
        columns = [
            scale_columns(examples, split.train, network=network, loss=plan.loss)
            for split in splits
        ]
    with jax.enable_x64(True):
        folds = stack_folds(examples, splits, columns)
        goal = -np.inf if plan.goal is None else plan.goal
        tolerances = Tolerances(plan.gtol, 0.0, plan.ftol, goal)
        if warm_start is None:
            params = draw_starts(network, len(splits), starts, key=key)
        else:
            params = jax.tree.map(
                lambda leaf: jnp.asarray(leaf, float)[None, None], warm_start.params
            )
        trained = train(
            make_learning(
                network,
                plan.loss,
                plan.rule,
                tolerances,
                folds,
                patience=float(plan.patience),
            ),
            folds,
            params,
            l2=plan.l2,
            bayesian=plan.bayesian,
            limits=Limits(plan.max_steps, plan.time_limit),
            checkpoint=checkpoint,
            identity=""
            if checkpoint is None
            else identify(network, plan, folds, params),
            progress=progress,
        )
    return [
        _best(network, plan, examples, split, of_split, trained, f)
        for f, (split, of_split) in enumerate(zip(splits, columns, strict=True))
    ]


def _best(
    network: Network,
    plan: Plan,
    examples: Examples,
    split: Split,
    columns: tuple[Columns, Columns],
    trained: Trained,
    f: int,
) -> Fit:
    """The best start of the split ``f``, by the score."""
    i = int(np.argmin(trained.score[f]))
    steps = int(trained.steps[f, i])
    record = Record(*(entry[: steps + 1, f, i] for entry in trained.record))
    evidence = trained.evidence
    params = jax.tree.map(lambda leaf: leaf[f, i], trained.params)
    inputs, targets = columns
    return Fit(
        network=network,
        loss=plan.loss,
        params=params,
        inputs=inputs,
        targets=targets,
        result=Result(
            params=params,
            value=trained.value[f, i],
            gradient_norm=trained.gradient_norm[f, i],
            steps=steps,
            evaluations=int(trained.evaluations[f, i]),
            status=trained.status[f][i],
            history=History(record.value, record.gradient_norm),
        ),
        record=record,
        starts=Starts(
            jax.tree.map(lambda leaf: leaf[f], trained.params),
            trained.score[f],
            tuple(trained.status[f]),
        ),
        split=split,
        l2=float(trained.l2[f, i]),
        evidence=evidence and Evidence(*(entry[f, i] for entry in evidence)),
        examples=examples,
    )
