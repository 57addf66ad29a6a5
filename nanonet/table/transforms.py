"""Transforms of a target, such as its logarithm: what is learnt in its place."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Numbers = Float[np.ndarray, "*n"]


class Transform(NamedTuple):
    """t(y), its inverse, and ln dt/dy."""

    forward: Callable[[Numbers], Numbers]
    inverse: Callable[[Numbers], Numbers]
    log_slope: Callable[[Numbers], Numbers]


#: By name. The inverse is the median's way back: half of what is predicted lies above.
TRANSFORMS = {"log": Transform(np.log, np.exp, lambda y: -np.log(y))}


def forward(columns: Sequence[Any], y: Numbers) -> Numbers:
    """t(y) of each column, the last axis; ``columns`` know the name of t, or None."""
    return _each(columns, y, 0, y)


def inverse(columns: Sequence[Any], t: Numbers) -> Numbers:
    """Undo `forward`; infinite where that overflows."""
    with np.errstate(over="ignore"):
        return _each(columns, t, 1, t)


def log_slopes(columns: Sequence[Any], y: Numbers) -> Numbers:
    """ln dt/dy of each number: what ln p(t) lacks to be ln p(y)."""
    return _each(columns, y, 2, np.zeros(y.shape))


def _each(
    columns: Sequence[Any], values: Numbers, part: int, unchanged: Numbers
) -> Numbers:
    if not any(column.transform for column in columns):
        return unchanged
    found = np.array(unchanged, float)
    for j, column in enumerate(columns):
        if column.transform:
            found[..., j] = TRANSFORMS[column.transform][part](values[..., j])
    return found
