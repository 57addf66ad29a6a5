"""How sure a model is of what it predicts: intervals of numbers, sets of classes."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from nanonet.model.conformal import Folds, PredictionSet, class_set, cv_plus
from nanonet.model.conformal import probabilities as of_classes
from nanonet.model.intervals import Interval, Method, Noise, predictive
from nanonet.model.model import Model, check_model
from nanonet.model.rows import outputs
from nanonet.table.columns import decode, scale
from nanonet.table.encoding import encode_cells, read_cells
from nanonet.table.transforms import inverse

if TYPE_CHECKING:
    import pandas


def predict_interval(
    model: Model,
    x: "pandas.DataFrame | ArrayLike",
    *,
    level: float = 0.95,
    method: Method | None = None,
) -> Interval:
    """Bounds between which a new y lies with probability ``level``, and the prediction.

    Those of `Fit.predict_interval`, of a model that was saved and loaded as well.

    Raises:
      TableError: as `predict`.
      ValueError: as `predict`; a level that is not between 0 and 1; or the model does
        not know how wrong it is.
    """
    found = interval_at(model, x, level=level, method=method)
    if len(model.targets) > 1:
        return found
    return jax.tree.map(lambda part: part[:, 0], found)


def predict_set(
    model: Model, x: "pandas.DataFrame | ArrayLike", *, level: float = 0.95
) -> PredictionSet:
    """The classes that each row may be of; the one it is among them by ``level``.

    Those of `Fit.predict_set`, of a model that was saved and loaded as well.

    Raises:
      TableError: as `predict`.
      ValueError: as `predict`; a level that is not between 0 and 1; or the model
        predicts numbers, or was fitted without ``folds``.
    """
    return set_at(model, x, level=level)


def interval_at(
    model: Model, x: Any, *, level: float, method: Method | None, named: bool = True
) -> Interval:
    """`predict_interval`, of shape [n, targets]; ``named`` as for `encode`."""
    check_model(model)
    if model.targets[0].levels is not None:
        raise ValueError("intervals are for numbers; of classes there is predict_set.")
    cells = read_cells(model.inputs, x, named=named)
    z = encode_cells(model.inputs, cells, x, named=named)
    if method is None:
        method = "linearized" if model.folds is None else "cv+"
    if method == "cv+":
        member, folds = model.member, folds_known(model)
        ends = cv_plus(member, folds, cells, level)
        ends = [inverse(model.targets, end) for end in ends]
        answers = decode(model.targets, outputs(model.network, model.params, z))
        return Interval(answers, *ends)
    known = predictive(model.network, model.params, noise_known(model), z, method)
    found = known.interval(level)
    return Interval(*(decode(model.targets, part) for part in jax.tree.leaves(found)))


def set_at(model: Model, x: Any, *, level: float, named: bool = True) -> PredictionSet:
    """`predict_set`; ``named`` as for `encode`."""
    check_model(model)
    levels = model.targets[0].levels
    if levels is None:
        raise ValueError("predict_set is for classes; of numbers: predict_interval.")
    cells = read_cells(model.inputs, x, named=named)
    encode_cells(model.inputs, cells, x, named=named)  # refuses what is too far away
    return PredictionSet(set_of_cells(model, cells, level), levels)


def set_of_cells(
    model: Model, cells: Float[np.ndarray, "n width"], level: float
) -> Bool[np.ndarray, "n classes"]:
    """Which classes are in the set of each row of `read_cells`; the likeliest is."""
    contains = class_set(model.member, folds_known(model), cells, level)
    y = outputs(model.network, model.params, scale(model.inputs, cells))
    contains[np.arange(len(cells)), np.argmax(of_classes(y), axis=1)] = True
    return contains


def noise_known(model: Model) -> Noise:
    """What the model knows of its errors, or a `ValueError` that says why nothing."""
    if model.noise is None:
        if model.robust_loss is not None:
            raise ValueError(
                f"the model has no intervals: loss={model.robust_loss!r} takes the "
                "noise to be other than normal. Fit with folds=10, for those of CV+."
            )
        raise ValueError(
            "the model has no intervals: an earlier nanonet wrote it, partial_fit went "
            "on with it, it has more than 1,000 parameters, or as many effective ones "
            "as rows. Fit it again, or with folds=10."
        )
    return model.noise


def folds_known(model: Model) -> Folds:
    """What the folds left out, or a `ValueError` that says what to do."""
    if model.folds is None:
        raise ValueError(
            "a guarantee needs networks that were fitted without some of the rows: fit "
            "with folds=10 (CV+), or with folds='rows' (jackknife+)."
        )
    return model.folds
