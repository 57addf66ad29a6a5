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
from nanonet.fitting.predictor import Predictor
from nanonet.fitting.rivals import best_constant
from nanonet.fitting.robust import Robust
from nanonet.fitting.settings import Penalty, count_parameters, told_penalty
from nanonet.fitting.skill import Skill, skill_of_one
from nanonet.fitting.starts import Starts
from nanonet.model.conformal import Folds
from nanonet.model.intervals import Noise
from nanonet.model.model import describe_network
from nanonet.model.rows import losses, outputs
from nanonet.model.scores import Score, scores
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import ROBUST, SQUARED, Loss
from nanonet.solve.result import History, Result, Status
from nanonet.table.columns import scale, scaling
from nanonet.table.examples import Examples
from nanonet.table.splits import Split
from nanonet.table.transforms import forward

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fit(Predictor):
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
    def status(self) -> Status:
        """Why the best start's run stopped."""
        return Status(int(self.result.status))

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
