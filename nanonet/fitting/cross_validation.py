"""How well a network does on rows it has not learnt from: k folds, trained as one."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_number
from nanonet._internal.deprecated import renamed
from nanonet.fitting.defaults import Rule, make_plan
from nanonet.fitting.run import fit_folds
from nanonet.model.rows import losses, outputs
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.table.checks import warn
from nanonet.table.columns import decode, scale, scaling
from nanonet.table.examples import (
    Examples,
    check_widths,
    doubtful_columns,
    read_examples,
)
from nanonet.table.splits import Split, k_folds


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class CrossValidation:
    """What each row was predicted as by a network that had not seen it."""

    prediction: np.ndarray
    """In the unit and the shape of y, or the likeliest class."""

    losses: Float[np.ndarray, " folds"]
    """Mean loss over the rows held out of each fold, in the unit of y."""

    splits: list[Split]
    l2: Float[np.ndarray, " folds"]

    def __repr__(self) -> str:
        """How many rows and folds, and the mean loss."""
        return (
            f"CrossValidation: {len(self.prediction):,} rows in {len(self.splits)} "
            f"folds, mean loss {np.mean(self.losses):.4g}, from "
            f"{np.min(self.losses):.4g} to {np.max(self.losses):.4g}"
        )


@renamed(weights="sample_weight")
def cross_validate(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    key: RandomKey,
    folds: int = 10,
    loss: Loss | None = None,
    rule: Rule | None = None,
    l2: float | str | None = None,
    sample_weight: ArrayLike | None = None,
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
    examples = (
        x
        if isinstance(x, Examples)
        else read_examples(x, y, loss=loss, sample_weight=sample_weight)
    )
    check_widths(network, examples)
    for message in doubtful_columns(examples):
        warn(message)
    check_number("starts", starts, at_least=1, whole=True)
    splits = k_folds(
        len(examples.x), folds, classes=examples.classes, rng=make_rng(key)
    )
    for f, split in enumerate(splits):
        if not examples.sample_weight[split.test].any():
            raise ValueError(f"sample_weight is 0 in all rows of fold {f}.")
    plan = make_plan(
        network,
        loss,
        rule,
        l2,
        max_steps=max_steps,
        weight=float(examples.sample_weight.sum()) * (1 - 1 / folds),
        outputs=examples.y.shape[1],
    )
    # Nothing looks at the rows held out while the folds are trained.
    unseen = [split._replace(test=split.validation) for split in splits]
    fits = fit_folds(
        network, examples, unseen, plan, key=key, starts=starts, progress=progress
    )
    prediction = None
    held_out = np.empty(folds)
    for f, (split, found) in enumerate(zip(splits, fits, strict=True)):
        z = scale(found.inputs, examples.x[split.test])
        of_fold = decode(found.targets, outputs(network, found.params, z))
        if prediction is None:
            prediction = np.empty((len(examples.x), *of_fold.shape[1:]), of_fold.dtype)
        prediction[split.test] = of_fold
        of_rows = losses(
            network,
            loss,
            found.params,
            scaling(found.targets),
            z,
            examples.y[split.test],
        )
        held_out[f] = np.average(of_rows, weights=examples.sample_weight[split.test])
    assert prediction is not None
    if prediction.ndim > 1 and examples.flat:
        prediction = prediction[:, 0]
    l2s = np.array([found.l2 for found in fits])
    return CrossValidation(prediction, held_out, splits, l2s)
