"""Whether a target is learnt as it is, or by its logarithm: by evidence."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from nanonet._internal.checks import check_choice
from nanonet.fitting.fitted import Fit
from nanonet.table.columns import scaling
from nanonet.table.examples import Examples
from nanonet.table.read import TableError
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
        return fit_to(_transformed(examples, transform))
    plain = fit_to(examples)
    if plain.evidence is None:
        raise ValueError(
            "target_transform='auto' is decided by evidence: leave rule out, or give "
            "l2='evidence'; or say which."
        )
    possible = [
        fit_to(_transformed(examples, name))
        for name in TRANSFORMS
        if not _lacks(name, examples.y).any()
    ]
    return max([plain, *possible], key=log_evidence)


def _transformed(examples: Examples, transform: str) -> Examples:
    """The same, whose targets are learnt by a transform of `TRANSFORMS`."""
    for column, y in zip(examples.targets, examples.y.T, strict=True):
        lacking = np.flatnonzero(_lacks(transform, y))
        if len(lacking):
            raise TableError(
                f"column {column.name!r} is {y[lacking[0]]:g} in row {lacking[0]}, "
                f"and has no {transform} in {len(lacking):,} of {len(y):,} rows."
            )
    targets = [dataclasses.replace(c, transform=transform) for c in examples.targets]
    return examples._replace(targets=tuple(targets))


def _lacks(transform: str, y: Float[np.ndarray, "*n"]) -> Bool[np.ndarray, "*n"]:
    """Which numbers have no such transform."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return ~np.isfinite(TRANSFORMS[transform].forward(y))


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
