"""A fitted network, and what can be asked of it."""

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, PyTree

from nanonet._internal.checks import check_number
from nanonet.fitting.batch import Fold, Learning, Record
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.importances import Importances, permutation_importances
from nanonet.fitting.intervals import Interval, linearized, spread
from nanonet.model.model import Model
from nanonet.model.rows import losses, outputs, slopes
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss
from nanonet.solve.result import Result, Status
from nanonet.table.coding import Coding
from nanonet.table.columns import Column
from nanonet.table.splits import Split


class Starts(NamedTuple):
    """Where each random start ended."""

    params: PyTree
    """Leaves with a leading axis of starts."""

    score: Float[np.ndarray, " starts"]
    """The less, the better: J on the validation rows, -ln evidence, or J."""

    status: tuple[Status, ...]


class Fit(NamedTuple):
    """A fitted network: the best of its starts, and how it came about."""

    network: Network
    loss: Loss
    params: PyTree
    coding: Coding
    """Scaling, names and classes, between the table's units and the network's."""

    result: Result
    """Of the best start; J is that of the scaled targets, plus the penalty."""

    record: Record
    """J on each part of the rows, ‖∇J‖ and the damping, step by step."""

    starts: Starts
    split: Split
    l2: float
    evidence: Evidence | None
    """γ, α and β, where l2 was found by evidence."""

    learning: Learning
    fold: Fold
    """The rows, scaled and padded, with their weights in each part."""

    @property
    def status(self) -> Status:
        """Why the best start's run stopped."""
        return self.result.status

    @property
    def model(self) -> Model:
        """What `save_model` saves; columns without names are x1, x2, …, and y, y2, ….

        Raises:
          ValueError: two classes by one sigmoid; softmax outputs have a column each.
        """
        inputs, targets, names, classes, _ = self.coding
        if classes is not None and len(classes) != len(targets.mean):
            raise ValueError("model: use two softmax outputs in place of one sigmoid.")
        names = names or tuple(f"x{j + 1}" for j in range(len(inputs.mean)))
        columns = tuple(map(_column, names, inputs.mean, inputs.scale))
        if classes is not None:
            target = Column("y", tuple(str(label) for label in classes))
            return Model(self.network, self.params, columns, target)
        outputs = ["y", *(f"y{k + 2}" for k in range(len(targets.mean) - 1))]
        target, *further = map(_column, outputs, targets.mean, targets.scale)
        return Model(self.network, self.params, columns, target, tuple(further))

    def predict(self, x: Any) -> np.ndarray:
        """ŷ of each row of x, in the unit and the shape of y; or its likeliest class.

        Raises:
          ValueError: x has other columns than the table had, or a cell is no number.
        """
        return self.coding.decode(self._outputs(x))

    def predict_probabilities(self, x: Any) -> Float[np.ndarray, "n classes"]:
        """Probability of each class, in the order of ``coding.classes``."""
        if self.coding.classes is None:
            raise ValueError("predict_probabilities is for classes, not for numbers.")
        p = self._outputs(x)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_interval(
        self,
        x: Any,
        *,
        level: float = 0.95,
        method: Literal["linearized", "starts"] = "linearized",
    ) -> Interval:
        """Bounds between which a new y lies with probability ``level``.

        See `linearized` and `spread` in `nanonet.fitting.intervals`.
        """
        check_number("level", level, above=0, below=1)
        z = self.coding.encode(x)
        if method == "linearized":
            found = linearized(self.learning, self.fold, self.l2, self.params, z, level)
        elif method == "starts":
            found = spread(
                self.learning,
                self.fold,
                self.l2,
                self.params,
                self.starts.params,
                z,
                level,
            )
        else:
            raise ValueError(f"method={method!r} must be 'linearized' or 'starts'.")
        return Interval(*(self.coding.decode(bound) for bound in found))

    def derivatives(self, x: Any) -> Float[np.ndarray, "n outputs inputs"]:
        """∂ŷ/∂x at each row, in the units of y and x (of probabilities, of classes)."""
        slope = slopes(self.network, self.params, self.coding.encode(x))
        return slope * self.coding.targets.scale[:, None] / self.coding.inputs.scale

    def importances(
        self, x: Any = None, y: Any = None, *, key: RandomKey, repeats: int = 10
    ) -> Importances:
        """How much worse the loss gets where one column is shuffled.

        Of the rows x, y; or of those that were held out (test, else validation). See
        `nanonet.fitting.importances.permutation_importances`.

        Raises:
          ValueError: no rows are given, and none were held out.
        """
        if (x is None) != (y is None):
            raise ValueError("importances needs x and y together, or neither.")
        z, targets = self._held_out() if x is None else self._encode(x, y)
        unit = (self.coding.targets.mean, self.coding.targets.scale)
        return permutation_importances(
            lambda z, y: losses(self.network, self.loss, self.params, unit, z, y),
            z,
            targets,
            key=key,
            repeats=repeats,
        )

    def _outputs(self, x: Any) -> np.ndarray:
        return outputs(self.network, self.params, self.coding.encode(x))

    def _encode(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        classes = self.coding.classes
        if classes is None:
            targets = np.asarray(y, float)
            return self.coding.encode(x), targets.reshape(len(targets), -1)
        labels = np.asarray(y)
        if labels.ndim == 1:
            labels = (labels[:, None] == classes).astype(float)
            if len(self.coding.targets.mean) == 1:
                labels = labels[:, 1:]
        return self.coding.encode(x), labels

    def _held_out(self) -> tuple[np.ndarray, np.ndarray]:
        rows = self.split.test if len(self.split.test) else self.split.validation
        if not len(rows):
            raise ValueError(
                "no rows were held out: give importances x and y, or fit with test=0.2."
            )
        y = np.asarray(self.fold.y)[rows]
        return np.asarray(self.fold.x)[rows], self.coding.targets.decode(y)


def _column(name: str, mean: float, scale: float) -> Column:
    return Column(name, None, float(mean), float(scale))
