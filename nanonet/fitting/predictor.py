"""What a fit predicts of rows, in the units and the shape of the table it learnt."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

from nanonet.fitting.robust import Robust
from nanonet.fitting.starts import Starts
from nanonet.model.committee import as_one
from nanonet.model.conformal import Folds, PredictionSet, probabilities
from nanonet.model.equation.equation import Equation, equation
from nanonet.model.intervals import Interval, Method, Noise
from nanonet.model.model import Model
from nanonet.model.noise_level import levels
from nanonet.model.rows import outputs, slopes
from nanonet.model.uncertainty import interval_at, set_at
from nanonet.network.network import Network
from nanonet.table.columns import Column, decode, scaling
from nanonet.table.encoding import encode
from nanonet.table.examples import Examples
from nanonet.table.transforms import log_slopes


class Predictor:
    """The half of a `Fit` that answers; the other half says how it came about."""

    network: Network
    params: PyTree
    starts: Starts
    members: tuple[int, ...]
    examples: Examples
    folds: Folds | None
    robust: Robust | None
    noise: functools.cached_property[Noise | None]
    noise_or_error: functools.cached_property[Noise]

    @functools.cached_property
    def committee(self) -> tuple[Network, PyTree]:
        """The network that predicts, of all members, and its parameters."""
        if not self.members:
            return self.network, self.params
        chosen = np.array(self.members)
        members = jax.tree.map(lambda leaf: leaf[chosen], self.starts.params)
        return as_one(self.network, members)

    @property
    def inputs(self) -> tuple[Column, ...]:
        """What the network is given: the table's columns, and how they are scaled."""
        return self.examples.inputs

    @property
    def targets(self) -> tuple[Column, ...]:
        """What it predicts: columns of numbers, or one of classes."""
        return self.examples.targets

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
        return Model(
            *self.committee,
            self.inputs,
            targets,
            self.noise,
            self.folds,
            self.robust and self.robust.loss,
        )

    @property
    def as_it_is(self) -> Model:
        """The model of whatever labels, without ``noise``."""
        return Model(*self.committee, self.inputs, self.targets, folds=self.folds)

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
        return probabilities(self._outputs(x))

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

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the network, in the unit and the shape of y."""
        return self._shaped(decode(self.targets, outputs))

    def _encode(self, x: Any) -> np.ndarray:
        return encode(self.inputs, x, named=self.examples.named)

    def _outputs(self, x: Any) -> np.ndarray:
        return outputs(*self.committee, self._encode(x))

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0] if y.ndim > 1 and self.examples.flat else y
