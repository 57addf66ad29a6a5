"""What speaks against a fit, before it is done: doubts are told, mistakes raised."""

from collections.abc import Iterator

import numpy as np

from nanonet.fitting.defaults import count_parameters
from nanonet.fitting.fitted import Fit
from nanonet.model.model import Model
from nanonet.network.network import Network
from nanonet.table.examples import Examples, doubtful_columns
from nanonet.table.splits import Split


def doubts(
    network: Network, examples: Examples, split: Split, l2: float
) -> Iterator[str]:
    """Why the fit may be less good than it seems."""
    yield from doubtful_columns(examples)
    n, m = (
        count_parameters(network),
        int(np.sum(examples.sample_weight[split.train] > 0)),
    )
    if n > m * examples.y.shape[1]:
        remedy = "" if l2 > 0 else " Penalize them: leave l2 out, or make it positive."
        yield (
            f"the network has {n} parameters, but only {m} rows to learn from.{remedy}"
        )


def check_warm_start(old: Fit | Model, network: Network, examples: Examples) -> None:
    """Raise `ValueError` unless ``old`` is of the same network and kind of table."""
    if old.network.architecture != network.architecture:
        was = old.network.architecture
        raise ValueError(
            f"warm_start is of another network: {was} is not {network.architecture}."
        )
    if [c.width for c in old.inputs] != [c.width for c in examples.inputs]:
        raise ValueError("warm_start was fitted to other columns of x.")
    levels = [
        [c.levels for c in columns] for columns in (old.targets, examples.targets)
    ]
    if levels[0] != levels[1]:
        raise ValueError(
            f"warm_start was fitted to other targets: {levels[0]}, not {levels[1]}."
        )
