"""What both estimators share: settings, and how `fit` and `partial_fit` use them."""

import dataclasses
import warnings
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from nanonet._internal.checks import check_count
from nanonet.fitting.fit import fit
from nanonet.fitting.part import Part, fit_part
from nanonet.fitting.settings import layers_of_units
from nanonet.model.model import Model, describe_network
from nanonet.model.rows import outputs
from nanonet.network.network import Network, mlp
from nanonet.rules._parts.registry import named_rule
from nanonet.rules.adam import adam
from nanonet.table.cells import by_texts, is_frame
from nanonet.table.checks import DataWarning
from nanonet.table.columns import Column
from nanonet.table.encoding import encode
from nanonet.table.examples import Examples, numeric_columns, read_examples
from nanonet.table.pooling import columns_of

#: What `partial_fit` does with the rows of one call, unless a rule is named.
PARTIAL_RULE, PARTIAL_STEPS = adam(0.01), 10


def dtype_of(x: Any) -> np.dtype:
    """That of numbers, and of what is predicted from them; float64 of a data frame."""
    return np.dtype(float) if is_frame(x) else x.dtype


class Estimator(BaseEstimator):
    """What both estimators share."""

    _output: str

    # scikit-learn wants arguments checked in `fit`, not before: hence Any.
    def __init__(
        self,
        hidden: Any = (10,),
        *,
        activation: Any = "tanh",
        skip: Any = True,
        categorical: Any = (),
        rare: Any = 0,
        loss: Any = None,
        noise: Any = "constant",
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
        self.categorical = categorical
        self.rare = rare
        self.loss = loss
        self.noise = noise
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

    def _whole(self, x: Any, y: np.ndarray, weights: Any) -> None:
        """Fit to what `_validated` found, and keep what a prediction needs."""
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
                noise=self.noise,
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

    def _part(self, x: Any, y: np.ndarray, weights: Any) -> None:
        if weights is not None and not np.any(weights):
            return
        if self.loss is not None:
            raise ValueError(
                f"loss={self.loss!r} needs all rows at once: partial_fit minimizes "
                "squared errors, or cross-entropy."
            )
        if self.noise != "constant":
            raise ValueError(f"noise={self.noise!r} needs all rows at once.")
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
        x: Any,
        y: np.ndarray,
        weights: Any,
        before: Model | None,
        least: int = 2,
    ) -> Examples:
        """The rows as numbers; as ``before`` reads them, if it is to go on."""
        names = getattr(self, "feature_names_in_", None)
        inputs = before and before.inputs
        if inputs is None or len(inputs) != x.shape[1]:
            inputs = self._columns(x, None if names is None else names.tolist())
        sizes = sum(c.width for c in inputs), y.shape[1]
        return read_examples(
            mlp(sizes, output=self._output),  # which has the loss, and the widths
            x,
            y,
            sample_weight=weights,
            least=least,
            inputs=inputs,
        )

    def _columns(self, x: Any, names: list[str] | None) -> tuple[Column, ...]:
        check_count("rare", self.rare, at_least=0)
        if not is_frame(x):
            return numeric_columns(x, names)
        frame = by_texts(x)
        given = {"categorical": self.categorical, "rare": self.rare}
        return columns_of(frame, frame.columns, **given)

    def _key(self) -> jax.Array:
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return jax.random.key(seed)

    def _network(self, examples: Examples) -> Network:
        hidden = layers_of_units(self.hidden)
        sizes = examples.x.shape[1], *hidden, examples.y.shape[1]
        return mlp(sizes, self.activation, self._output, skip=self.skip)

    def _outputs(self, X: Any, network: Network | None = None) -> np.ndarray:
        x, model = self._checked(X), self.model_
        z = encode(model.inputs, x, named=is_frame(x))
        return outputs(network or model.network, model.params, z).astype(dtype_of(x))

    def _checked(self, X: Any) -> Any:
        """X as numbers, in the dtype that the answer is to have; or the data frame."""
        check_is_fitted(self)
        if self._has_categories(X, fitted=True):
            return validate_data(self, X, reset=False, skip_check_array=True)
        return validate_data(
            self,
            X,
            reset=False,
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
        )

    def _validated(
        self, X: Any, y: Any, *, reset: bool, **of_y: Any
    ) -> tuple[Any, np.ndarray]:
        """X as numbers, or the data frame, if it has categories; and y."""
        if self._has_categories(X, fitted=not reset):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X, check_X_y(np.zeros((len(X), 1)), y, **of_y)[1]
        how: Any = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
        x: Any
        x, y = validate_data(self, X, y, reset=reset, **how, **of_y)
        return x, y

    def _has_categories(self, X: Any, *, fitted: bool) -> bool:
        """Whether it is a data frame of more than numbers, which `fit_table` reads."""
        if not is_frame(X):
            return False
        if fitted:
            return any(column.levels is not None for column in self.model_.inputs)
        of_numbers = all(dtype.kind in "biuf" for dtype in X.dtypes)
        return len(self.categorical) > 0 or not of_numbers

    def __sklearn_tags__(self) -> Any:
        """That cells of X may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
