"""What a rule's line search tried: its own steps, looked at one by one."""

from typing import Any, NamedTuple

import numpy as np
import optax
from jaxtyping import PyTree

from nanonet._internal.static import jit
from nanonet.explanation.expression import Value
from nanonet.explanation.page import Move
from nanonet.rules._parts import wolfe
from nanonet.rules._parts.line_search import WolfeSearchState, line_of
from nanonet.rules._parts.objective import AtPoint
from nanonet.solve.step import Point


class Trial(NamedTuple):
    """J at one α, and what the search made of it."""

    bracket: tuple[float, float, float] | None
    """The α between which it is, and the third one of a cubic; None: beyond all."""

    alpha: float
    value: float
    slope: float

    fall: float
    """∇J·Δθ, of which J is to fall by a share."""

    seen: bool
    """Whether it does."""

    enough: bool
    """Whether it does, or J's rounding hides that."""

    wolfe: bool
    """Whether the slope is small, too."""


class LineSearch(NamedTuple):
    """One search, of one step."""

    p: Value
    """The direction, as a vector."""

    last_resort: bool
    """Whether that is -∇J, because nothing else leads down."""

    trials: list[Trial]

    best: float
    """The α that it found; 0: none."""


def line_search(
    move: Move, toward: optax.GradientTransformation | None, state: WolfeSearchState
) -> LineSearch:
    """Search once more, as the rule did in this step.

    Args:
      move: the step.
      toward: the part of the rule that makes minus the direction, whose state is the
        first in the rule's; None: it is the gradient.
      state: of the search, before the step.
    """
    inner = None if toward is None else move.state[0]
    p, last_resort, end, steps = _searched(move.fun, toward, move.before, inner, state)
    going, before, trial = steps
    trials = [_trial(before, trial, k) for k in range(int(np.sum(going)))]
    return LineSearch(np.asarray(p), bool(last_resort), trials, float(end.best.alpha))


def _trial(before: wolfe.Search, trial: wolfe.Trial, k: int) -> Trial:
    def number(array: Any) -> float:
        return float(array[k])

    low, high, third = (
        number(mark.alpha) for mark in (before.low, before.high, before.third)
    )
    return Trial(
        (low, high, third) if before.bracketed[k] else None,
        *map(number, trial.mark),
        fall=number(trial.fall),
        seen=bool(trial.seen[k]),
        enough=bool(trial.enough[k]),
        wolfe=bool(trial.wolfe[k]),
    )


@jit
def _searched(
    fun: Any, toward: Any, before: Point, inner: PyTree, state: WolfeSearchState
) -> tuple[Any, Any, wolfe.Search, Any]:
    value_fn = AtPoint(fun, before.params)
    known = {"value": before.value, "grad": before.gradient, "value_fn": value_fn}
    updates = before.gradient
    if toward is not None:
        updates, _ = toward.update(updates, inner, before.params, **known)
        updates = optax.tree.scale(-1.0, updates)
    line, last_resort = line_of(updates, state, before.params, **known)
    return line.p, last_resort, *wolfe.searched(line)
