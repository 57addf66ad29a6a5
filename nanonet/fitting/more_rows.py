"""Would more rows help? The score against the number of rows that are learnt from."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, Int

from nanonet._internal.checks import check_number
from nanonet.fitting.robust import least_squares_of
from nanonet.fitting.run import fit_splits
from nanonet.fitting.settings import Penalty, Rule, Settings
from nanonet.fitting.skill import Skill, skill_of
from nanonet.network.initializers import RandomKey, make_rng
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss
from nanonet.table.examples import read_examples
from nanonet.table.splits import Split, k_folds, split_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class LearningCurve:
    """The error of a network, and of a linear model, by the number of training rows."""

    rows: Int[np.ndarray, " sizes"]
    """How many were learnt from."""

    train: Float[np.ndarray, "sizes folds"]
    """The network's error on these."""

    network: Float[np.ndarray, "sizes folds"]
    """Its error on the rows that were left out."""

    linear: Float[np.ndarray, "sizes folds"]
    """That of ridge or logistic regression of the same rows."""

    measure: str = dataclasses.field(metadata={"static": True})
    """RMSE, or of classes log-loss; of a robust loss the median absolute error."""

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw each error against the number of rows; see `nanonet.plot`."""
        from nanonet.plot.learning import learning_curve as draw

        return draw(self, ax=ax)

    def __repr__(self) -> str:
        """The network's error at either end."""
        few, many = self.network.mean(1)[[0, -1]]
        return (
            f"LearningCurve: {self.measure} {few:.4g} of {self.rows[0]:,} rows, "
            f"{many:.4g} of {self.rows[-1]:,}"
        )


def learning_curve(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    key: RandomKey,
    shares: Sequence[float] = (0.1, 0.2, 0.4, 0.7, 1.0),
    folds: int = 5,
    loss: Loss | str | None = None,
    noise: str = "constant",
    rule: Rule | None = None,
    l2: Penalty | str | None = None,
    starts: int = 5,
    max_steps: int | None = None,
    progress: bool = False,
) -> LearningCurve:
    """Fit to more and more of the rows, and see how good it is on a fold left out.

    Where the curves of training rows and of rows left out have met, more rows will not
    help, but another network may; where they are far apart, more rows will. All fits,
    ``folds`` for each of the ``shares`` of their training rows, run as one batch of one
    compiled program. Other arguments, defaults and errors: as `cross_validate`, for one
    target.

    Raises:
      ValueError: there are several targets, or a share is not above 0 and at most 1, or
        so small that fewer than 2 rows are left; or, with ``noise="heteroscedastic"``,
        fewer than it takes to tell the noise from what was learnt: leave out the
        smallest shares.

    >>> from nanonet.network.network import mlp
    >>> x = np.random.default_rng(0).normal(size=(40, 1))
    >>> found = learning_curve(mlp([1, 1], output="identity"), x, 3 * x[:, 0],
    ...                        key=jax.random.key(0), shares=[0.5, 1], folds=2,
    ...                        starts=1)
    >>> print(found.rows, found.network.shape, found.measure)
    [10 20] (2, 2) RMSE
    """
    settings = Settings(
        loss,
        rule,
        l2,
        starts=starts,
        max_steps=max_steps,
        noise=noise,
        progress=progress,
    )
    examples = read_examples(network, x, y, loss=least_squares_of(loss))
    if len(examples.targets) > 1:
        raise ValueError(f"y has {len(examples.targets)} targets; take one of them.")
    for share in shares:
        check_number("shares", share, above=0)
        if share > 1:
            raise ValueError(f"shares={share!r} must be at most 1.")
    rng, classes = make_rng(key), examples.classes
    parts = k_folds(len(examples.x), folds, classes=classes, rng=rng)
    splits = [
        _shortened(part, share, classes, rng)
        for share in sorted(shares)
        for part in parts
    ]
    # Nothing looks at the rows left out while the others are learnt.
    unseen = [split._replace(test=split.validation) for split in splits]
    fits = fit_splits(network, examples, unseen, settings, key=key)

    def errors(which: str) -> list[Skill]:
        rows = [getattr(split, which) for split in splits]
        return [skill_of([fit], [of])[0] for fit, of in zip(fits, rows, strict=True)]

    test = errors("test")
    shape = len(shares), folds
    return LearningCurve(
        np.array([len(s.train) for s in splits]).reshape(shape).min(1),
        np.array([_error(of)[0] for of in errors("train")]).reshape(shape),
        np.array([_error(of)[0] for of in test]).reshape(shape),
        np.array([_error(of)[1] for of in test]).reshape(shape),
        "log-loss" if test[0].measure == "accuracy" else test[0].measure,
    )


def _shortened(
    part: Split, share: float, classes: np.ndarray | None, rng: np.random.Generator
) -> Split:
    """A share of the training rows, of each class alike."""
    train = part.train
    if share < 1:
        of_rows = None if classes is None else classes[train]
        chosen = split_rows(len(train), test=share, classes=of_rows, rng=rng)
        train = train[chosen.test]
    if len(train) < 2:
        raise ValueError(
            f"shares={share!r} leaves {len(train)} of {len(part.train)} rows; 2 are "
            "needed at the least."
        )
    return part._replace(train=train)


def _error(of: Skill) -> tuple[float, float]:
    """That of the network and of the linear model."""
    if of.measure == "accuracy":
        return of.losses[:2]
    return of.network, of.linear
