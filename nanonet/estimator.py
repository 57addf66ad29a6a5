"""Networks as scikit-learn's estimators (extra ``sklearn``).

Import `NetRegressor` and `NetClassifier` from ``nanonet.estimator``: they need
scikit-learn, which ``import nanonet`` does not load.
"""

import dataclasses
import warnings
from typing import Any

import jax
import numpy as np
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from nanonet.fitting.fit import fit
from nanonet.fitting.part import Part, fit_part
from nanonet.model.conformal import PredictionSet
from nanonet.model.intervals import Interval, predictive
from nanonet.model.model import Model, describe_network
from nanonet.model.rows import outputs
from nanonet.model.uncertainty import interval_at, noise_known, set_at
from nanonet.network.network import Network, mlp
from nanonet.rules._parts.registry import named_rule
from nanonet.rules.adam import adam
from nanonet.table.checks import DataWarning
from nanonet.table.columns import decode, scaling
from nanonet.table.encoding import encode
from nanonet.table.examples import (
    Examples,
    numeric_columns,
    read_examples,
    read_weights,
)

#: What `partial_fit` does with the rows of one call, unless a rule is named.
PARTIAL_RULE, PARTIAL_STEPS = adam(0.01), 10


class _Net(BaseEstimator):
    """What both estimators share."""

    _output: str

    # scikit-learn wants arguments checked in `fit`, not before: hence Any.
    def __init__(
        self,
        hidden: Any = (10,),
        *,
        activation: Any = "tanh",
        skip: Any = False,
        loss: Any = None,
        rule: Any = None,
        l2: Any = None,
        starts: Any = 5,
        max_steps: Any = None,
        bounds: Any = None,
        monotone: Any = None,
        validation: Any = 0.0,
        patience: Any = 50,
        folds: Any = 0,
        warm_start: Any = False,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.skip = skip
        self.loss = loss
        self.rule = rule
        self.l2 = l2
        self.starts = starts
        self.max_steps = max_steps
        self.bounds = bounds
        self.monotone = monotone
        self.validation = validation
        self.patience = patience
        self.folds = folds
        self.warm_start = warm_start
        self.random_state = random_state

    def _whole(self, x: np.ndarray, y: np.ndarray, weights: Any) -> None:
        """Fit to numbers, and keep what a prediction needs."""
        goes_on = self.warm_start and hasattr(self, "model_")
        with warnings.catch_warnings():
            # Small tables are what scikit-learn's users search and cross-validate on.
            warnings.simplefilter("ignore", DataWarning)
            examples = self._examples(x, y, weights, self.model_ if goes_on else None)
            found = fit(
                self._network(examples),
                examples,
                key=self._key(),
                loss=self.loss,
                rule=self.rule,
                l2=self.l2,
                validation=self.validation,
                patience=self.patience,
                folds=self.folds,
                starts=self.starts,
                max_steps=self.max_steps,
                bounds=self.bounds,
                monotone=self.monotone,
                warm_start=self.model_ if goes_on else None,
            )
        J, seen = float(found.result.value), float(found.examples.sample_weight.sum())
        self.model_ = dataclasses.replace(found.as_it_is, noise=found.noise)
        self.part_ = Part(self.model_, None, seen, J)
        self.l2_, self.robust_ = found.l2, found.robust
        self.status_ = found.status
        self.n_iter_ = found.result.steps
        self.loss_ = J
        self.loss_curve_ = found.record.value
        self.validation_curve_ = found.record.validation
        if not self.status_.converged:
            warnings.warn(str(self.status_), ConvergenceWarning, stacklevel=3)

    def _part(self, x: np.ndarray, y: np.ndarray, weights: Any) -> None:
        if weights is not None and not np.any(weights):
            return
        if self.loss is not None:
            raise ValueError(
                f"loss={self.loss!r} needs all rows at once: partial_fit minimizes "
                "squared errors, or cross-entropy."
            )
        before = getattr(self, "part_", None)
        examples = self._examples(x, y, weights, before and before.model, least=1)
        network = self._network(examples)
        rule = self.rule
        if rule is None or isinstance(rule, str):
            rule = named_rule(rule) if rule else PARTIAL_RULE
        if before is not None and before.model.member != network:
            raise ValueError(
                "partial_fit goes on with one network: "
                f"{describe_network(before.model.member)} is not "
                f"{describe_network(network)}."
            )
        self.part_ = fit_part(
            network,
            examples,
            before,
            key=self._key(),
            rule=rule,
            l2=self.l2,
            steps=PARTIAL_STEPS,
            bounds=self.bounds,
            monotone=self.monotone,
        )
        self.model_ = self.part_.model
        self.loss_ = self.part_.value

    def _examples(
        self,
        x: np.ndarray,
        y: np.ndarray,
        weights: Any,
        before: Model | None,
        least: int = 2,
    ) -> Examples:
        """The rows as numbers; as ``before`` reads them, if it is to go on."""
        names = getattr(self, "feature_names_in_", None)
        inputs = before and before.inputs
        if inputs is None or len(inputs) != x.shape[1]:
            inputs = numeric_columns(x, None if names is None else names.tolist())
        sizes = sum(c.width for c in inputs), y.shape[1]
        return read_examples(
            mlp(sizes, output=self._output),  # which has the loss, and the widths
            x,
            y,
            sample_weight=weights,
            least=least,
            inputs=inputs,
        )

    def _key(self) -> jax.Array:
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return jax.random.key(seed)

    def _network(self, examples: Examples) -> Network:
        hidden = np.atleast_1d(self.hidden).tolist()
        sizes = examples.x.shape[1], *hidden, examples.y.shape[1]
        return mlp(sizes, self.activation, self._output, skip=self.skip)

    def _outputs(self, X: Any, network: Network | None = None) -> np.ndarray:
        x = self._checked(X)
        model = self.model_
        z = encode(model.inputs, x, named=False)
        return outputs(network or model.network, model.params, z).astype(x.dtype)

    def _checked(self, X: Any) -> np.ndarray:
        """X as numbers, in the dtype that the answer is to have."""
        check_is_fitted(self)
        x: Any = validate_data(
            self,
            X,
            reset=False,
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
        )
        return x

    def __sklearn_tags__(self) -> Any:
        """That cells of X may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class NetRegressor(RegressorMixin, _Net):
    """A network that predicts numbers, one or several.

    Args:
      hidden: units of each hidden layer.
      activation: of the hidden units; see `mlp`.
      skip: whether inputs go to the outputs directly too, beside a linear model; see
        `mlp`.
      loss: "huber" or "student_t" for one target with outliers; see `nanonet.fit`.
        After `fit`, ``robust_`` has how much each row counted.
      rule, l2, starts, max_steps, bounds, monotone, validation, patience, folds: as
        for `nanonet.fit`.
      warm_start: whether `fit` goes on from where the last one ended.
      random_state: of the starts and of the validation rows.

    NaN in X is a missing cell: the mean stands for it, and an indicator beside the
    column tells the network so; see `nanonet.fit`.

    It predicts the mean of its starts, as `nanonet.fit` does; ``starts=1`` gives one
    network.

    After `fit` it has ``model_`` (network, parameters, columns), and of the best start
    ``l2_``, ``status_`` (why it stopped), ``n_iter_``, ``loss_``, ``loss_curve_`` and
    ``validation_curve_``.

    >>> x = np.linspace(-1, 1, 30)[:, None]
    >>> y = 5 + x[:, 0] ** 2 + 0.01 * np.sin(50 * x[:, 0])
    >>> net = NetRegressor((3,), starts=2, random_state=0).fit(x, y)
    >>> print(f"{net.predict([[0.5]])[0]:.2f}")
    5.25
    """

    _output = "identity"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NetRegressor":
        """Learn; X [n, inputs], y [n] or [n, outputs]."""
        self._whole(*self._check(X, y, reset=True), sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NetRegressor":
        """Take ten steps of the rule (adam(0.01) by default) on these rows.

        The first call sets the scaling; the rule's state is carried on from call to
        call. By default l2 is 1 / (number of rows so far). It trains one network; after
        `fit` each of those whose mean is predicted. What was known of errors is not
        true of them any more: there is no interval until the next `fit`.
        """
        reset = not hasattr(self, "part_")
        self._part(*self._check(X, y, reset=reset), sample_weight)
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """ŷ of each row; with ``return_std`` also the standard deviation of a new y.

        It has both the noise and what is not known of the network in it, as that of
        scikit-learn's ``GaussianProcessRegressor`` with a ``WhiteKernel``.

        Raises:
          ValueError: the standard deviation is not known; see `predict_interval`.
        """
        found = self._outputs(X)  # which refuses what is not fitted
        model = self.model_
        y = self._shaped(decode(model.targets, found), found.dtype)
        if not return_std:
            return y
        z = encode(model.inputs, self._checked(X), named=False)
        known = predictive(model.network, model.params, noise_known(model), z)
        return y, self._shaped(known.std * scaling(model.targets)[1], found.dtype)

    def predict_interval(self, X: Any, level: float = 0.95) -> Interval:
        """Bounds between which a new y lies with probability ``level``.

        With ``folds`` those of CV+, or jackknife+, with a guarantee; else linearized.
        See `Fit.predict_interval`.

        Raises:
          ValueError: the level is not between 0 and 1; or there is no interval: after
            `partial_fit`, for more than 1,000 parameters, or where there are as many
            effective parameters as rows.

        >>> x = np.linspace(-1, 1, 40)[:, None]
        >>> y = 3 * x[:, 0] + np.sin(1e4 * x[:, 0])
        >>> net = NetRegressor((), starts=1, random_state=0).fit(x, y)
        >>> found = net.predict_interval(x, level=0.9)
        >>> bool(np.mean((found.lower < y) & (y < found.upper)) > 0.8)
        True
        """
        x = self._checked(X)
        found = interval_at(self.model_, x, level=level, method=None, named=False)
        return jax.tree.map(lambda part: self._shaped(part, x.dtype), found)

    def _shaped(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return (y[:, 0] if self.flat_ else y).astype(dtype)

    def _check(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        x: Any
        x, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self.flat_ = y.ndim == 1
        return x, y.reshape(len(y), -1).astype(float)


class NetClassifier(ClassifierMixin, _Net):
    """A network that tells classes apart, by softmax outputs and cross-entropy.

    Arguments and attributes: see `NetRegressor`; and ``classes_``.

    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> net = NetClassifier((2,), starts=2, random_state=0).fit(x, list("aabb"))
    >>> print(*net.predict([[0.2], [2.9]]))
    a b
    """

    _output = "softmax"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NetClassifier":
        """Learn; X [n, inputs], y [n] of any sortable labels."""
        x, y = self._check(X, y, reset=True)
        self.classes_ = np.unique(y)
        weights = read_weights(sample_weight, len(y))
        if len(np.unique(y[weights > 0])) < 2:
            raise ValueError("y holds only one class; there is nothing to tell apart.")
        self._whole(x, self._one_hot(y), weights)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "NetClassifier":
        """Take ten steps on these rows; the first call is given all classes."""
        first = not hasattr(self, "part_")
        x, y = self._check(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes must be given in the first partial_fit.")
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError(
                f"classes={classes!r} differ from those of the first call."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y holds {unknown[0]}, which is none of the classes.")
        self._part(x, self._one_hot(y), sample_weight)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, in the order of ``classes_``."""
        return self._outputs(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of each class's probability, also where that rounds to 0."""
        network = self.model_.network if hasattr(self, "model_") else None
        logits = network and dataclasses.replace(network, apply=network.logits)
        return log_softmax(self._outputs(X, logits), axis=1)

    def predict_set(self, X: Any, level: float = 0.95) -> PredictionSet:
        """The classes that each row may be of, with a guarantee; see `Fit.predict_set`.

        Raises:
          ValueError: the level is not between 0 and 1, or it was fitted without
            ``folds``.
        """
        x = self._checked(X)
        found = set_at(self.model_, x, level=level, named=False)
        return PredictionSet(found.contains, tuple(self.classes_.tolist()))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)  # refuses the unfitted
        return self.classes_[likeliest]

    def _one_hot(self, y: np.ndarray) -> np.ndarray:
        return (y[:, None] == self.classes_).astype(float)

    def _check(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        x: Any
        x, y = validate_data(
            self,
            X,
            y,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            reset=reset,
        )
        check_classification_targets(y)
        return x, column_or_1d(y, warn=True)
