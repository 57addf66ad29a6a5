"""What the pictures ask of their arguments, told before anything is drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nanonet._internal.checks import check_finite
from nanonet.solve.result import Result


def as_runs(runs: Any) -> dict[str, Result]:
    """A dict of `Result`, whether one or several were given.

    Raises:
      TypeError: something else was given.
      ValueError: there is none.
    """
    if isinstance(runs, Result):
        runs = {"run": runs}
    if not isinstance(runs, Mapping):
        raise TypeError(
            f"runs must be a Result or a dict of name → Result, not {type(runs)}."
        )
    for name, run in runs.items():
        if not isinstance(run, Result):
            raise TypeError(f"runs[{name!r}] must be a Result, not {type(run)}.")
    if not runs:
        raise ValueError("runs is empty: there is nothing to draw.")
    return {str(name): run for name, run in runs.items()}


def as_series(argument: str, values: Any) -> np.ndarray:
    """Finite numbers as a NumPy vector; `ValueError` or `TypeError` if they are not.

    >>> as_series("y", [[1.0], [2.0]]).shape
    (2,)
    """
    array = np.asarray(values)
    if array.dtype.kind in "OSUc":
        raise TypeError(f"{argument} must be real numbers, not {array.dtype}.")
    array = array.astype(float)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{argument} has shape {array.shape}; it must be a sequence of numbers."
        )
    check_finite(argument, array)
    return array
