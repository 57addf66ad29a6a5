"""A fitted network, and what can be asked of it."""

import contextlib
import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

from nanonet.fitting.evidence import Evidence
from nanonet.fitting.heteroscedastic import Heteroscedastic
from nanonet.fitting.importances import (
    Importances,
    permutation_importances,
    rows_to_shuffle,
)
from nanonet.fitting.member import Record
from nanonet.fitting.noise import LARGEST_KEPT, noise_of
from nanonet.fitting.robust import ROBUST, Robust
from nanonet.fitting.settings import Penalty, count_parameters, told_penalty
from nanonet.fitting.skill import Skill, best_constant, skill_of_one
from nanonet.fitting.starts import Starts
from nanonet.model.committee import as_one
from nanonet.model.conformal import Folds, PredictionSet
from nanonet.model.equation.equation import Equation, equation
from nanonet.model.intervals import Interval, Method, Noise
from nanonet.model.model import Model, describe_network
from nanonet.model.noise_level import levels
from nanonet.model.rows import losses, outputs, slopes
from nanonet.model.scores import Score, scores
from nanonet.model.uncertainty import interval_at, set_at
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import SQUARED, Loss
from nanonet.solve.result import History, Result, Status
from nanonet.table.columns import Column, decode, scale, scaling
from nanonet.table.encoding import encode
from nanonet.table.examples import Examples
from nanonet.table.splits import Split
from nanonet.table.transforms import forward, log_slopes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fit:
    """Fitted networks that answer as one, and how the best of them came about."""

    network: Network = dataclasses.field(metadata={"static": True})
    """Of each start; ``model.network`` is that of all."""

    loss: Loss = dataclasses.field(metadata={"static": True})
    params: PyTree
    """Of the best start."""

    result: Result
    """Of the best start; J is that of the scaled targets, plus the penalty."""

    record: Record
    """J on each part of the rows, ‖∇J‖ and the damping, step by step.

    Of a run of very many steps it is thinned."""

    starts: Starts

    split: Split
    """The positions of the rows that were learnt from, stopped by, and tested on."""

    l2: Penalty
    """λ; of a network with skips perhaps a pair, the second theirs."""

    evidence: Evidence | None
    """γ, α and β, where l2 was found by evidence."""

    examples: Examples
    """The table as numbers, of which intervals, scores and importances are computed."""

    bounds: Box | None = None
    """Where the parameters were to stay; trees like them."""

    folds: Folds | None = None
    """What was predicted without having been seen, if folds were asked for."""

    robust: Robust | None = None
    """How much each row counted, of a loss that gives outliers little weight."""

    heteroscedastic: Heteroscedastic | None = None
    """How the noise depends on the inputs, if that was asked for."""

    members: tuple[int, ...] = dataclasses.field(default=(), metadata={"static": True})
    """The starts whose mean is predicted, the best first; none: ``params`` alone."""

    def __repr__(self) -> str:
        """What was fitted to what, and how it ended."""
        parts = [
            f"{len(rows):,} {use}"
            for rows, use in zip(
                self.split, ("to learn from", "to stop by", "to test on"), strict=True
            )
            if len(rows)
        ]
        network, _ = self.committee
        return (
            f"Fit: {describe_network(network)}; rows: {', '.join(parts)}\n"
            f"J = {float(self.result.value):.4g} after {self.result.steps:,} steps, "
            f"l2 = {told_penalty(self.l2)}\n{self.status}"
            + (f"\n{self.weighed}" if self.weighed else "")
        )

    @property
    def inputs(self) -> tuple[Column, ...]:
        """What the network is given: the table's columns, and how they are scaled."""
        return self.examples.inputs

    @property
    def targets(self) -> tuple[Column, ...]:
        """What it predicts: columns of numbers, or one of classes."""
        return self.examples.targets

    @property
    def status(self) -> Status:
        """Why the best start's run stopped."""
        return Status(int(self.result.status))

    @property
    def classes(self) -> np.ndarray | None:
        """What the outputs stand for, in a classification."""
        levels = self.targets[0].levels
        return None if levels is None else np.array(levels)

    @property
    def model(self) -> Model:
        """What `save_model` saves; columns without names are x1, x2, …, and y, y2, ….

        Raises:
          ValueError: two classes by one sigmoid; softmax outputs have a column each.
        """
        targets, levels = self.targets, self.targets[0].levels
        if levels is not None:
            if len(levels) != self.examples.y.shape[1]:
                raise ValueError(
                    "model: use two softmax outputs in place of one sigmoid."
                )
            labels = tuple(str(label) for label in levels)
            targets = (dataclasses.replace(targets[0], levels=labels),)
        return Model(*self.committee, self.inputs, targets, self.noise, self.folds)

    @property
    def as_it_is(self) -> Model:
        """The model of whatever labels, without ``noise``."""
        return Model(*self.committee, self.inputs, self.targets, folds=self.folds)

    @functools.cached_property
    def best(self) -> "Fit":
        """The same of the best start alone: one network in place of the committee."""
        return dataclasses.replace(self, members=(), folds=None)

    @property
    def y(self) -> np.ndarray:
        """What the table says that is to be predicted; of classes, their labels."""
        labels, y = self.classes, self.examples.y
        if labels is not None:
            return labels[self.examples.classes]
        return y[:, 0] if self.examples.flat else y

    @functools.cached_property
    def scores(self) -> tuple[Score, ...]:
        """Accuracy, or R² and RMSE, on the rows learnt from and on the test rows.

        NaN where no rows were left for the test. Of a robust loss R² is the robust one,
        and beside the RMSE, which outliers rule, is the median absolute error.
        """
        z, _, _ = self.examples.scaled()
        predicted = self.decode(outputs(*self.committee, z))
        train, _, test = self.split
        known = self.targets, predicted, self.y, train, test
        if self.robust is None:
            return scores(*known)
        constant = best_constant(self, train).item()
        return scores(*known, robust=True, usual=lambda _: constant)

    @functools.cached_property
    def skill(self) -> tuple[Skill, ...]:
        """How good it is beside a linear model and a constant, for each target.

        On the test rows, or else by the networks of ``folds``, each on the rows that it
        was fitted without. The linear model is ridge regression, or logistic
        regression, of the same rows, its penalty found by evidence as well. Of a robust
        loss all three are fitted by it, and compared by it. Printed, it is a sentence,
        which says whether a network was needed.

        Raises:
          ValueError: no rows were held out, and there are no folds.

        >>> import jax
        >>> from nanonet.fitting.fit import fit
        >>> from nanonet.network.network import mlp
        >>> x = np.linspace(-1, 1, 80)[:, None]
        >>> found = fit(mlp([1, 5, 1], "tanh", "identity"), x, np.sin(4 * x[:, 0]),
        ...             key=jax.random.key(0), starts=1, test=0.25)
        >>> found.skill[0].verdict
        'a network was needed'
        """
        return skill_of_one(self)

    def predict(self, x: Any) -> np.ndarray:
        """ŷ of each row of x, in the unit and the shape of y; or its likeliest class.

        Raises:
          ValueError: x has other columns than the table had, or a cell is no number.
        """
        return self.decode(self._outputs(x))

    def predict_probabilities(self, x: Any) -> Float[np.ndarray, "n classes"]:
        """Probability of each class, in the order of ``classes``.

        The mean of the networks'. MacKay's moderation by the posterior is left out:
        where classes hardly overlap, Gauss and Newton's Hessian makes the posterior so
        wide that it gives away what is known.
        """
        if self.targets[0].levels is None:
            raise ValueError("predict_probabilities is for classes, not for numbers.")
        p = self._outputs(x)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_interval(
        self, x: Any, *, level: float = 0.95, method: Method | None = None
    ) -> Interval:
        """Bounds between which a new y lies with probability ``level``.

        ``method`` is "linearized" or "starts" (`linearized` and `spread` in
        `nanonet.model.intervals`), which take the noise to be normal; or "cv+", which
        takes nothing for granted (`nanonet.model.conformal.cv_plus`), and is the
        default of what was fitted with ``folds``.
        """
        model, named = self.as_it_is, self.examples.named
        method = method or ("linearized" if self.folds is None else "cv+")
        if method != "cv+":
            model = dataclasses.replace(model, noise=self.noise_or_error)
        found = interval_at(model, x, level=level, method=method, named=named)
        return jax.tree.map(self._shaped, found)

    def predict_set(self, x: Any, *, level: float = 0.95) -> PredictionSet:
        """The classes that each row may be of; the one it is among them by ``level``.

        Of what was fitted with ``folds``; see `nanonet.model.conformal.class_set`. The
        likeliest class is in every set.
        """
        return set_at(self.as_it_is, x, level=level, named=self.examples.named)

    def noise_at(self, x: Any) -> np.ndarray:
        """σ of the noise at each row of x, in the unit of y or of its transform.

        Everywhere the same, unless ``noise="heteroscedastic"`` was asked for.

        Raises:
          ValueError: as `predict`; or the noise is not known, see `predict_interval`.
        """
        z, noise = self._encode(x), self.noise_or_error
        squares = np.mean(levels(noise.trend, z) * noise.deviation**2, axis=1)
        sigma = np.broadcast_to(np.sqrt(squares), (len(z), squares.shape[1]))
        return self._shaped(sigma * scaling(self.targets)[1])

    def derivatives(self, x: Any) -> Float[np.ndarray, "n outputs inputs"]:
        """∂ŷ/∂x at each row, in the units of y and x (of probabilities, of classes)."""
        slope = slopes(*self.committee, self._encode(x))
        slope = slope * scaling(self.targets)[1][:, None] / scaling(self.inputs)[1]
        if not any(column.transform for column in self.targets):
            return slope
        answers = decode(self.targets, self._outputs(x))
        return slope / np.exp(log_slopes(self.targets, answers))[:, :, None]

    def equation(self, *, tolerance: Any = None) -> Equation:
        """The network as an equation in the table's own units; `Model.equation`.

        With the fewest digits that move no prediction of the table's rows by more than
        ``tolerance``. One network is far shorter than a committee: ``found.best``.
        """
        return equation(self.as_it_is, self.examples.x, tolerance)

    def importances(
        self, x: Any = None, y: Any = None, *, key: RandomKey, repeats: int = 10
    ) -> Importances:
        """How much worse the loss gets where one column is shuffled.

        Of the rows x, y; or of those that were held out (test, else validation). The
        categories of one column are shuffled together. See
        `nanonet.fitting.importances.permutation_importances`.

        Raises:
          ValueError: no rows are given, and none were held out; or x and y do not
            agree, or are not like the table that was learnt from.
        """
        rows, targets = rows_to_shuffle(self.examples, self.split, x, y)
        return permutation_importances(
            lambda x, y: self.losses(scale(self.inputs, x), y),
            rows,
            targets,
            columns=self.inputs,
            key=key,
            repeats=repeats,
        )

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw J on each part of the rows against the steps."""
        from nanonet.plot.curves import losses as draw

        curves = {name: getattr(self.record, name) for name in Split._fields}
        norm, steps = self.record.gradient_norm, self.record.steps
        return draw(
            {
                name: dataclasses.replace(
                    self.result, history=History(curve, norm, None, steps)
                )
                for name, curve in curves.items()
                if np.isfinite(curve).any()
            },
            ax=ax,
        )

    @property
    def has_intervals(self) -> bool:
        """Whether `predict_interval` has what it needs; of a robust loss, folds."""
        known = self.robust is None or self.folds is not None
        return known and self.targets[0].levels is None

    @functools.cached_property
    def committee(self) -> tuple[Network, PyTree]:
        """The network that predicts, of all members, and its parameters."""
        if not self.members:
            return self.network, self.params
        chosen = np.array(self.members)
        members = jax.tree.map(lambda leaf: leaf[chosen], self.starts.params)
        return as_one(self.network, members)

    @functools.cached_property
    def noise(self) -> Noise | None:
        """What ``model`` knows of its errors; see `nanonet.fitting.noise`.

        None of classes, of a robust loss, where there is no degree of freedom left to
        estimate it by, and of networks of more than 1,000 parameters.
        """
        if self.loss in SQUARED and count_parameters(self.network) <= LARGEST_KEPT:
            with contextlib.suppress(ValueError):
                return self.noise_or_error
        return None

    @functools.cached_property
    def noise_or_error(self) -> Noise:
        """The same of any number of parameters, or a `ValueError` that says why not."""
        return noise_of(self)

    @property
    def own_weights(self) -> Float[np.ndarray, " n"]:
        """Of the rows, without what a robust loss or their noise made of them."""
        weights = self.examples.sample_weight
        return weights if self.weighed is None else weights / self.weighed.weight

    @property
    def weighed(self) -> Robust | Heteroscedastic | None:
        """By what the rows were weighed while they were fitted."""
        return self.robust or self.heteroscedastic

    def losses(
        self, z: Float[np.ndarray, "n inputs"], y: Float[np.ndarray, "n outputs"]
    ) -> Float[np.ndarray, " n"]:
        """The loss that was asked for of each row z, scaled, and its target y.

        In the unit of y, or of its transform; a robust loss in that of the noise.
        """
        network, params = self.committee
        loss, sigma = self.loss, 1.0
        if self.robust is not None:
            loss, sigma = ROBUST[self.robust.loss], self.robust.sigma
        mean, unit = (of / sigma for of in scaling(self.targets))
        y = forward(self.targets, y) / sigma
        return losses(network, loss, params, (mean, unit), z, y)

    def _encode(self, x: Any) -> np.ndarray:
        return encode(self.inputs, x, named=self.examples.named)

    def _outputs(self, x: Any) -> np.ndarray:
        return outputs(*self.committee, self._encode(x))

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the network, in the unit and the shape of y."""
        return self._shaped(decode(self.targets, outputs))

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0] if y.ndim > 1 and self.examples.flat else y
