"""AMSGrad: Adam that divides by the largest root mean square so far."""

import optax
from jax.typing import DTypeLike

from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_decay,
    check_learning_rate,
    check_not_negative,
    rule,
)


@rule
def amsgrad(
    learning_rate: LearningRate,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: DTypeLike | None = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> optax.GradientTransformation:
    """AMSGrad; drop-in for `optax.amsgrad`.

    ::

        u(t)   = max(u(t-1), v̂₂(t))
        θ(t+1) = θ(t) - α v̂₁ / (√(u + eps_root) + eps)

    Args:
      learning_rate: α; this and the rest as in `adam`.
      b1: β₁.
      b2: β₂.
      eps: ε outside the root.
      eps_root: ε inside the root.
      mu_dtype: dtype of v₁ in the state.
      bias_correction_mu: v̂₁; else v₁, as in the paper.
      bias_correction_nu: v̂₂ in the maximum; else v₂, as in the paper.

    Raises:
      ValueError: as `adam`.

    Source: Reddi, Kale & Kumar, "On the convergence of Adam and beyond", 2018.

    >>> rule = amsgrad(0.1, b1=0.0, b2=0.0)
    >>> state = rule.init(0.0)
    >>> for gradient in [4.0, 1.0]:
    ...     update, state = rule.update(gradient, state)
    >>> print(f"{update:.3f}")  # -0.1 × 1/√4²
    -0.025
    """
    check_learning_rate(learning_rate)
    check_decay(b1=b1, b2=b2)
    check_not_negative(eps=eps, eps_root=eps_root)
    return optax.chain(
        optax.scale_by_amsgrad(
            b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu
        ),
        optax.scale_by_learning_rate(learning_rate),
    )
