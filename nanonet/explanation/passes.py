"""What a step within bounds was chosen from: the rule's own solutions, one by one."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from nanonet._internal.static import jit
from nanonet.explanation.page import Move
from nanonet.objectives.bounded import Box
from nanonet.objectives.derivatives import hessian
from nanonet.rules import levenberg_marquardt
from nanonet.rules._parts import trust_region
from nanonet.rules._parts.box import box_of
from nanonet.solve.step import Point


class Solution(NamedTuple):
    """Of the rule's model of J over some of the parameters."""

    free: np.ndarray
    """Which parameters may move."""

    whole: np.ndarray
    """The step."""

    step: np.ndarray
    """As much of it as the box lets one go."""

    fall: float
    """Of J, as the model predicts it."""


def within_region(move: Move, radius: Any) -> list[Solution]:
    """Those of `newton` in its trust region."""
    return _listed(_region(move.fun, move.before, radius))


def within_damping(move: Move, damp: Any, solver: str) -> list[Solution]:
    """Those of `levenberg_marquardt`; ``damp`` is added to AᵀA's diagonal."""
    return _listed(_damped(move.fun, move.before, damp, solver))


def _listed(passes: Any) -> list[Solution]:
    going, before, whole, step, fall = passes
    return [
        Solution(
            np.asarray(before.free[k]),
            np.asarray(whole[k]),
            np.asarray(step[k]),
            float(fall[k]),
        )
        for k in range(int(np.sum(going)))
    ]


@jit
def _region(fun: Any, before: Point, radius: Any) -> Any:
    theta, slope = (ravel_pytree(t)[0] for t in (before.params, before.gradient))
    H, _ = hessian(fun, before.params)
    return trust_region.within(_box(fun, before), theta, H, slope, radius).steps()


@jit
def _damped(fun: Any, before: Point, damp: Any, solver: str) -> Any:
    theta, _ = ravel_pytree(before.params)
    here = levenberg_marquardt.linearized(fun.residuals, before.params, solver)
    damp = jnp.broadcast_to(jnp.asarray(damp, theta.dtype), theta.shape)
    return levenberg_marquardt.within(
        _box(fun, before), theta, here, damp, solver
    ).steps()


def _box(fun: Any, before: Point) -> Box:
    box = box_of(fun, before.params)
    assert box is not None
    return box
