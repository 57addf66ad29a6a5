"""Fit one network for each split of a table, all side by side."""

import dataclasses
import functools
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_choice
from nanonet.fitting.batch import Batch
from nanonet.fitting.fitted import Fit
from nanonet.fitting.heteroscedastic import NOISES, ByNoise
from nanonet.fitting.left_out import Count, folds_of, leave_out
from nanonet.fitting.member import Fold, Learner
from nanonet.fitting.reweighting import ByLoss, Weighing, fit_reweighted
from nanonet.fitting.robust import robust_name
from nanonet.fitting.search import without_skips
from nanonet.fitting.settings import (
    Settings,
    as_penalty,
    count_parameters,
    joined_bounds,
)
from nanonet.fitting.starts import Starts, committee_of, draw_starts
from nanonet.fitting.training import Trained, train
from nanonet.model.committee import members_of
from nanonet.model.model import Model
from nanonet.model.rows import pad
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.network.network import Network
from nanonet.objectives.losses import SQUARED
from nanonet.rules._parts.rule import rule_name
from nanonet.solve.result import History, Result, Status
from nanonet.solve.workers import without_blas_threads
from nanonet.table.checks import warn
from nanonet.table.columns import scaling
from nanonet.table.examples import Examples, doubtful_columns
from nanonet.table.splits import Split, split_rows


def fit_once(
    network: Network,
    examples: Examples,
    settings: Settings,
    *,
    validation: float | ArrayLike,
    test: float | ArrayLike,
    folds: Count,
    key: RandomKey,
) -> Fit:
    """Fit with some of the rows held out, and without each fold; see `fit`."""
    rng = make_rng(key)
    split = split_rows(
        len(examples.x),
        validation=validation,
        test=test,
        classes=examples.classes,
        rng=rng,
    )
    parts = leave_out(examples, split, folds, rng)
    if parts and settings.noise != "constant":
        raise ValueError(
            f"folds={folds!r} with {ByNoise.told}: the bounds of CV+ are as wide "
            "everywhere. Leave one of the two out."
        )
    if parts and settings.warm_start is not None:
        raise ValueError(
            f"folds={folds!r} with warm_start: what it was fitted to may be in every "
            "fold, and nothing would be guaranteed. Fit anew."
        )
    # Nothing looks at the rows that a fold leaves out while it is trained.
    unseen = [part._replace(test=part.test[:0]) for part in parts]
    found, *others = fit_splits(network, examples, [split, *unseen], settings, key=key)
    if not others:
        return found
    return dataclasses.replace(found, folds=folds_of(others, parts))


def fit_splits(
    network: Network,
    examples: Examples,
    splits: Sequence[Split],
    settings: Settings,
    *,
    key: RandomKey,
) -> list[Fit]:
    """Fit once for each split, all starts of all splits side by side; see `fit`."""
    by = weighing(settings)
    if by is None:
        tables, unknown = [examples] * len(splits), [np.nan] * len(splits)
        return _fit_splits(network, splits, tables, unknown, settings, key=key)
    fit_all = functools.partial(_fit_splits, network, splits, key=key)
    return fit_reweighted(fit_all, by, examples, splits, settings)


def weighing(settings: Settings) -> Weighing | None:
    """By what the rows are weighed while they are fitted, if by anything.

    Raises:
      ValueError: there is no such loss or noise, or both are asked for.
    """
    check_choice("noise", settings.noise, NOISES)
    name = robust_name(settings.loss)
    if settings.noise == "constant":
        return None if name is None else ByLoss(name)
    if settings.loss not in (None, *SQUARED):
        raise ValueError(
            f"{ByNoise.told} is for squared errors, which loss={settings.loss!r} "
            "leaves; take one of the two."
        )
    return ByNoise()


def _fit_splits(
    network: Network,
    splits: Sequence[Split],
    of_each: Sequence[Examples],
    sigmas: Sequence[float],
    settings: Settings,
    *,
    key: RandomKey,
) -> list[Fit]:
    """With a table of its own for each split, which differ in their weights.

    And with the noise of each, in the unit of the targets; NaN where it is not known.
    """
    examples = of_each[0]
    old, plan = settings.warm_start, settings.plan(network, examples, splits)
    if old is not None:
        _check_warm_start(old, network, examples)
        tables = [of._replace(inputs=old.inputs, targets=old.targets) for of in of_each]
    elif settings.standardize:
        tables = [
            of.scaled_by(split.train, network, plan.loss)
            for of, split in zip(of_each, splits, strict=True)
        ]
    else:
        tables = list(of_each)
    if old is None:
        for message in _doubts(network, examples, splits[0], max(np.ravel(plan.l2))):
            warn(message)
    with jax.enable_x64(True):
        moved = False
        box = joined_bounds(
            network, examples.inputs, settings.bounds, settings.monotone
        )
        folds = [_fold(*of) for of in zip(tables, splits, sigmas, strict=True)]
        watch = any(len(split.validation) or len(split.test) for split in splits)
        learner = Learner(network, *plan[:4], watch, box)
        if old is None:
            starts = draw_starts(network, settings.starts, box, key)
        else:
            given = (
                (old.network, old.params) if isinstance(old, Model) else old.committee
            )
            _, starts = members_of(*given)
            starts = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), starts)
            if box is not None:
                moved = box.excludes(starts)
                starts = jax.vmap(box.inside)(starts)
        each = _parted(starts)
        batch = Batch(learner, folds, len(each))
        with batch.workers, without_blas_threads():
            trained = train(batch, each * len(folds), plan, settings)
    ends = [jax.tree.map(operator.itemgetter(f), trained) for f in range(len(splits))]
    return [
        _best(learner, table, split, end, moved)
        for table, split, end in zip(tables, splits, ends, strict=True)
    ]


def _parted(starts: PyTree) -> list[PyTree]:
    """Each start of a tree with a leading axis."""
    leaves, treedef = jax.tree.flatten(jax.device_get(starts))
    return [jax.tree.unflatten(treedef, of_one) for of_one in zip(*leaves, strict=True)]


def _fold(table: Examples, split: Split, sigma: float) -> Fold:
    """A fold, scaled, and padded to a common length."""
    x, y, s = table.scaled()
    weights = [np.where(np.isin(np.arange(len(s)), rows), s, 0) for rows in split]
    beta = np.square(scaling(table.targets)[1][0] / sigma)
    # Where jnp.asarray would compile a program for each shape.
    return Fold(*jax.device_put((*pad(x, y, *weights), np.asarray(beta, float))))


def _best(
    learner: Learner, table: Examples, split: Split, starts: Trained, moved: bool
) -> Fit:
    """The best of the starts of one split, by the score."""
    status = tuple(map(Status, starts.status.tolist()))
    numbers = table.sample_weight[split.train].sum() * table.y.shape[1]
    members = committee_of(
        starts.score,
        None if starts.evidence is None else float(numbers),
        without_skips(starts.l2, starts.score),
    )
    i = members[0]
    best = jax.tree.map(lambda leaf: leaf[i], starts)
    # A start that has stopped, or waits for the others, stays at one step.
    _, points = np.unique(best.record.steps, return_index=True)
    record = jax.tree.map(lambda curve: curve[points], best.record)
    return Fit(
        network=learner.network,
        loss=learner.loss,
        params=best.params,
        result=Result(
            params=best.params,
            value=best.value,
            gradient_norm=best.gradient_norm,
            steps=int(best.steps),
            evaluations=int(best.evaluations),
            status=status[i],
            history=History(record.value, record.gradient_norm, steps=record.steps),
            start_moved=moved,
            rule=rule_name(learner.rule),
        ),
        record=record,
        starts=Starts(starts.params, starts.score, status, starts.l2),
        members=members,
        split=split,
        l2=as_penalty(best.l2),
        evidence=best.evidence,
        examples=table,
        bounds=learner.box,
    )


def _doubts(
    network: Network, examples: Examples, split: Split, l2: float
) -> Iterator[str]:
    """Why the fit may be less good than it seems."""
    yield from doubtful_columns(examples)
    n = count_parameters(network)
    m = int(np.sum(examples.sample_weight[split.train] > 0))
    if n > m * examples.y.shape[1]:
        remedy = "" if l2 > 0 else " Penalize them: leave l2 out, or make it positive."
        yield (
            f"the network has {n} parameters, but only {m} rows to learn from.{remedy}"
        )


def _check_warm_start(old: Any, network: Network, examples: Examples) -> None:
    """Raise `ValueError` unless ``old`` is of the same network and kind of table."""
    if old.network.architecture != network.architecture:
        was = old.network.architecture
        raise ValueError(
            f"warm_start is of another network: {was} is not {network.architecture}."
        )
    if [c.width for c in old.inputs] != [c.width for c in examples.inputs]:
        raise ValueError("warm_start was fitted to other columns of x.")
    was, now = ([c.levels for c in fit.targets] for fit in (old, examples))
    if was != now:
        # NumPy's numbers and texts as Python writes them.
        was, now = jax.tree.map(lambda level: np.asarray(level).item(), (was, now))
        raise ValueError(f"warm_start was fitted to other targets: {was}, not {now}.")
