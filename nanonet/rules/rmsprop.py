"""RMSprop, page 6 of the notes: each gradient over its root mean square; Adagrad."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PyTree

from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_decay,
    check_learning_rate,
    check_not_negative,
    rule,
)
from nanonet.rules.ewma import average, corrected, squared, squares_like, zeros
from nanonet.rules.momentum import trace


class RmsState(NamedTuple):
    """State of `scale_by_rms` and `scale_by_stddev`."""

    count: Any  # steps, as optax keeps them; None: no bias correction
    mu: PyTree  # the EWMA of ∇J, like the parameters; None: not centered
    nu: PyTree  # v, the EWMA of |∇J|²: like the parameters, real, float32 at least
    weight: PyTree  # the EWMA of 1, shape (); None: no bias correction


@rule
def rmsprop(
    learning_rate: LearningRate,
    decay: Number = 0.9,
    eps: Number = 1e-8,
    initial_scale: Number = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Number | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> optax.GradientTransformation:
    """RMSprop; drop-in for `optax.rmsprop`.

    ::

        v(t)   = β v(t-1) + (1-β) (∇J)²
        θ(t+1) = θ(t) - α/√(v(t) + ε) ∇J

    The other forms, each by an argument::

        α/(√v + ε)                     eps_in_sqrt=False
        α/√(v - m² + ε)                centered=True, m the EWMA of ∇J: v - m² is the
                                       variance of the gradient
        v/(1-βᵗ) in place of v         bias_correction=True, likewise m
        u = γu - α/√(v+ε) ∇J, θ ← θ+u  momentum=γ, so α is inside the velocity u

    Args:
      learning_rate: α, a number or an optax schedule.
      decay: β, 0 ≤ β < 1.
      eps: ε ≥ 0; with 0, a gradient that has always been 0 gives 0/0.
      initial_scale: v(0) ≥ 0.
      eps_in_sqrt: whether ε is inside the root, as in the notes; it is outside in
        PyTorch, and Hinton's lecture has none.
      centered: subtract the square of the mean.
      momentum: γ, 0 ≤ γ < 1; None is no momentum.
      nesterov: Nesterov's momentum, as in `nanonet.momentum`.
      bias_correction: as in `ewma`. With it, and ε outside, this is Adam with β₁ = 0.

    Raises:
      ValueError: α, ε or v(0) is negative or not finite, β or γ is outside [0, 1).

    Source: page 6 of the notes; Hinton, *Neural networks for machine learning*,
    lecture 6e, 2012; centred: Graves, "Generating sequences with recurrent neural
    networks", 2013.

    >>> rule = rmsprop(0.1, decay=0.75)
    >>> update, state = rule.update(3.0, rule.init(0.0))
    >>> print(f"{update:.4f}")  # -0.1 × 3/√(0.25 × 9)
    -0.2000
    """
    check_learning_rate(learning_rate)
    scale_by = scale_by_stddev if centered else scale_by_rms
    parts = [
        scale_by(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        optax.scale_by_learning_rate(learning_rate),
        optax.identity(),
    ]
    if momentum is not None:
        check_decay(momentum=momentum)
        parts[-1] = trace(momentum, nesterov)
    return optax.chain(*parts)


@rule
def scale_by_rms(
    decay: Number = 0.9,
    eps: Number = 1e-8,
    initial_scale: Number = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> optax.GradientTransformation:
    """Drop-in for `optax.scale_by_rms`: ∇J/√(v + ε); see `rmsprop`.

    >>> update, state = scale_by_rms(eps=-1e-8)
    Traceback (most recent call last):
    ValueError: eps=-1e-08 must be ≥ 0.
    """
    return _scale(False, decay, eps, initial_scale, eps_in_sqrt, bias_correction)


@rule
def scale_by_stddev(
    decay: Number = 0.9,
    eps: Number = 1e-8,
    initial_scale: Number = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> optax.GradientTransformation:
    """Drop-in for `optax.scale_by_stddev`: ∇J/√(v - m² + ε); see `rmsprop`.

    The variance v - m² is not negative; where rounding makes it so, which in optax ends
    in NaN, it is taken to be 0.

    >>> rule = scale_by_stddev(decay=0.5)
    >>> update, state = rule.update(3.0, rule.init(0.0))
    >>> print(f"{update:.4f}")  # 3/√(9/2 - (3/2)²)
    2.0000
    """
    return _scale(True, decay, eps, initial_scale, eps_in_sqrt, bias_correction)


def _scale(
    centered: bool,
    decay: Number,
    eps: Number,
    initial_scale: Number,
    eps_in_sqrt: bool,
    bias_correction: bool,
) -> optax.GradientTransformation:
    check_decay(decay=decay)
    check_not_negative(eps=eps, initial_scale=initial_scale)
    one = 1.0 if bias_correction else None

    def init(params: PyTree) -> RmsState:
        return RmsState(
            count=jnp.int32(0) if bias_correction else None,
            mu=zeros(params) if centered else None,
            nu=squares_like(params, initial_scale),
            weight=zeros(one),
        )

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, RmsState]:
        weight = average(decay, one, state.weight)
        mu = average(decay, updates, state.mu) if centered else None
        nu = average(decay, squared(updates), state.nu)
        v = corrected(nu, weight)
        if centered:
            m2 = squared(corrected(mu, weight))
            v = jax.tree.map(lambda v, m2: jnp.maximum(v - m2, 0), v, m2)

        def divide(g: Array, v: Array) -> Array:
            return g / (jnp.sqrt(v + eps) if eps_in_sqrt else jnp.sqrt(v) + eps)

        count = optax.safe_increment(state.count) if bias_correction else None
        return jax.tree.map(divide, updates, v), RmsState(count, mu, nu, weight)

    return optax.GradientTransformation(init, update)


@rule
def adagrad(
    learning_rate: LearningRate,
    initial_accumulator_value: Number = 0.1,
    eps: Number = 1e-7,
) -> optax.GradientTransformation:
    """Adagrad; drop-in for `optax.adagrad`: RMSprop with a sum for an average.

    ::

        v(t)   = v(t-1) + (∇J)²
        θ(t+1) = θ(t) - α/√(v(t) + ε) ∇J

    Args:
      learning_rate: α, a number or an optax schedule.
      initial_accumulator_value: v(0) ≥ 0.
      eps: ε ≥ 0, inside the root; outside it in the paper and in PyTorch.

    Raises:
      ValueError: α, v(0) or ε is negative or not finite.

    Source: Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning
    and stochastic optimization", 2011.

    >>> rule = adagrad(0.1, initial_accumulator_value=16.0)
    >>> print(f"{rule.update(3.0, rule.init(0.0))[0]:.2f}")  # -0.1 × 3/√(16 + 9)
    -0.06
    """
    check_learning_rate(learning_rate)
    check_not_negative(initial_accumulator_value=initial_accumulator_value, eps=eps)

    def init(params: PyTree) -> optax.ScaleByRssState:
        return optax.ScaleByRssState(squares_like(params, initial_accumulator_value))

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, optax.ScaleByRssState]:
        v = jax.tree.map(jnp.add, state.sum_of_squares, squared(updates))
        # Where the gradient has always been 0, it is 0/0.
        scaled = jax.tree.map(
            lambda g, v: g / jnp.where(v > 0, jnp.sqrt(v + eps), 1), updates, v
        )
        return scaled, optax.ScaleByRssState(v)

    return optax.chain(
        optax.GradientTransformation(init, update),
        optax.scale_by_learning_rate(learning_rate),
    )
