"""Whether a target is learnt as it is, or by its logarithm: by evidence."""

from collections.abc import Callable

import numpy as np

from nanonet._internal.checks import check_choice
from nanonet.fitting.fitted import Fit
from nanonet.table.columns import scaling
from nanonet.table.examples import Examples, transformed
from nanonet.table.transforms import TRANSFORMS, log_slopes


def fit_transformed(
    examples: Examples, transform: str, fit_to: Callable[[Examples], Fit]
) -> Fit:
    """Fit to the target, to its transform, or to both and keep the more probable.

    Raises:
      TableError: there is no logarithm of a target.
      ValueError: no such transform; of classes; or "auto" without evidence.
    """
    check_choice("target_transform", transform, ["none", "auto", *TRANSFORMS])
    if transform == "none":
        return fit_to(examples)
    if examples.classes is not None:
        raise ValueError(f"target_transform={transform!r} is for numbers, not classes.")
    if transform != "auto":
        return fit_to(transformed(examples, transform))
    plain = fit_to(examples)
    if plain.evidence is None:
        raise ValueError(
            "target_transform='auto' is decided by evidence: leave rule out, or give "
            "l2='evidence'; or say which."
        )
    possible = [
        fit_to(transformed(examples, name))
        for name in TRANSFORMS
        if _applies(name, examples.y)
    ]
    return max([plain, *possible], key=log_evidence)


def _applies(name: str, y: np.ndarray) -> bool:
    with np.errstate(divide="ignore", invalid="ignore"):
        return bool(np.isfinite(TRANSFORMS[name].forward(y)).all())


def log_evidence(fit: Fit) -> float:
    """ln p(y) of the rows that were learnt from, in the unit of the table.

    ::

        ln p(y) = ln p(z) + Σ s ln |dz/dy|,     z = (t(y) - mean) / scale

    so that it can be compared between transforms t, whose z are of different units.

    Raises:
      ValueError: l2 was not found by evidence.

    Source: Box & Cox, "An analysis of transformations", 1964, whose Jacobian it is.
    """
    if fit.evidence is None:
        raise ValueError("the fit has no evidence; fit with l2='evidence'.")
    rows = fit.split.train
    y, s = fit.examples.y[rows], fit.examples.sample_weight[rows]
    slopes = log_slopes(fit.targets, y) - np.log(scaling(fit.targets)[1])
    return float(fit.evidence.log_evidence) + float(np.sum(s[:, None] * slopes))
