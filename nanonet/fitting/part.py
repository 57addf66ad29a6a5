"""A few steps on one batch of rows after another, with one rule's state throughout."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.member import objective_of
from nanonet.fitting.monotone import Monotone
from nanonet.fitting.settings import as_penalty, joined_bounds
from nanonet.fitting.starts import draw_starts
from nanonet.model.committee import as_one, members_of
from nanonet.model.model import Model
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.objectives.bounded import Bounded
from nanonet.objectives.data import check_l2
from nanonet.objectives.losses import usual_loss
from nanonet.rules._parts.memory import without_memory
from nanonet.solve.step import Tolerances, begin, is_finite, take_step
from nanonet.table.examples import Examples


class Part(NamedTuple):
    """Where a batch ended, from where the next one goes on."""

    model: Model

    rule_state: PyTree
    """Of each member, with a leading axis; None before the first batch."""

    seen: float
    """The weight of all rows so far."""

    value: float
    """J of the last batch, with the penalty, of the first member."""


def fit_part(
    network: Network,
    examples: Examples,
    before: Part | None,
    *,
    key: RandomKey,
    rule: optax.GradientTransformation,
    l2: Any,
    steps: int,
    bounds: tuple[Any, Any] | None = None,
    monotone: Monotone = None,
) -> Part:
    """Take ``steps`` steps on these rows, from where ``before`` ended.

    One network is trained, or each of a committee that was fitted before. The first
    batch sets the scaling of the columns. ``l2`` is 1 / (weight of all rows
    so far) where it is not given.
    """
    if l2 is not None:
        check_l2(network, l2)
    seen = float(examples.sample_weight.sum()) + (before.seen if before else 0.0)
    with jax.enable_x64(True):
        box = joined_bounds(network, examples.inputs, bounds, monotone)
        if before is None:
            rows = np.arange(len(examples.x))
            examples = examples.scaled_by(rows, network, usual_loss(network))
            table, state = examples, None
            params = draw_starts(network, 1, box, key)
        else:
            model, state = before.model, before.rule_state
            _, params = members_of(model.network, model.params)
            table = examples._replace(inputs=model.inputs, targets=model.targets)
        if state is None:
            state = _first_state(rule, jax.tree.map(jnp.asarray, params))
        weight = 1 / seen if l2 is None else as_penalty(l2)
        J: Any = objective_of(network, usual_loss(network), table, weight)
        J = J if box is None else Bounded(J, box)
        params, state, values = jax.device_get(
            _take_steps(J, rule, steps, params, state)
        )
    model = Model(*as_one(network, params), table.inputs, table.targets)
    return Part(model, state, seen, float(values[0]))


@jit
def _first_state(rule: optax.GradientTransformation, params: PyTree) -> PyTree:
    return lax.map(rule.init, params)


@jit
def _take_steps(
    J: Callable,
    rule: optax.GradientTransformation,
    steps: int,
    params: PyTree,
    state: PyTree,
) -> tuple[PyTree, PyTree, Float[Array, " members"]]:
    """The same steps of each member."""
    return lax.map(lambda member: _of_one(J, rule, steps, *member), (params, state))


def _of_one(
    J: Callable,
    rule: optax.GradientTransformation,
    steps: int,
    params: PyTree,
    state: PyTree,
) -> tuple[PyTree, PyTree, Float[Array, ""]]:
    run = begin(J, rule, params, Tolerances())
    # What the state remembers of J was that of another batch.
    run = run._replace(rule_state=without_memory(state))
    run = lax.fori_loop(
        0, steps, lambda _, run: take_step(J, rule, Tolerances(), run), run
    )
    sound = is_finite(run.point)
    params = optax.tree.where(sound, run.point.params, run.best.params)
    value = jnp.where(sound, run.point.value, run.best.value)
    return params, run.rule_state, value
