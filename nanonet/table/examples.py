"""A table as numbers: what is learnt from, and what its columns mean."""

import collections
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from nanonet._internal.checks import check_choice, check_untraced
from nanonet.network.network import Network
from nanonet.objectives.data import check_sample_weight
from nanonet.objectives.losses import (
    SQUARED,
    Loss,
    usual_loss,
)
from nanonet.table.cells import is_frame, select
from nanonet.table.checks import as_matrix, column_names
from nanonet.table.columns import (
    Column,
    begins,
    describe,
    scale,
    standardize,
)
from nanonet.table.encoding import (
    read_cells,
    read_named,
    read_targets,
    with_indicators,
)
from nanonet.table.pooling import columns_of
from nanonet.table.read import TableError
from nanonet.table.targets import targets_of

if TYPE_CHECKING:
    import pandas

#: Outputs within bounds, whose targets are in their own unit.
BOUNDED = ("sigmoid", "softmax", "tanh")


class Examples(NamedTuple):
    """A table as numbers, in the units it came in."""

    x: Float[np.ndarray, "n inputs"]
    """Numbers, NaN where missing; or 1 for the cell's category, 0 for the others."""

    y: Float[np.ndarray, "n outputs"]
    """Likewise; of two classes it may be one number, 0 or 1."""

    sample_weight: Float[np.ndarray, " n"]

    inputs: tuple[Column, ...]
    """What x stands for, side by side, and how it is scaled."""

    targets: tuple[Column, ...]
    """What y stands for: numbers, or one column of classes."""

    named: bool
    """Whether the inputs' names are the table's own."""

    flat: bool
    """Whether y came as [n]."""

    @property
    def classes(self) -> np.ndarray | None:
        """The class of each row by its position, in a classification."""
        if self.targets[0].levels is None:
            return None
        if self.y.shape[1] == 1:
            return self.y[:, 0].astype(int)
        return np.argmax(self.y, axis=1)

    def scaled_by(self, rows: np.ndarray, network: Network, loss: Loss) -> "Examples":
        """The same, to be standardized by ``rows``, those that are learnt from.

        Targets only where the loss is of squared errors and the output is unbounded.
        """
        weights = self.sample_weight[rows]
        inputs = standardize(self.inputs, self.x[rows], weights)
        output = network.architecture and network.architecture.output
        if loss not in SQUARED or output in BOUNDED:
            return self._replace(inputs=inputs)
        targets = standardize(self.targets, self.y[rows], weights)
        return self._replace(inputs=inputs, targets=targets)

    def scaled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x and y as a network is given them, and the weights."""
        x, y = scale(self.inputs, self.x), scale(self.targets, self.y)
        return x, y, self.sample_weight


def read_examples(
    network: Network,
    x: Any,
    y: Any,
    *,
    loss: Loss | None = None,
    sample_weight: Any = None,
    least: int = 2,
    inputs: Sequence[Column] | None = None,
) -> Examples:
    """Check arrays, or a data frame of numbers, and make them examples for a network.

    ``inputs``: the columns as an earlier fit knows them, by their positions; of a data
    frame by their names, and of any kind.

    Raises:
      ValueError, TypeError: see `fit`.
    """
    if isinstance(x, Examples):
        _check_widths(network, x)
        return x
    check_untraced("fit", (x, y))
    names = column_names(x)
    if inputs is None:
        matrix = as_matrix("x", x, missing=True)
        inputs = numeric_columns(matrix, names)
        matrix = with_indicators(inputs, matrix)
    else:
        matrix = read_cells(inputs, x, named=is_frame(x))
    loss = usual_loss(network) if loss is None else loss
    if not callable(loss):
        raise TypeError(f"loss={loss!r} must be a function of a prediction and a y.")
    targets, columns, flat = targets_of(y, loss)
    n = len(matrix)
    if len(targets) != n:
        raise ValueError(f"x has {n} rows, but y has {len(targets)}.")
    if n < least:
        raise ValueError("x has 1 row (n_samples = 1); 2 are needed at the least.")
    examples = Examples(
        matrix,
        targets,
        read_weights(sample_weight, n),
        tuple(inputs),
        columns,
        named=names is not None,
        flat=flat,
    )
    _check_widths(network, examples)
    return examples


def numeric_columns(
    matrix: Float[np.ndarray, "n columns"], names: Sequence[str] | None = None
) -> tuple[Column, ...]:
    """A column for each of a matrix, which may have missing cells where it has some.

    >>> numeric_columns(np.array([[1.0, np.nan], [2.0, 3.0]]))[1].labels()
    ['x2', 'x2 = missing']
    """
    names = names or [f"x{j + 1}" for j in range(matrix.shape[1])]
    for name, count in collections.Counter(names).items():
        if count > 1:
            raise ValueError(f"x has several columns {name!r}; rename all but one.")
    missing = np.isnan(matrix)
    for j, name in enumerate(names):
        if missing[:, j].all():
            raise ValueError(f"x: column {name!r} holds no value in any row.")
    return tuple(
        Column(name, missing=bool(missing[:, j].any())) for j, name in enumerate(names)
    )


def read_frame(
    frame: "pandas.DataFrame",
    target: str,
    *,
    ignore: Collection[str] = (),
    categorical: Collection[str] = (),
    rare: int = 0,
) -> Examples:
    """Tell numbers from categories in a table of any cells, and make it examples.

    Raises:
      TableError, ValueError: see `fit_table`.
    """
    names = [str(name) for name in frame.columns]
    frame = frame.set_axis(names, axis="columns")
    check_choice("target", target, names)
    for name in ignore:
        check_choice("ignore", name, names)
    if target in ignore:
        raise ValueError(f"ignore={target!r} is the target.")
    read = (name for name in names if name != target and name not in ignore)
    inputs = columns_of(frame, read, categorical=categorical, rare=rare)
    if not inputs:
        raise TableError(f"no column is left to predict {target!r} from.")
    output = describe(
        select(frame, target), categorical=target in categorical, target=True
    )
    x, y = read_named(inputs, frame), read_targets([output], frame)
    return Examples(x, y, np.ones(len(x)), inputs, (output,), named=True, flat=True)


def doubtful_columns(examples: Examples) -> Iterator[str]:
    """Say which inputs are constant, or equal to an earlier one."""
    seen: dict[bytes, str] = {}
    of_tables = zip(begins(examples.inputs), examples.inputs, strict=True)
    for j, (begin, column) in enumerate(of_tables):
        # Several columns may be missing together: indicators may be equal.
        for at in range(1 if column.levels is None else column.width):
            name = f"column {repr(column.name) if examples.named else j}"
            x = examples.x[:, begin + at]
            if np.all(x == x[0]):
                yield f"x: {name} holds {x[0]:g} in every row; it tells nothing."
                continue
            first = seen.setdefault(x.tobytes(), name)
            if first != name:
                yield f"x: {name} holds the same as {first}; leave one out."


def read_weights(weights: Any, n: int) -> Float[np.ndarray, " n"]:
    """The weights of n rows in float64, 1 where none are given; see `objective`."""
    if weights is None:
        return np.ones(n)
    with jax.enable_x64(True):
        return np.asarray(check_sample_weight(weights, n), float)


def _check_widths(network: Network, examples: Examples) -> None:
    """Raise `ValueError` unless the network has the table's inputs and outputs."""
    if network.architecture is None:
        return
    sizes = network.architecture.sizes
    classes = examples.targets[0].levels is not None
    for name, width, size in (
        ("x", examples.x.shape[1], sizes[0]),
        ("y", examples.y.shape[1], sizes[-1]),
    ):
        if width != size:
            what = "classes" if name == "y" and classes else "columns"
            units = "inputs" if name == "x" else "outputs"
            more = [c.name for c in examples.inputs if c.missing] if name == "x" else []
            if more:
                what = (
                    f"numbers in a row, since cells of {', '.join(map(repr, more))} "
                    "are missing and an indicator (0 or 1) of each is put beside it"
                )
            raise ValueError(
                f"{name} has {width} {what}, but the network has {size} {units}."
            )
