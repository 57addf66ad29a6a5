"""Which rows to learn from, to stop by, and to test on."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_count, check_number

Rows = Int[np.ndarray, " rows"]


class Split(NamedTuple):
    """The rows of each part, by their positions."""

    train: Rows
    """Learnt from."""

    validation: Rows
    """Looked at while learning, to stop by and to choose among starts."""

    test: Rows
    """Only looked at; nothing is chosen by it."""


def split_rows(
    n: int,
    *,
    validation: float | ArrayLike = 0.0,
    test: float | ArrayLike = 0.0,
    classes: Int[np.ndarray, " n"] | None = None,
    rng: np.random.Generator,
) -> Split:
    """Part n rows at random.

    Args:
      n: how many rows there are.
      validation: share of the rows for validation, or their positions.
      test: share of the rows for the test, or their positions.
      classes: of each row; then each class is parted alike.
      rng: decides which rows.

    Raises:
      ValueError: shares that leave nothing to learn from, a position twice or outside
        the table.

    >>> rng = np.random.default_rng(0)
    >>> [len(part) for part in split_rows(10, validation=0.2, test=[0, 1, 2], rng=rng)]
    [5, 2, 3]
    """
    given = {"validation": validation, "test": test}
    chosen = {
        name: _positions(name, np.asarray(part), n)
        for name, part in given.items()
        if np.ndim(part)
    }
    free = np.ones(n, bool)
    for name, rows in chosen.items():
        if not free[rows].all():
            raise ValueError(f"{name}: a row is both in the validation and the test.")
        free[rows] = False
    rest = _by_class(np.flatnonzero(free), classes, rng)
    for name, part in given.items():
        if name not in chosen:
            check_number(name, part, at_least=0, below=1)
            count = round(float(np.asarray(part)) * n)
            count = min(max(count, 1), len(rest)) if part else 0
            # Evenly spaced in an order by class, so that each has its like share.
            spacing = len(rest) / max(count, 1)
            at = ((np.arange(count) + rng.uniform()) * spacing).astype(int)
            chosen[name], rest = rest[at], np.delete(rest, at)
    if not len(rest):
        raise ValueError(
            f"validation and test take all {n} rows; none is left to learn from."
        )
    parts = rest, chosen["validation"], chosen["test"]
    return Split(*(np.sort(part) for part in parts))


def k_folds(
    n: int,
    k: int,
    *,
    classes: Int[np.ndarray, " n"] | None = None,
    rng: np.random.Generator,
) -> list[Split]:
    """Part n rows into k folds; each is the test of one split.

    Raises:
      ValueError: fewer than 2 folds, or more folds than rows.
      TypeError: k is not a whole number.

    >>> folds = k_folds(5, 2, rng=np.random.default_rng(0))
    >>> [len(split.test) for split in folds]
    [3, 2]
    """
    k = check_count("folds", k)
    if not 2 <= k <= n:
        raise ValueError(f"folds={k} must be at least 2 and at most the {n} rows.")
    order = _by_class(np.arange(n), classes, rng)
    tests = [np.sort(order[i::k]) for i in range(k)]
    none = np.arange(0)
    return [Split(np.setdiff1d(np.arange(n), test), none, test) for test in tests]


def _positions(name: str, rows: np.ndarray, n: int) -> Rows:
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be a share of the rows, or their positions.")
    rows = rows.astype(int)
    if rows.size and not 0 <= rows.min() <= rows.max() < n:
        raise ValueError(f"{name} names a row outside 0 to {n - 1}.")
    if len(np.unique(rows)) < len(rows):
        raise ValueError(f"{name} names a row twice.")
    return rows


def _by_class(
    rows: Rows, classes: Int[np.ndarray, " n"] | None, rng: np.random.Generator
) -> Rows:
    """The rows in random order, those of each class together."""
    rows = rng.permutation(rows)
    if classes is None:
        return rows
    return rows[np.argsort(classes[rows], kind="stable")]
