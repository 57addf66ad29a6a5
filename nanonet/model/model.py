"""A fitted network, or several as one, and what its inputs and outputs mean."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, PyTree
from numpy.typing import ArrayLike

from nanonet.model.committee import Committee
from nanonet.model.conformal import Folds, probabilities
from nanonet.model.intervals import Noise
from nanonet.model.rows import outputs
from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.network import Network
from nanonet.table.columns import Column, decode
from nanonet.table.encoding import encode, read_cells

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from nanonet.model.equation.equation import Equation


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Model:
    """All that a prediction needs; what `nanonet.model.storage` saves and loads."""

    network: Network = dataclasses.field(metadata={"static": True})
    """One network, or several that answer with their mean: `committee`."""

    params: PyTree
    """Of a committee, each leaf has a leading axis of members."""

    inputs: tuple[Column, ...] = dataclasses.field(metadata={"static": True})
    """The columns that are read, in the order of the network's inputs."""

    targets: tuple[Column, ...] = dataclasses.field(metadata={"static": True})
    """What is predicted: columns of numbers, or one of categories."""

    noise: Noise | None = None
    """What these parameters are known to be wrong by, for `predict_interval`."""

    folds: Folds | None = None
    """What was predicted without having been seen, for bounds with a guarantee."""

    robust_loss: str | None = dataclasses.field(default=None, metadata={"static": True})
    """The name of the loss it was fitted by, if that gives outliers little weight."""

    @property
    def member(self) -> Network:
        """The network that each of ``members`` is."""
        network = self.network
        return network.member if isinstance(network, Committee) else network

    @property
    def members(self) -> tuple["Model", ...]:
        """The networks whose mean it is, the best first, each as a model of its own."""
        if not isinstance(self.network, Committee):
            return (self,)
        member, count = self.network.member, self.network.size
        params = jax.tree.map(np.asarray, self.params)  # in float64, as they are
        return tuple(
            Model(
                member,
                jax.tree.map(lambda leaf, i=i: leaf[i], params),
                self.inputs,
                self.targets,
                jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], self.noise),
                robust_loss=self.robust_loss,
            )
            for i in range(count)
        )

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the network, of a committee the best, between its columns.

        See `nanonet.plot.diagram`.
        """
        from nanonet.plot.network_diagram import diagram

        best = self.members[0]

        inputs = [label for column in self.inputs for label in column.labels()]
        classes = self.targets[0].levels
        outputs = classes or [column.name for column in self.targets]
        return diagram(best.network, best.params, names=(inputs, outputs), ax=ax)

    def predict_probabilities(
        self, x: "pandas.DataFrame | ArrayLike"
    ) -> Float[np.ndarray, "n classes"]:
        """Probability of each class, in the order of the target's levels.

        Raises:
          ValueError: the targets are numbers; or as `predict`.
        """
        if self.targets[0].levels is None:
            raise ValueError("predict_probabilities is for classes, not for numbers.")
        return probabilities(outputs(self.network, self.params, encode(self.inputs, x)))

    def equation(
        self, x: "pandas.DataFrame | ArrayLike | None" = None, *, tolerance: Any = None
    ) -> "Equation":
        """The model as an equation in the table's own units: text, LaTeX, code, Excel.

        ::

            h1 = tanh(0.3 + 0.02·age - 1.2·[sex = m]),  …,  y = 17 + 4.1·h1 + …

        With the fewest digits that move no prediction of the rows x by more than
        ``tolerance``: it says how many, and by how much one moves.

        Of a target that is learnt by its logarithm it is exp(…), and in the target's
        unit. Where cells may be missing, the equation says what stands for them, and
        [age = missing] is 1 where one is; so it is of categories that are rare, or new.

        Args:
          x: rows, as for `predict`; without them all digits are written.
          tolerance: in the units of the target, one number or one for each; of a
            probability of classes. By default 0.1 % of the predictions' standard
            deviation, or 0.001 of a probability.

        Raises:
          ValueError: as `named_activations`, and `predict`; or a tolerance that is not
            positive, or less than float64 can tell.

        >>> from nanonet.network.network import mlp
        >>> layers = (
        ...     Layer(np.array([[2.0]]), np.array([0.25])),
        ...     Layer(np.array([[3.0]]), np.array([1 / 3])),
        ... )
        >>> age, y = Column("age", None, mean=40.0, scale=8.0), Column("y")
        >>> model = Model(mlp([1, 1, 1], "tanh", "identity"), layers, (age,), (y,))
        >>> found = model.equation([[30.0], [40.0], [50.0]])
        >>> print(found)
        h1 = tanh(-9.75 + 0.25·age)
        y = 0.333 + 3·h1
        >>> found.excel()
        '=0.333+3*TANH(-9.75+0.25*A2)'
        """
        from nanonet.model.equation.equation import equation

        rows = None if x is None else read_cells(self.inputs, x)
        return equation(self, rows, tolerance)

    def __repr__(self) -> str:
        """The network, and the columns' names."""
        names = [
            ", ".join(column.name for column in columns)
            for columns in (self.inputs, self.targets)
        ]
        return f"Model: {describe_network(self.network)}; {names[0]} → {names[1]}"


def predict(model: Model, x: "pandas.DataFrame | ArrayLike") -> np.ndarray:
    """Predict the targets of every row: a category, or numbers in their own units.

    Args:
      model: from `Fit.model` or `load_model`.
      x: a data frame that holds the model's input columns, by name, and possibly
        others; or an array of exactly these columns, where all are numbers.

    Returns:
      Shape [n], or [n, targets] where there are several.

    Raises:
      TableError: a column is not there, or a cell does not fit it.
      ValueError: an array of another width, or of infinite numbers.
      TypeError: ``model`` is none, but a fit, say.

    Warns:
      DataWarning: a cell says nothing to the model: it is missing in a column that
        never was, or a category that is new; see
        `nanonet.table.encoding.read_cells`.
    """
    check_model(model)
    y = outputs(model.network, model.params, encode(model.inputs, x))
    found = decode(model.targets, y)
    return found[:, 0] if found.ndim > 1 and len(model.targets) == 1 else found


def check_model(model: Any) -> None:
    """Raise `TypeError` unless it is a `Model`: of a fit, one network is not all."""
    if not hasattr(model, "member"):
        raise TypeError(
            f"model is a {type(model).__name__}, not a Model; of a fit it is fit.model."
        )


def named_activations(model: Model, done: str) -> list[str]:
    """The name of each layer's activation.

    Raises:
      ValueError: the model cannot be ``done``: its network is not one of `mlp`, an
        activation is a function rather than a name, or a parameter is not finite.
    """
    check_model(model)
    architecture = model.network.architecture
    known = Layer, SkipLayer
    if architecture is None or not all(isinstance(p, known) for p in model.params):
        raise ValueError(f"model: only a network made by mlp can be {done}.")
    names = [architecture.hidden] * (len(model.params) - 1) + [architecture.output]
    if any(map(callable, names)):
        raise ValueError(f"model: activations can be {done} only if given by name.")
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(model.params)):
        raise ValueError("model: a parameter is not finite; fit it anew.")
    return [str(name) for name in names]


def describe_network(network: Network) -> str:
    """Sizes and activations in words.

    >>> from nanonet.network.network import mlp
    >>> print(describe_network(mlp([4, 8, 3], "tanh", "softmax")))
    network 4-8-3, tanh and softmax
    """
    if network.architecture is None:
        return "network of one's own"
    sizes, hidden, output, _, skip = network.architecture
    names = [getattr(f, "__name__", str(f)) for f in (hidden, output)]
    told = f"{'-'.join(map(str, sizes))}, {names[0]} and {names[1]}"
    told += ", and a linear part" * skip
    if isinstance(network, Committee):
        return f"committee of {network.size} networks {told}"
    return f"network {told}"
