"""Bounds and sets that hold whatever the data are like: CV+ and jackknife+."""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.checks import check_number
from nanonet._internal.static import jit
from nanonet.model.rows import over_rows
from nanonet.network.network import Network

#: Rows × residuals that are looked at together.
AT_ONCE = 2**23


class Folds(NamedTuple):
    """Networks that were fitted without each fold of the rows, and how wrong they were.

    Each fold has a committee, and a scaling of its own.
    """

    params: PyTree
    """Of all starts; each leaf has leading axes [folds, starts]."""

    share: Float[Array | np.ndarray, "folds starts"]
    """Of each start in the mean that is predicted; 0 of one that got stuck."""

    inputs: Float[Array | np.ndarray, "folds 2 inputs"]
    """Mean and scale of each input."""

    targets: Float[Array | np.ndarray, "folds 2 outputs"]
    """Mean and scale of each output; 0 and 1 of classes."""

    fold: Int[Array | np.ndarray, " n"]
    """Which fold each row was left out with, in the order of the table."""

    score: Float[Array | np.ndarray, "n scores"]
    """R of each row, by the committee that had not seen it: |y - ŷ| of each output, of
    classes 1 - ŷ of the class that it is of; infinite where ŷ is no number."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class PredictionSet:
    """The classes that each row may be of."""

    contains: Bool[np.ndarray, "n classes"]
    classes: tuple[Any, ...] = dataclasses.field(metadata={"static": True})

    def labels(self) -> list[tuple[Any, ...]]:
        """The classes in each row's set.

        >>> PredictionSet(np.array([[True, False], [True, True]]), ("a", "b")).labels()
        [('a',), ('a', 'b')]
        """
        return [
            tuple(name for name, among in zip(self.classes, row, strict=True) if among)
            for row in self.contains.tolist()
        ]

    def __repr__(self) -> str:
        size = self.contains.sum(1).mean()
        return f"PredictionSet: {len(self.contains):,} rows, {size:.3g} classes (mean)"


def rank(level: float, n: int) -> int:
    """⌈level (n + 1)⌉: how many of n residuals, in order, a bound lies above.

    >>> rank(0.9, 9), rank(0.55, 19), rank(0.95, 9)
    (9, 11, 10)
    """
    check_number("level", level, above=0, below=1)
    # 0.55 · 20 is 11, but for the rounding of 0.55.
    return math.ceil(round(level * (n + 1), 9))


def guaranteed(level: float, n: int, folds: int) -> float:
    """The probability that a new y is within the bounds of n rows, at the least.

    ::

        1 - 2α - min(2 (1 - 1/K) / (n/K + 1), (1 - K/n) / (K + 1)),    α = 1 - level

    for K folds of equally many rows, whatever the network and the distribution, if only
    rows are exchangeable; usually it is the level. For K = n, jackknife+, it is 1 - 2α.

    Source: Barber, Candès, Ramdas & Tibshirani, "Predictive inference with the
    jackknife+", 2021, theorems 1 and 4.

    >>> print(f"{guaranteed(0.9, 100, 100):.3f} {guaranteed(0.9, 1000, 10):.3f}")
    0.800 0.782
    """
    K = folds
    lost = min(2 * (1 - 1 / K) / (n / K + 1), (1 - K / n) / (K + 1))
    return max(2 * level - 1 - lost, 0.0)


def of_folds(
    network: Network, folds: Folds, x: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, "n folds outputs"]:
    """ŷ of each fold's committee at each row, both in the table's units."""
    known = folds.params, folds.share, folds.inputs, folds.targets
    return over_rows(functools.partial(_of_folds, network, known), x)


def cv_plus(
    network: Network, folds: Folds, x: Float[np.ndarray, "n inputs"], level: float
) -> tuple[Float[np.ndarray, "n outputs"], Float[np.ndarray, "n outputs"]]:
    """Bounds of a new y at each row of x, for each output.

    ::

        lower: the ⌊α (n + 1)⌋-th smallest of ŷ₋ₖ₍ᵢ₎(x) - Rᵢ,     i = 1 … n
        upper: the ⌈(1 - α)(n + 1)⌉-th smallest of ŷ₋ₖ₍ᵢ₎(x) + Rᵢ,   α = 1 - level

    with ŷ₋ₖ of the network that was fitted without fold k, and Rᵢ = |yᵢ - ŷ₋ₖ₍ᵢ₎(xᵢ)|.
    With as many folds as rows this is jackknife+. Where n is too small for the level,
    the bounds are infinite. For what is guaranteed see `guaranteed`.

    Source: Barber, Candès, Ramdas & Tibshirani, "Predictive inference with the
    jackknife+", 2021, equations 2 to 4 and 10.
    """
    fold, R = np.asarray(folds.fold), np.asarray(folds.score)
    n, k = len(R), rank(level, len(R))
    answers = of_folds(network, folds, x)
    lower = np.full((len(x), R.shape[1]), -np.inf)
    upper = -lower
    if k > n:
        return lower, upper
    step = max(AT_ONCE // n, 1)
    for begin in range(0, len(x), step):
        rows = slice(begin, begin + step)
        for j in range(R.shape[1]):
            centre = answers[rows, :, j][:, fold]
            for bound, r, at, far in (
                (lower, -R[:, j], n - k, -np.inf),
                (upper, R[:, j], k - 1, np.inf),
            ):
                ends = centre + r
                ends[np.isnan(ends)] = far
                bound[rows, j] = np.partition(ends, at, axis=1)[:, at]
    return lower, upper


def class_set(
    network: Network, folds: Folds, x: Float[np.ndarray, "n inputs"], level: float
) -> Bool[np.ndarray, "n classes"]:
    """Which classes each row of x may be of.

    ::

        class c, where  #{i: Rᵢ < 1 - ŷ₋ₖ₍ᵢ₎(x)_c} < (1 - α)(n + 1)

    with ŷ₋ₖ of the network that was fitted without fold k, and Rᵢ = 1 - ŷ₋ₖ₍ᵢ₎(xᵢ) of
    the row's own class. A set may be empty, where nothing like the row was seen. For
    what is guaranteed see `guaranteed`.

    Source: Romano, Sesia & Candès, "Classification with valid and adaptive coverage",
    2020, section 2.3, with the score of Sadinle, Lei & Wasserman, "Least ambiguous
    set-valued classifiers with bounded error levels", 2019.
    """
    fold, R = np.asarray(folds.fold), np.asarray(folds.score)[:, 0]
    of_classes = 1 - probabilities(of_folds(network, folds, x))
    of_classes[np.isnan(of_classes)] = -np.inf
    less = np.zeros(of_classes[:, 0].shape, int)
    for f in range(of_classes.shape[1]):
        less += np.searchsorted(np.sort(R[fold == f]), of_classes[:, f])
    return less < rank(level, len(R))


def probabilities(
    outputs: Float[np.ndarray, "*n outputs"],
) -> Float[np.ndarray, "*n classes"]:
    """Of each class; one sigmoid stands for two."""
    one = outputs.shape[-1] == 1
    return np.concatenate([1 - outputs, outputs], -1) if one else outputs


@jit
def _of_folds(
    network: Network, known: tuple, x: Float[Array, "n inputs"]
) -> Float[Array, "n folds outputs"]:
    def answer(params: PyTree, z: Array) -> Array:
        return jnp.ravel(network.apply(params, z))

    def one(of_fold: tuple) -> Array:
        params, share, (mean, scale), (centre, unit) = of_fold
        # The mean of the fold's rows stands for what is missing.
        z = jnp.where(jnp.isnan(x), 0, (x - mean[None]) / scale[None])
        each = jax.vmap(jax.vmap(answer, (None, 0)), (0, None))(params, z)
        # A start that got stuck may have answered what is no number.
        each = jnp.where(share[:, None, None] > 0, each, 0)
        return jnp.tensordot(share, each, 1) * unit[None] + centre[None]

    return jnp.moveaxis(lax.map(one, known), 0, 1)
