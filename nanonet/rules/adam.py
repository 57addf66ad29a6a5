"""Adam, page 6 of the notes: momentum over root mean square, both bias-corrected.

Where ε = 1e-8 sits:

======================  ====================  ========================================
notes                   α v̂₁ / √(v̂₂ + ε)      ``adam(α, eps=0.0, eps_root=1e-8)``
paper, PyTorch, optax   α v̂₁ / (√v̂₂ + ε)      ``adam(α)``, the default here too
======================  ====================  ========================================
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PyTree

from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_decay,
    check_learning_rate,
    check_not_negative,
    rule,
)
from nanonet.rules.ewma import average, corrected, zeros
from nanonet.rules.rmsprop import squared, squares_like


class AdamState(NamedTuple):
    """State of `scale_by_adam`."""

    mu: PyTree  # v₁, the EWMA of ∇J: like the parameters, in their dtype or mu_dtype
    nu: PyTree  # v₂, the EWMA of |∇J|²: like the parameters, real, float32 at least
    mu_weight: Float[Array, ""]  # the EWMA of 1 with β₁, that is 1-β₁ᵗ
    nu_weight: Float[Array, ""]  # the EWMA of 1 with β₂, that is 1-β₂ᵗ


@rule
def adam(
    learning_rate: LearningRate,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: DTypeLike | None = None,
    *,
    nesterov: bool = False,
) -> optax.GradientTransformation:
    """Adam; drop-in for `optax.adam`.

    ::

        v₁(t) = β₁ v₁(t-1) + (1-β₁) ∇J          the EWMA of page 3
        v₂(t) = β₂ v₂(t-1) + (1-β₂) (∇J)²       that of RMSprop
        v̂₁ = v₁/(1-β₁ᵗ),  v̂₂ = v₂/(1-β₂ᵗ)       bias correction, as in `ewma`

        θ(t+1) = θ(t) - α v̂₁ / (√(v̂₂ + eps_root) + eps)

    In the state, v₁ is ``mu`` (the paper's m) and v₂ is ``nu`` (the paper's v).

    Nesterov's variant, NAdam, puts β₁ v₁(t)/(1-β₁ᵗ⁺¹) + (1-β₁) ∇J/(1-β₁ᵗ) for v̂₁.

    Args:
      learning_rate: α, a number or an optax schedule.
      b1: β₁, 0 ≤ β₁ < 1.
      b2: β₂, 0 ≤ β₂ < 1.
      eps: ε outside the root.
      eps_root: ε inside the root. If both are 0, a gradient that has always been 0
        gives 0/0.
      mu_dtype: dtype of v₁ in the state, else that of the parameters.
      nesterov: NAdam.

    Raises:
      ValueError: α or an ε is negative or not finite, β₁ or β₂ is outside [0, 1).

    Source: page 6 of the notes; Kingma & Ba, "Adam: a method for stochastic
    optimization", 2015, algorithm 1; Dozat, "Incorporating Nesterov momentum into
    Adam", 2016.

    >>> rule, theta = adam(0.1), jnp.array(5.0)
    >>> state = rule.init(theta)
    >>> for _ in range(2):
    ...     update, state = rule.update(2 * theta, state)  # J = θ²
    ...     theta = optax.apply_updates(theta, update)
    >>> print(f"{theta:.5f}")
    4.80006
    """
    check_learning_rate(learning_rate)
    return optax.chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        optax.scale_by_learning_rate(learning_rate),
    )


@rule
def scale_by_adam(
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: DTypeLike | None = None,
    *,
    nesterov: bool = False,
) -> optax.GradientTransformation:
    """Drop-in for `optax.scale_by_adam`: v̂₁/(√(v̂₂ + eps_root) + eps); see `adam`.

    >>> rule = scale_by_adam(eps=1.0)
    >>> print(f"{rule.update(3.0, rule.init(0.0))[0]:.2f}")  # 3/(√9 + 1)
    0.75
    """
    check_decay(b1=b1, b2=b2)
    check_not_negative(eps=eps, eps_root=eps_root)

    def init(params: PyTree) -> AdamState:
        return AdamState(
            zeros(params, mu_dtype), squares_like(params), zeros(1.0), zeros(1.0)
        )

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, AdamState]:
        mu = average(b1, updates, state.mu)
        nu = average(b2, squared(updates), state.nu)
        mu_weight = average(b1, 1.0, state.mu_weight)
        nu_weight = average(b2, 1.0, state.nu_weight)
        if nesterov:
            next_weight = average(b1, 1.0, mu_weight)
            mu_hat = average(
                b1, corrected(updates, mu_weight), corrected(mu, next_weight)
            )
        else:
            mu_hat = corrected(mu, mu_weight)
        scaled = jax.tree.map(
            lambda m, n: m / (jnp.sqrt(n + eps_root) + eps),
            mu_hat,
            corrected(nu, nu_weight),
        )
        return scaled, AdamState(mu, nu, mu_weight, nu_weight)

    return optax.GradientTransformation(init, update)
