"""A network that tells classes apart, as scikit-learn's users know it."""

import dataclasses
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from nanonet.estimator.base import Estimator
from nanonet.model.conformal import PredictionSet
from nanonet.model.uncertainty import set_at
from nanonet.table.cells import is_frame
from nanonet.table.examples import read_weights


class NetClassifier(ClassifierMixin, Estimator):
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
        found = set_at(self.model_, x, level=level, named=is_frame(x))
        return PredictionSet(found.contains, tuple(self.classes_.tolist()))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)  # refuses the unfitted
        return self.classes_[likeliest]

    def _one_hot(self, y: np.ndarray) -> np.ndarray:
        return (y[:, None] == self.classes_).astype(float)

    def _check(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, np.ndarray]:
        x, y = self._validated(X, y, reset=reset)
        check_classification_targets(y)
        return x, column_or_1d(y, warn=True)
