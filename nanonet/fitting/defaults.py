"""What `fit` does where it is not told: which rule, which penalty, how many steps."""

import math
from typing import Any, NamedTuple

import jax
import optax

from nanonet._internal.checks import check_count, check_number
from nanonet.network.network import Network
from nanonet.objectives.losses import SQUARED, Loss
from nanonet.rules._parts.registry import named_rule
from nanonet.rules.adam import adam

#: Levenberg–Marquardt costs m n² a step for m residuals and n parameters.
LARGEST_LM, LARGEST_LM_WORK = 1_000, 2e9

#: Above so many parameters times rows, a line search is not worth its evaluations.
LARGEST_LBFGS_WORK = 1e10

#: Rules that end by themselves take few steps; others need to be told when to stop.
STEPS = {"lm": 1_000, "lbfgs": 500, "other": 5_000}
FTOL = {"lm": 1e-6, "lbfgs": 1e-5, "other": 0.0}

#: Where the search for evidence begins; see `nanonet.fitting.evidence.first_factors`.
FIRST_L2 = 0.02


#: An update rule, or the name of one.
Rule = str | optax.GradientTransformation


class Plan(NamedTuple):
    """How a run is to be done, and when to stop."""

    loss: Loss
    rule: optax.GradientTransformation
    l2: float
    bayesian: bool
    max_steps: int
    gtol: float
    ftol: float
    goal: float | None
    patience: float
    time_limit: float | None


def make_plan(
    network: Network,
    loss: Loss,
    rule: Rule | None,
    l2: float | str | None,
    *,
    weight: float,
    outputs: int,
    max_steps: int | None = None,
    gtol: float = 1e-6,
    ftol: float | None = None,
    goal: float | None = None,
    patience: float = math.inf,
    time_limit: float | None = None,
) -> Plan:
    """Choose what was not given; see `fit`.

    ``weight`` is that of the rows to learn from, and ``outputs`` the width of y.
    """
    if time_limit == math.inf:
        time_limit = None
    for name, limit in {"gtol": gtol, "ftol": ftol, "time_limit": time_limit}.items():
        if limit is not None:
            check_number(name, limit, at_least=0)
    if patience != math.inf:
        check_number("patience", patience, at_least=1)
    if goal is not None:
        check_number("goal", goal)
    n = count_parameters(network)
    squared = loss in SQUARED
    kind = "other"
    if rule is None:
        kind = _kind(n, weight * outputs, squared)
        rule = {
            "lm": named_rule("levenberg_marquardt"),
            "lbfgs": named_rule("lbfgs"),
            "other": adam(0.01),
        }[kind]
    if isinstance(rule, str):
        rule = named_rule(rule)
    if not isinstance(rule, optax.GradientTransformation):
        raise TypeError(f"rule={rule!r} must be an update rule, as adam(0.01) is.")
    if l2 is None:
        l2 = "evidence" if kind == "lm" else 1 / weight
    if isinstance(l2, str):
        if l2 != "evidence":
            raise ValueError(f"l2={l2!r} must be a number ≥ 0, or 'evidence'.")
        if not squared:
            raise ValueError("l2='evidence' needs a loss of squared errors.")
    else:
        check_number("l2", l2, at_least=0, below=math.inf)
    steps = STEPS[kind] if max_steps is None else max_steps
    check_count("max_steps", steps, at_least=0)
    bayesian = l2 == "evidence"
    return Plan(
        loss=loss,
        rule=rule,
        l2=FIRST_L2 if isinstance(l2, str) else float(l2),
        bayesian=bayesian,
        max_steps=int(steps),
        gtol=gtol,
        ftol=FTOL[kind] if ftol is None else ftol,
        goal=goal,
        patience=patience,
        time_limit=time_limit,
    )


def count_parameters(network: Network) -> int:
    """How many numbers the network has to learn."""
    key: Any = jax.eval_shape(lambda: jax.random.key(0))
    params = jax.eval_shape(lambda key: network.init(key=key), key)
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def _kind(n: int, m: float, squared: bool) -> str:
    if squared and n <= LARGEST_LM and m * n**2 <= LARGEST_LM_WORK:
        return "lm"
    return "lbfgs" if n * m <= LARGEST_LBFGS_WORK else "other"
