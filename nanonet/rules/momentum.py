"""Momentum, pages 5 and 10 of the notes: one method, written in many forms."""

from typing import Any

import jax
import optax
from jax.typing import DTypeLike
from jaxtyping import PyTree

from nanonet._internal.checks import check_choice, check_match
from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_decay,
    check_learning_rate,
    check_not_negative,
    rule,
)
from nanonet.rules.ewma import zeros

FORMS = ("standard", "negated", "ewma")


@rule
def momentum(
    learning_rate: LearningRate,
    beta: Number = 0.9,
    form: str = "standard",
    nesterov: bool = False,
) -> optax.GradientTransformation:
    """Gradient descent with momentum, in any form of the notes.

    ::

        standard         v = βv + α∇J,       θ ← θ - v
        negated          v = βv - α∇J,       θ ← θ + v
        ewma             v = βv + (1-β)∇J,   θ ← θ - αv       with α̃ = α/(1-β) for α
        `sgd`, PyTorch   v = βv + ∇J,        θ ← θ - αv

    The first two move the parameters alike whatever α does, and so do the last two; all
    four do while α is constant, which `convert_learning_rate` converts. Under a
    schedule the first two hold the old gradients times the learning rates of their own
    steps, and the last two times today's. Whether the new v is called v(t) or v(t+1) is
    no part of the method. The state holds v as ``trace``.

    With Nesterov's look-ahead, θ is moved not by v but by what v would become if the
    same gradient came again, such as βv + α∇J.

    Args:
      learning_rate: α, a number or an optax schedule.
      beta: β, 0 ≤ β < 1; with 0 it is gradient descent (and α(1-0) = α).
      form: "standard", "negated" or "ewma".
      nesterov: look ahead.

    Raises:
      ValueError: α is negative or not finite, β is outside [0, 1), no such form.

    Source: pages 5 and 10 of the notes; Polyak, "Some methods of speeding up the
    convergence of iteration methods", 1964; Nesterov's, as in Sutskever et al., "On
    the importance of initialization and momentum in deep learning", 2013.

    >>> grad = 1.0
    >>> for form in FORMS:
    ...     rule = momentum(0.1, beta=0.5, form=form)
    ...     state = rule.init(0.0)
    ...     for _ in range(2):
    ...         update, state = rule.update(grad, state)
    ...     v = optax.tree.get(state, "trace")
    ...     print(f"{form}: v = {v:.3f}, Δθ = {update:.3f}")
    standard: v = 0.150, Δθ = -0.150
    negated: v = -0.150, Δθ = -0.150
    ewma: v = 0.750, Δθ = -0.075
    """
    check_learning_rate(learning_rate)
    check_decay(beta=beta)
    check_choice("form", form, FORMS)
    plus_alpha = optax.scale_by_learning_rate(learning_rate, flip_sign=False)
    minus_alpha = optax.scale_by_learning_rate(learning_rate)
    velocity = trace(beta, nesterov)
    if form == "standard":
        return optax.chain(plus_alpha, velocity, optax.scale(-1.0))
    if form == "negated":
        return optax.chain(minus_alpha, velocity)
    return optax.chain(optax.scale(1 - beta), velocity, minus_alpha)


def convert_learning_rate(
    learning_rate: Number, beta: Number, *, source: str, target: str
) -> Number:
    """α for form ``target`` that moves the parameters as α does in form ``source``.

    ::

        α̃ = α/(1-β)        from "standard" or "negated" to "ewma"

    β is the same in all forms. Under a schedule no such α exists (see `momentum`).

    Args:
      learning_rate: α, a number.
      beta: β, 0 ≤ β < 1.
      source: the form of `momentum` that α is for.
      target: the form that it is wanted for.

    Raises:
      TypeError: α is a schedule.
      ValueError: α is negative or not finite, β is outside [0, 1), no such form.

    Source: page 5 of the notes.

    >>> f"{convert_learning_rate(0.1, 0.9, source='standard', target='ewma'):.6f}"
    '1.000000'
    """
    check_not_negative(learning_rate=learning_rate)
    check_decay(beta=beta)
    check_choice("source", source, FORMS)
    check_choice("target", target, FORMS)
    factor = {"standard": 1.0, "negated": 1.0, "ewma": 1 - beta}
    return learning_rate * factor[source] / factor[target]


@rule
def trace(
    decay: Number,
    nesterov: bool = False,
    accumulator_dtype: DTypeLike | None = None,
) -> optax.GradientTransformation:
    """Drop-in for `optax.trace`: v = βv + g.

    Args:
      decay: β ≥ 0; with 1 it is the sum of all updates.
      nesterov: give βv + g, where v is the new one, instead of v.
      accumulator_dtype: dtype of v in the state, else that of the parameters.

    Raises:
      ValueError: β is negative or not finite.

    >>> rule = trace(0.5)
    >>> v, state = rule.update(1.0, rule.init(0.0))
    >>> print(rule.update(1.0, state)[0])
    1.5
    """
    check_not_negative(decay=decay)

    def add(g: PyTree, v: PyTree) -> PyTree:
        return jax.tree.map(lambda g, v: decay * v + g, g, v)

    def init(params: PyTree) -> optax.TraceState:
        return optax.TraceState(zeros(params, accumulator_dtype))

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, optax.TraceState]:
        check_match("updates", updates, "the state", state.trace)
        v = add(updates, state.trace)
        return add(updates, v) if nesterov else v, optax.TraceState(v)

    return optax.GradientTransformation(init, update)


@rule
def sgd(
    learning_rate: LearningRate,
    momentum: Number | None = None,
    nesterov: bool = False,
    accumulator_dtype: DTypeLike | None = None,
) -> optax.GradientTransformation:
    """Drop-in for `optax.sgd`: v = βv + ∇J, θ ← θ - αv.

    This is PyTorch's form too. It differs from `nanonet.momentum` only in that α is
    outside the velocity.

    Args:
      learning_rate: α, a number or an optax schedule.
      momentum: β, 0 ≤ β < 1; None is gradient descent, without a velocity.
      nesterov: θ ← θ - α(βv + ∇J).
      accumulator_dtype: dtype of v in the state, else that of the parameters.

    Raises:
      ValueError: α is negative or not finite, β is outside [0, 1).

    >>> rule = sgd(0.1, momentum=0.5)
    >>> update, state = rule.update(1.0, rule.init(0.0))
    >>> print(f"{rule.update(1.0, state)[0]:.3f}")
    -0.150
    """
    check_learning_rate(learning_rate)
    descend = optax.scale_by_learning_rate(learning_rate)
    if momentum is None:
        return optax.chain(optax.identity(), descend)
    check_decay(momentum=momentum)
    return optax.chain(trace(momentum, nesterov, accumulator_dtype), descend)
