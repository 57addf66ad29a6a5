"""Adagrad: each gradient over the root of the sum of its squares."""

import optax

from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_learning_rate,
    check_not_negative,
    rule,
)


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
    return optax.chain(
        optax.scale_by_rss(initial_accumulator_value, eps),
        optax.scale_by_learning_rate(learning_rate),
    )
