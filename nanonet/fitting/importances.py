"""Which inputs matter: how much worse the loss gets without them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from nanonet._internal.checks import check_count
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.table.columns import Column, places_of
from nanonet.table.encoding import read_cells
from nanonet.table.examples import Examples
from nanonet.table.splits import Split
from nanonet.table.targets import encode_targets


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Importances:
    """For each column, how much larger the mean loss is where it is shuffled."""

    mean: Float[np.ndarray, " columns"]
    deviation: Float[np.ndarray, " columns"]
    """Standard deviation over the repeats."""

    values: Float[np.ndarray, "columns repeats"]

    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    """Of the columns, in the order of the table."""

    def ranked(self) -> list[tuple[str, float, float]]:
        """Name, mean and deviation of each column, the most important first."""
        rows = zip(self.names, self.mean.tolist(), self.deviation.tolist(), strict=True)
        return sorted(rows, key=lambda row: -row[1])

    def __repr__(self) -> str:
        told = [f"{name} {mean:.3g} ± {d:.2g}" for name, mean, d in self.ranked()[:5]]
        return f"Importances: {', '.join(told)}{', …' * (len(self.names) > 5)}"


def permutation_importances(
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n outputs"],
    *,
    columns: Sequence[Column],
    key: RandomKey,
    repeats: int = 10,
) -> Importances:
    """Shuffle one column at a time, among the rows, and compare the mean loss.

    What encodes the categories of one column is shuffled together. A column that may be
    replaced by another one (they are correlated) looks unimportant, as the other does.

    Args:
      losses: (x, y) → the loss of each row.
      x: rows that were not learnt from, or what was learnt by heart looks important.
      y: their targets.
      columns: what x stands for, side by side.
      key: of the permutations.
      repeats: how often each column is shuffled.

    Raises:
      ValueError: ``repeats`` is less than 1.

    Source: Breiman, "Random forests", 2001, section 10; Fisher, Rudin & Dominici, "All
    models are wrong, but many are useful", 2019.

    >>> import jax
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    >>> found = permutation_importances(lambda x, y: abs(x[:, 0] - y[:, 0]), x, x,
    ...                                 columns=[Column("read"), Column("ignored")],
    ...                                 key=jax.random.key(0))
    >>> bool(found.mean[0] > 0), float(found.mean[1])
    (True, 0.0)
    """
    repeats = check_count("repeats", repeats, at_least=1)
    rng = make_rng(key)
    n, base = len(x), losses(x, y).mean()
    values = np.empty((len(columns), repeats))
    for j, own in enumerate(places_of(columns)):
        shuffled = np.tile(x, (repeats, 1))
        orders = rng.permuted(np.tile(np.arange(n), (repeats, 1)), axis=1)
        shuffled[:, own] = x[orders.ravel(), own]
        of_rows = losses(shuffled, np.tile(y, (repeats, 1)))
        values[j] = of_rows.reshape(repeats, n).mean(1) - base
    names = tuple(column.name for column in columns)
    return Importances(values.mean(1), values.std(1), values, names)


def rows_to_shuffle(
    examples: Examples, split: Split, x: Any, y: Any
) -> tuple[Float[np.ndarray, "n width"], Float[np.ndarray, "n outputs"]]:
    """The rows x, y as numbers; or those that were held out: test, else validation.

    Raises:
      ValueError: see `Fit.importances`.
    """
    if (x is None) != (y is None):
        raise ValueError("importances needs x and y together, or neither.")
    if x is None:
        held_out = split.test if len(split.test) else split.validation
        if not len(held_out):
            raise ValueError(
                "no rows were held out: give importances x and y, or fit with test=0.2."
            )
        return examples.x[held_out], examples.y[held_out]
    rows = read_cells(examples.inputs, x, named=examples.named)
    targets = encode_targets(examples.targets, y, examples.y.shape[1])
    if len(rows) != len(targets):
        raise ValueError(f"x has {len(rows)} rows, but y has {len(targets)}.")
    return rows, targets
