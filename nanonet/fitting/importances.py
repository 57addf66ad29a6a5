"""Which inputs matter: how much worse the loss gets without them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet._internal.checks import check_number
from nanonet.network.initializers import RandomKey, make_rng


class Importances(NamedTuple):
    """For each input, how much larger the mean loss is where its column is shuffled."""

    mean: Float[np.ndarray, " inputs"]
    deviation: Float[np.ndarray, " inputs"]
    """Standard deviation over the repeats."""

    values: Float[np.ndarray, "inputs repeats"]


def permutation_importances(
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n outputs"],
    *,
    key: RandomKey,
    repeats: int = 10,
) -> Importances:
    """Shuffle one column at a time, among the rows, and compare the mean loss.

    An input whose column may be replaced by another one (they are correlated) looks
    unimportant, as the other does.

    Args:
      losses: (x, y) → the loss of each row.
      x: rows that were not learnt from, or what was learnt by heart looks important.
      y: their targets.
      key: of the permutations.
      repeats: how often each column is shuffled.

    Raises:
      ValueError: ``repeats`` is less than 1.

    Source: Breiman, "Random forests", 2001, section 10; Fisher, Rudin & Dominici, "All
    models are wrong, but many are useful", 2019.

    >>> import jax
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    >>> found = permutation_importances(lambda x, y: abs(x[:, 0] - y[:, 0]), x, x,
    ...                                 key=jax.random.key(0))
    >>> bool(found.mean[0] > 0), float(found.mean[1])
    (True, 0.0)
    """
    check_number("repeats", repeats, at_least=1)
    rng = make_rng(key)
    n, inputs = x.shape
    base = losses(x, y).mean()
    values = np.empty((inputs, repeats))
    for j in range(inputs):
        shuffled = np.tile(x, (repeats, 1))
        orders = rng.permuted(np.tile(np.arange(n), (repeats, 1)), axis=1)
        shuffled[:, j] = x[orders.ravel(), j]
        of_rows = losses(shuffled, np.tile(y, (repeats, 1)))
        values[j] = of_rows.reshape(repeats, n).mean(1) - base
    return Importances(values.mean(1), values.std(1), values)
