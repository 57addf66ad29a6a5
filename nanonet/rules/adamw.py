"""AdamW: Adam whose weight decay is not divided by the root mean square."""

from collections.abc import Callable
from typing import Any

import optax
from jax.typing import DTypeLike
from jaxtyping import PyTree

from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_learning_rate,
    check_not_negative,
    rule,
)
from nanonet.rules.adam import scale_by_adam


@rule
def adamw(
    learning_rate: LearningRate,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: DTypeLike | None = None,
    weight_decay: LearningRate = 1e-4,
    mask: PyTree | Callable[[Any], Any] | None = None,
    *,
    nesterov: bool = False,
) -> optax.GradientTransformation:
    """Adam with decoupled weight decay; drop-in for `optax.adamw`.

    ::

        θ(t+1) = θ(t) - α (v̂₁ / (√(v̂₂ + eps_root) + eps) + λ θ(t))

    Args:
      learning_rate: α; this and the rest as in `adam`.
      b1: β₁.
      b2: β₂.
      eps: ε outside the root.
      eps_root: ε inside the root.
      mu_dtype: dtype of v₁ in the state.
      weight_decay: λ ≥ 0, a number or an optax schedule; with 0 this is `adam`.
      mask: which parameters decay: a tree of booleans like them, or a prefix of it, or
        a function from the parameters to one.
      nesterov: NAdamW.

    Raises:
      ValueError: as `adam`, or λ is negative or not finite, or ``update`` is called
        without the parameters.

    Source: Loshchilov & Hutter, "Decoupled weight decay regularization", 2019, whose
    λ is αλ here, as in PyTorch and optax.

    >>> rule, theta = adamw(0.1, weight_decay=0.5), 2.0
    >>> update, state = rule.update(0.0, rule.init(theta), theta)
    >>> print(f"{update:.2f}")
    -0.10
    """
    check_learning_rate(learning_rate)
    if not callable(weight_decay):
        check_not_negative(weight_decay=weight_decay)
    return optax.chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        optax.add_decayed_weights(weight_decay, mask),
        optax.scale_by_learning_rate(learning_rate),
    )
