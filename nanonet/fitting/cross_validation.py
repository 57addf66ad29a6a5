"""How well a network does on rows it has not learnt from: k folds, trained as one."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from nanonet._internal.deprecated import renamed
from nanonet.fitting.certainty import Certainty, certainty_of
from nanonet.fitting.fitted import Fit
from nanonet.fitting.monotone import Monotone
from nanonet.fitting.robust import least_squares_of
from nanonet.fitting.run import fit_splits
from nanonet.fitting.settings import Penalty, Rule, Settings
from nanonet.fitting.skill import Skill, skill_of
from nanonet.model.rows import outputs
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss
from nanonet.table.examples import read_examples
from nanonet.table.splits import Split, k_folds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class CrossValidation:
    """What each row was predicted as by a network that had not seen it."""

    prediction: np.ndarray
    """In the unit and the shape of y, or the likeliest class."""

    losses: Float[np.ndarray, " folds"]
    """Mean loss over the rows held out of each fold, in the unit of y; a robust loss in
    that of the noise."""

    splits: list[Split]
    l2: Float[np.ndarray, "folds ..."]

    y: np.ndarray
    """What should have been predicted."""

    classes: np.ndarray | None = None
    """Which there are, in a classification."""

    fits: tuple[Fit, ...] = ()
    """Of each fold, fitted without its rows."""

    def certainty(self, level: float = 0.95) -> tuple[Certainty, ...]:
        """How good the linearized intervals of each target are on the rows left out.

        Raises:
          ValueError: of classes, or where there are no intervals; see
            `Fit.predict_interval`.
        """
        return certainty_of(self.fits, self._left_out, level)

    @functools.cached_property
    def skill(self) -> tuple[Skill, ...]:
        """How good it is beside a linear model and a constant, for each target.

        All are fitted to the same rows, and compared on the fold left out; as
        `Fit.skill`.
        """
        return skill_of(self.fits, self._left_out)

    @property
    def _left_out(self) -> list[np.ndarray]:
        return [split.test for split in self.splits]

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw each prediction against its y; of classes, how often each is which."""
        from nanonet.plot.answers import confusion, predictions

        if self.classes is not None:
            return confusion(self.y, self.prediction, ax=ax)
        n = len(self.y)
        columns = self.y.reshape(n, -1).T, self.prediction.reshape(n, -1).T
        for y, predicted in zip(*columns, strict=True):
            ax = predictions(y, predicted, ax=ax)
        assert ax is not None
        return ax

    def __repr__(self) -> str:
        """How many rows and folds, the mean loss, and what that is worth."""
        named = len(self.skill) > 1
        worth = "".join(f"\n{f'{of.target}: ' * named}{of}" for of in self.skill)
        return (
            f"CrossValidation: {len(self.prediction):,} rows in {len(self.splits)} "
            f"folds, mean loss {np.mean(self.losses):.4g}, from "
            f"{np.min(self.losses):.4g} to {np.max(self.losses):.4g}{worth}"
        )


@renamed(weights="sample_weight")
def cross_validate(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    key: RandomKey,
    folds: int = 10,
    loss: Loss | str | None = None,
    noise: str = "constant",
    rule: Rule | None = None,
    l2: Penalty | str | None = None,
    sample_weight: ArrayLike | None = None,
    starts: int = 5,
    max_steps: int | None = None,
    bounds: tuple[Any, Any] | None = None,
    monotone: Monotone = None,
    progress: bool = False,
) -> CrossValidation:
    """Fit once for each fold, without its rows, and predict them.

    The folds are trained in one run of one compiled program. Each is scaled by its own
    training rows, and predicted by the mean of its starts. Arguments, defaults and
    errors: as `fit`; ``folds`` has each class in like shares.

    >>> from nanonet.network.network import mlp
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> found = cross_validate(mlp([1, 1], output="identity"), x, 3 * x[:, 0] + 1,
    ...                        key=jax.random.key(0), folds=5, starts=1)
    >>> bool(np.allclose(found.prediction, 3 * x[:, 0] + 1, atol=1e-3))
    True
    """
    settings = Settings(
        loss,
        rule,
        l2,
        starts=starts,
        max_steps=max_steps,
        bounds=bounds,
        monotone=monotone,
        noise=noise,
        progress=progress,
    )
    examples = read_examples(
        network, x, y, loss=least_squares_of(loss), sample_weight=sample_weight
    )
    splits = k_folds(
        len(examples.x), folds, classes=examples.classes, rng=make_rng(key)
    )
    for f, split in enumerate(splits):
        if not examples.sample_weight[split.test].any():
            raise ValueError(f"sample_weight is 0 in all rows of fold {f}.")
    # Nothing looks at the rows held out while the folds are trained.
    unseen = [split._replace(test=split.validation) for split in splits]
    fits = fit_splits(network, examples, unseen, settings, key=key)
    prediction: Any = None
    held_out = np.empty(folds)
    for f, (split, fit) in enumerate(zip(splits, fits, strict=True)):
        of_fold, of_rows = _predict_own(fit, split.test)
        if prediction is None:
            prediction = np.empty((len(examples.x), *of_fold.shape[1:]), of_fold.dtype)
        prediction[split.test] = of_fold
        held_out[f] = np.average(of_rows, weights=examples.sample_weight[split.test])
    l2s = np.array([fit.l2 for fit in fits])
    return CrossValidation(
        prediction, held_out, splits, l2s, fits[0].y, fits[0].classes, tuple(fits)
    )


def _predict_own(
    fit: Fit, rows: np.ndarray
) -> tuple[np.ndarray, Float[np.ndarray, " rows"]]:
    """What a fit predicts of these rows of its own table, and the loss of each."""
    z = fit.examples.scaled()[0][rows]
    of_rows = fit.losses(z, fit.examples.y[rows])
    return fit.decode(outputs(*fit.committee, z)), of_rows
