"""What both estimators share: settings, and how `fit` and `partial_fit` use them."""

import dataclasses
import warnings
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nanonet.fitting.fit import fit
from nanonet.fitting.part import Part, fit_part
from nanonet.fitting.settings import layers_of_units
from nanonet.model.model import Model, describe_network
from nanonet.model.rows import outputs
from nanonet.network.network import Network, mlp
from nanonet.rules._parts.registry import named_rule
from nanonet.rules.adam import adam
from nanonet.table.checks import DataWarning
from nanonet.table.encoding import encode
from nanonet.table.examples import Examples, numeric_columns, read_examples

#: What `partial_fit` does with the rows of one call, unless a rule is named.
PARTIAL_RULE, PARTIAL_STEPS = adam(0.01), 10


class Estimator(BaseEstimator):
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

    def _part(self, x: np.ndarray, y: np.ndarray, weights: Any) -> None:
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
        hidden = layers_of_units(self.hidden)
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
