"""How well a network does on rows it has not learnt from: k folds, trained as one."""

from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jaxtyping import Float
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_number
from nanonet.fitting.batch import make_learning
from nanonet.fitting.defaults import make_plan
from nanonet.fitting.folds import draw_starts, make_folds
from nanonet.fitting.training import Limits, train
from nanonet.model.rows import losses, outputs
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.solve.step import Tolerances
from nanonet.table.coding import (
    Coding,
    check_widths,
    class_index,
    read_examples,
)
from nanonet.table.splits import Split, k_folds


class CrossValidation(NamedTuple):
    """What each row was predicted as by a network that had not seen it."""

    prediction: np.ndarray
    """In the unit and the shape of y, or the likeliest class."""

    losses: Float[np.ndarray, " folds"]
    """Mean loss over the rows held out of each fold, in the unit of y."""

    splits: list[Split]
    l2: Float[np.ndarray, " folds"]


def cross_validate(
    network: Network,
    x: Any,
    y: Any,
    *,
    key: RandomKey,
    folds: int = 10,
    loss: Loss | None = None,
    rule: optax.GradientTransformation | None = None,
    l2: float | str | None = None,
    weights: ArrayLike | None = None,
    starts: int = 5,
    max_steps: int | None = None,
    progress: bool = False,
) -> CrossValidation:
    """Fit once for each fold, without its rows, and predict them.

    The folds are trained in one run of one compiled program. Each is scaled by its own
    training rows, and its best start chosen by them. Arguments, defaults and errors: as
    `fit`; ``folds`` has each class in like shares.

    >>> from nanonet.network.network import mlp
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> found = cross_validate(mlp([1, 1], output="identity"), x, 3 * x[:, 0] + 1,
    ...                        key=jax.random.key(0), folds=5, starts=1)
    >>> bool(np.allclose(found.prediction, 3 * x[:, 0] + 1, atol=1e-3))
    True
    """
    loss = usual_loss(network) if loss is None else loss
    examples = read_examples(x, y, loss=loss, weights=weights)
    check_widths(network, examples)
    check_number("starts", starts, at_least=1)
    splits = k_folds(
        len(examples.x), folds, classes=class_index(examples), rng=make_rng(key)
    )
    plan = make_plan(
        network,
        loss,
        rule,
        l2,
        max_steps,
        None,
        rows=float(examples.weights.sum()) * (1 - 1 / folds),
        outputs=examples.y.shape[1],
    )
    with jax.enable_x64(True):
        stacked, codings = make_folds(
            examples, splits, network=network, loss=loss, scale=True
        )
        # Nothing looks at the rows held out while the folds are trained.
        stacked = stacked._replace(test=0 * stacked.test)
        learning = make_learning(
            network,
            loss,
            plan.rule,
            Tolerances(1e-6, 0.0, plan.ftol, -np.inf),
            stacked,
            patience=np.inf,
        )
        trained = train(
            learning,
            stacked,
            draw_starts(network, folds, starts, key=key),
            l2=plan.l2,
            bayesian=plan.bayesian,
            limits=Limits(plan.max_steps),
            progress=progress,
        )
    best = np.argmin(trained.score, axis=1)
    prediction = None
    held_out = np.empty(folds)
    for f, (split, coding) in enumerate(zip(splits, codings, strict=True)):
        params = jax.tree.map(lambda leaf, f=f: leaf[f, best[f]], trained.params)
        z = coding.inputs.encode(examples.x[split.test])
        of_fold = coding.decode(outputs(network, params, z))
        if prediction is None:
            prediction = np.empty((len(examples.x), *of_fold.shape[1:]), of_fold.dtype)
        prediction[split.test] = of_fold
        held_out[f] = _mean_loss(
            losses(network, loss, params, _unit(coding), z, examples.y[split.test]),
            examples.weights[split.test],
        )
    assert prediction is not None
    chosen = trained.l2[np.arange(folds), best]
    return CrossValidation(prediction, held_out, splits, chosen)


def _unit(coding: Coding) -> tuple[np.ndarray, np.ndarray]:
    return coding.targets.mean, coding.targets.scale


def _mean_loss(of_rows: np.ndarray, weights: np.ndarray) -> float:
    return float(np.sum(weights * of_rows) / np.sum(weights))
