"""Fit a network to a table of numbers, and trust it."""

from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from nanonet._internal.deprecated import renamed
from nanonet.fitting.fitted import Fit
from nanonet.fitting.left_out import Count
from nanonet.fitting.monotone import Monotone
from nanonet.fitting.robust import least_squares_of
from nanonet.fitting.run import fit_once
from nanonet.fitting.settings import Penalty, Rule, Settings
from nanonet.model.model import Model
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.objectives.losses import Loss
from nanonet.table.examples import read_examples


@renamed(weights="sample_weight", start="warm_start", standardise="standardize")
def fit(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    key: RandomKey,
    loss: Loss | str | None = None,
    noise: str = "constant",
    rule: Rule | None = None,
    l2: Penalty | str | None = None,
    sample_weight: ArrayLike | None = None,
    validation: float | ArrayLike = 0.0,
    test: float | ArrayLike = 0.0,
    folds: Count = 0,
    patience: int = 50,
    starts: int = 5,
    max_steps: int | None = None,
    gtol: float = 1e-6,
    ftol: float | None = None,
    goal: float | None = None,
    time_limit: float | None = None,
    standardize: bool = True,
    bounds: tuple[Any, Any] | None = None,
    monotone: Monotone = None,
    warm_start: Fit | Model | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Fit:
    """Fit a network to a table of numbers.

    Inputs are standardized by the training rows, and so are targets where the loss is
    of squared errors and the output unbounded; predictions are in the units given.
    Several starts are trained together, and the mean of what they answer is predicted,
    of classes the mean of their probabilities; all count alike, but for those that got
    stuck (see `nanonet.fitting.starts.committee_of`). ``found.best`` is the best of
    them alone: by J on the validation rows if there are any, else by evidence, else by
    J. Computes in float64.

    Where they are not given, ``loss`` is `cross_entropy` for softmax outputs,
    `binary_cross_entropy` for sigmoid outputs, else `mean_squared_error`; ``rule`` is

    ====================================  =======================================
    n ≤ 1000, m n² ≤ 2e9                  levenberg_marquardt(), 1000
    else, n m ≤ 1e10                      lbfgs, 500 steps at the most
    else                                  adam(0.01), 5000 steps
    ====================================  =======================================

    for n parameters and m numbers to fit; and ``l2`` is "evidence" with that
    Levenberg–Marquardt, else 1 / rows (weights are N(0, 1) a priori). Levenberg–
    Marquardt is for losses of these three that go with the outputs; on cross-entropies
    its AᵀA is that of `nanonet.fitting.deviance.DevianceResiduals`.

    Args:
      network: as `mlp` makes it.
      x: [n, inputs], an array or a data frame of numbers, whose names are kept; or
        `Examples`, which hold y and the weights too. NaN is a missing cell: the mean of
        the training rows stands for it, and a column that has such is two inputs of the
        network, itself and an indicator, 1 where it is missing and 0 else.
      y: [n] or [n, outputs]; for cross-entropies the classes of the rows, or [n, k]
        with 1 at the row's class.
      key: of the starts, and of the rows that are held out.
      loss: of one example, as for `objective`. "huber" and "student_t" (or
        `nanonet.huber`, `nanonet.student_t`) are for one target with outliers: rows
        that lie far off count for little. Their unit is the noise, which is found by
        the way: the network is fitted again and again with new weights, until these
        settle (`nanonet.fitting.robust.reweighted`); evidence is that of the weighted
        rows, with Huber's σ for the noise, and ``found.robust`` has the weights.
        Intervals need ``folds``. Scores and ``skill`` are then by the median of the
        errors and the same loss.
      noise: "heteroscedastic" where the noise of one target is stronger for some inputs
        than for others: rows count by 1/σ²(x), and intervals are as wide as σ(x) says.
        Its logarithm is a quadratic function of the inputs, one by one, and is found by
        the way, as weights of outliers are; see
        `nanonet.fitting.heteroscedastic.ByNoise`. ``found.noise_at(x)`` is σ(x).
      rule: any rule of nanonet or optax, or the name of one.
      l2: weight of `l2_penalty`; "evidence" finds it, see
        `nanonet.fitting.evidence.evidence`. Of a network with ``skip`` evidence finds
        two, that of the layers' weights, and that of the weights from inputs to
        outputs, as ridge regression has; such a pair may be given, too. Where the rule
        is left to `fit` too, and there are four starts or more, every other one, from
        the second on, is a network without skips: with them evidence soon switches the
        hidden units off, without them a line has to be learnt by these. The mean of
        both kinds is as good as the better one, where either may be the worse.
      sample_weight: of the rows; a row of weight 2 counts as two.
      validation: share of the rows, or their positions: to stop by.
      test: share of the rows, or their positions: only looked at.
      folds: fit without each of so many folds as well, all as one batch, for intervals
        and sets with a guarantee, by CV+; "rows" for a fold of each row, by jackknife+.
        See `Fit.predict_interval` and `Fit.predict_set`.
      patience: stop where J on the validation rows has not fallen for so many steps.
      starts: how many random starts; 1 for one network.
      max_steps: steps at the most, of each start.
      gtol: stop where ‖∇J‖₂ ≤ gtol; within bounds, where ‖θ - P(θ - ∇J)‖₂ is.
      ftol: stop where |ΔJ| < ftol |J|; by default 1e-6, 1e-5 and 0 for these rules.
      goal: stop where J ≤ goal.
      time_limit: seconds.
      standardize: whether to scale inputs and targets at all.
      bounds: (lower, upper) of the parameters, as for `minimize`:
        ``((Layer(0.0, None), None), None)`` is w ≥ 0 in the first of two layers. They
        are those of the network as it is trained, between standardized inputs and
        targets; a weight's sign is the same in any unit. Random starts outside are
        mirrored at their bound. A parameter that a bound holds against J counts as
        known, to the evidence and to intervals.
      monotone: +1 where ŷ (of two classes: the probability of the second) is to rise
        with an input, whatever the others are, -1 where it is to fall, 0 else: a dict
        by name or position, a list, or one number for all. Kept exactly, by the signs
        of weights; see `nanonet.fitting.monotone.monotone_bounds`.
      warm_start: a fit of the same network, columns and classes to go on from, each
        of its networks in place of a random start; the scaling stays as it is.
      checkpoint: a file that keeps the run every few seconds; where it exists, the same
        run goes on from there, to the same numbers. Delete it when you are done.
      progress: show a progress bar, on a terminal.

    Raises:
      ValueError: a cell is infinite or no number, a target is missing (row and column
        are named),
        lengths or widths do not agree, one row, one class, an argument out of range,
        bounds that cross, or a network that cannot be ``monotone``.
      TypeError: x is sparse, or ``rule`` is no rule.
      CheckpointError: the file is not a checkpoint of this run, or the run has a part
        that cannot be told from another.

    Warns:
      DataWarning: a column is constant or another's double, or there are more
        parameters than rows.

    >>> import jax
    >>> import numpy as np
    >>> from nanonet.network.network import mlp
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> found = fit(mlp([1, 3, 1], "tanh", "identity"), x, 1e6 * np.sin(2 * x[:, 0]),
    ...             key=jax.random.key(0), starts=2)
    >>> print(f"{found.predict([[0.5]])[0] / 1e6:.2f}")
    0.84
    """
    settings = Settings(
        loss=loss,
        rule=rule,
        l2=l2,
        patience=patience,
        starts=starts,
        max_steps=max_steps,
        gtol=gtol,
        ftol=ftol,
        goal=goal,
        time_limit=time_limit,
        standardize=standardize,
        bounds=bounds,
        monotone=monotone,
        noise=noise,
        warm_start=warm_start,
        checkpoint=checkpoint,
        progress=progress,
    )
    examples = read_examples(
        network, x, y, loss=least_squares_of(loss), sample_weight=sample_weight
    )
    return fit_once(
        network,
        examples,
        settings,
        validation=validation,
        test=test,
        folds=folds,
        key=key,
    )
