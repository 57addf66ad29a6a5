"""A network that predicts numbers, as scikit-learn's users know it."""

from typing import Any

import jax
import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from nanonet.estimator.base import Estimator, dtype_of
from nanonet.model.intervals import Interval, predictive
from nanonet.model.uncertainty import interval_at, noise_known
from nanonet.table.cells import is_frame
from nanonet.table.columns import decode, scaling
from nanonet.table.encoding import encode


class NetRegressor(RegressorMixin, Estimator):
    """A network that predicts numbers, one or several.

    Args:
      hidden: units of each hidden layer; 0 for none, a linear model.
      activation: of the hidden units; see `mlp`.
      skip: whether inputs go to the outputs directly too, a linear model beside the
        hidden units; of several starts of every other one. See `nanonet.fit`.
      categorical: names of columns whose numbers are names of categories.
      rare: categories of fewer rows are one, as are those that are new when predicting;
        0: each is one of its own.
      loss: "huber" or "student_t" for one target with outliers; see `nanonet.fit`.
        After `fit`, ``robust_`` has how much each row counted.
      noise: "heteroscedastic" where it is stronger for some inputs than for others, of
        one target; see `nanonet.fit`. ``return_std`` and intervals are then as it is.
      rule, l2, starts, max_steps, bounds, monotone, validation, patience, folds: as
        for `nanonet.fit`.
      warm_start: whether `fit` goes on from where the last one ended.
      random_state: of the starts and of the validation rows.

    X is an array, or a data frame. Columns of text are categories, as for
    `nanonet.fit_table`, and so are those that ``categorical`` names. A cell that is
    missing, NaN, is read as there: of numbers the mean stands for it, and an indicator
    beside the column tells the network so; of categories it is one of its own.

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
        x = self._checked(X)
        z = encode(model.inputs, x, named=is_frame(x))
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
        found = interval_at(self.model_, x, level=level, method=None, named=is_frame(x))
        return jax.tree.map(lambda part: self._shaped(part, dtype_of(x)), found)

    def _shaped(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return (y[:, 0] if self.flat_ else y).astype(dtype)

    def _check(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, np.ndarray]:
        x, y = self._validated(X, y, reset=reset, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self.flat_ = y.ndim == 1
        return x, y.reshape(len(y), -1).astype(float)
