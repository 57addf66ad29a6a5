"""How `fit` learns: what was asked for, and what it does where it is not told."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from nanonet._internal.checks import check_count, check_number
from nanonet.fitting.deviance import is_likelihood
from nanonet.fitting.evidence import LARGEST
from nanonet.fitting.monotone import Monotone, monotone_bounds
from nanonet.fitting.robust import least_squares_of
from nanonet.network.network import Network
from nanonet.objectives.bounded import Box, check_bounds
from nanonet.objectives.data import check_l2
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.rules._parts.registry import named_rule
from nanonet.rules.adam import adam
from nanonet.solve.host import check_time_limit
from nanonet.solve.minimize import check_rule
from nanonet.solve.step import Tolerances
from nanonet.table.columns import Column
from nanonet.table.examples import Examples
from nanonet.table.splits import Split

#: Levenberg–Marquardt costs m n² a step for m residuals and n parameters.
LARGEST_LM, LARGEST_LM_WORK = 1_000, 2e9

#: Above so many parameters times rows, a line search is not worth its evaluations.
LARGEST_LBFGS_WORK = 1e10

#: Where the search for evidence begins; see `nanonet.fitting.search.first_l2`.
FIRST_L2 = 0.02


#: An update rule, or the name of one.
Rule = str | optax.GradientTransformation

#: λ of all weights; or of a network with skips that of its layers, and that of these.
Penalty = float | tuple[float, float]


class Plan(NamedTuple):
    """What a run is to do; its numbers and its rule follow from the data as well."""

    loss: Loss
    rule: optax.GradientTransformation
    tolerances: Tolerances
    patience: float

    l2: Penalty
    """Where it begins, if it is found by evidence."""

    bayesian: bool

    two_kinds: bool
    """Whether every other start of a network with skips is one without them."""

    max_steps: int


class Usual(NamedTuple):
    """A rule that suits a table, how many steps it takes, and when it is done."""

    rule: optax.GradientTransformation
    max_steps: int
    ftol: float


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of `fit` that say how to learn; None: as suits the data."""

    loss: Loss | str | None = None
    rule: Rule | None = None
    l2: Penalty | str | None = None
    patience: int = 50
    starts: int = 5
    max_steps: int | None = None
    gtol: float = 1e-6
    ftol: float | None = None
    goal: float | None = None
    time_limit: float | None = None
    standardize: bool = True
    warm_start: Any = None
    checkpoint: str | Path | None = None
    progress: bool = False
    bounds: tuple[Any, Any] | None = None
    monotone: Monotone = None
    noise: str = "constant"

    def plan(
        self, network: Network, examples: Examples, splits: Sequence[Split]
    ) -> Plan:
        """Check what was given, and choose what was not; see `fit`."""
        check_count("starts", self.starts, at_least=1)
        check_number("patience", self.patience, at_least=1)
        check_number("gtol", self.gtol, at_least=0)
        check_time_limit(self.time_limit)
        if self.ftol is not None:
            check_number("ftol", self.ftol, at_least=0)
        if self.goal is not None:
            check_number("goal", self.goal)
        loss = least_squares_of(self.loss) or usual_loss(network)
        known = is_likelihood(network, loss)
        weights = examples.sample_weight
        weight = float(np.mean([weights[split.train].sum() for split in splits]))
        n, m = count_parameters(network), weight * examples.y.shape[1]
        small = known and n <= LARGEST_LM and m * n**2 <= LARGEST_LM_WORK
        usual, rule = Usual(adam(0.01), 5_000, 0.0), self.rule
        if rule is None:
            if small:
                usual = Usual(named_rule("levenberg_marquardt"), 1_000, 1e-6)
            elif n * m <= LARGEST_LBFGS_WORK:
                usual = Usual(named_rule("lbfgs"), 500, 1e-5)
            rule = usual.rule
        elif isinstance(rule, str):
            rule = named_rule(rule)
        check_rule(rule)
        l2 = self.l2
        if l2 is None:
            l2 = "evidence" if small and self.rule is None else 1 / weight
        if isinstance(l2, str):
            if l2 != "evidence":
                raise ValueError(f"l2={l2!r} must be a number ≥ 0, or 'evidence'.")
            if not known:
                raise ValueError(
                    "l2='evidence' needs a loss of squared errors, or the "
                    "cross-entropy that goes with the network's outputs."
                )
        else:
            check_l2(network, l2)
        steps = usual.max_steps if self.max_steps is None else self.max_steps
        ftol = usual.ftol if self.ftol is None else self.ftol
        goal = -math.inf if self.goal is None else self.goal
        return Plan(
            loss=loss,
            rule=rule,
            tolerances=Tolerances(self.gtol, 0.0, ftol, goal),
            patience=float(self.patience),
            l2=_first_l2(network) if isinstance(l2, str) else as_penalty(l2),
            bayesian=isinstance(l2, str),
            # A λ that holds skips at 0 is too much for a rule of first order.
            two_kinds=small and self.rule is None and network.has_skips,
            max_steps=check_count("max_steps", steps, at_least=0),
        )


def layers_of_units(hidden: int | Sequence[int]) -> list[int]:
    """The units of each hidden layer; of 0 units there is none.

    >>> layers_of_units(10), layers_of_units((5, 3)), layers_of_units(0)
    ([10], [5, 3], [])
    """
    units = np.atleast_1d(np.asarray(hidden)).tolist()
    return [] if units == [0] else units


def _first_l2(network: Network) -> Penalty:
    return (FIRST_L2, FIRST_L2 / 10) if network.has_skips else FIRST_L2


def as_penalty(l2: Any) -> Penalty:
    """One λ or a pair of them, as Python's own numbers."""
    return (float(l2[0]), float(l2[1])) if np.ndim(l2) else float(l2)


def told_penalty(l2: Penalty) -> str:
    """It in words.

    >>> told_penalty((0.01234, 2.0)), told_penalty((0.01234, LARGEST))
    ('0.0123, of skips 2', '0.0123, no skips')
    """
    of_layers, *of_skips = np.ravel(l2).tolist()
    words = [f"of skips {of:.3g}" if of < LARGEST else "no skips" for of in of_skips]
    return ", ".join([f"{of_layers:.3g}", *words])


def count_parameters(network: Network) -> int:
    """How many numbers the network has to learn."""
    return sum(leaf.size for leaf in jax.tree.leaves(shapes_of(network)))


def shapes_of(network: Network) -> PyTree:
    """The parameters without their numbers."""
    key: Any = jax.eval_shape(lambda: jax.random.key(0))
    return jax.eval_shape(
        lambda key: network.init(key=key, dtype=jnp.result_type(float)), key
    )


def joined_bounds(
    network: Network,
    inputs: Sequence[Column],
    bounds: tuple[Any, Any] | None,
    monotone: Monotone,
) -> Box | None:
    """Where the parameters are to stay: within bounds, and where ŷ is monotone."""
    if bounds is None and monotone is None:
        return None
    params = shapes_of(network)
    box = check_bounds((None, None) if bounds is None else bounds, params)
    if monotone is None:
        return box
    signs = monotone_bounds(network, params, inputs, monotone)
    lower = jax.tree.map(np.maximum, box.lower, signs.lower)
    upper = jax.tree.map(np.minimum, box.upper, signs.upper)
    return check_bounds((lower, upper), params)
