"""Adam, page 6 of the notes: momentum over root mean square, both bias-corrected.

And what grew out of it, AdamW and AMSGrad.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike
from jaxtyping import PyTree

from nanonet.rules._parts.rule import (
    LearningRate,
    Number,
    check_decay,
    check_learning_rate,
    check_not_negative,
    rule,
)
from nanonet.rules.ewma import average, corrected, squared, squares_like, zeros


class AdamState(NamedTuple):
    """State of `scale_by_adam` and `amsgrad`."""

    count: Any  # int32: steps, as optax keeps them; nothing follows from it
    mu: PyTree  # v₁, the EWMA of ∇J: like the parameters, in their dtype or mu_dtype
    nu: PyTree  # v₂, the EWMA of |∇J|²: like the parameters, real, float32 at least
    mu_weight: Any  # the EWMA of 1 with β₁, that is 1-β₁ᵗ; None: v₁ is not corrected
    nu_weight: Any  # the EWMA of 1 with β₂, that is 1-β₂ᵗ; None: v₂ is not corrected
    nu_max: PyTree = None  # AMSGrad's u


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
      eps: ε outside the root, as in the paper and in PyTorch.
      eps_root: ε inside the root; the notes' form is ``eps=0.0, eps_root=1e-8``. If
        both are 0, a gradient that has always been 0 gives 0/0.
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
    return _scale(b1, b2, eps, eps_root, mu_dtype, nesterov)


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

    Beside the arguments of `adam`, ``weight_decay`` is λ ≥ 0, a number or an optax
    schedule; with 0 this is `adam`. ``mask`` says which parameters decay: a tree of
    booleans like them, or a prefix of it, or a function from the parameters to one.

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

    The arguments are those of `adam`; without ``bias_correction_mu`` or
    ``bias_correction_nu``, v₁ or v₂ stands for v̂₁ or v̂₂, as in the paper.

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
    corrections = bias_correction_mu, bias_correction_nu
    return optax.chain(
        _scale(b1, b2, eps, eps_root, mu_dtype, False, corrections, largest=True),
        optax.scale_by_learning_rate(learning_rate),
    )


def _scale(
    b1: Number,
    b2: Number,
    eps: Number,
    eps_root: Number,
    mu_dtype: DTypeLike | None,
    nesterov: bool,
    corrections: tuple[bool, bool] = (True, True),
    *,
    largest: bool = False,
) -> optax.GradientTransformation:
    check_decay(b1=b1, b2=b2)
    check_not_negative(eps=eps, eps_root=eps_root)
    one, other_one = (1.0 if corrected else None for corrected in corrections)

    def init(params: PyTree) -> AdamState:
        mu, nu = zeros(params, mu_dtype), squares_like(params)
        nu_max = nu if largest else None
        return AdamState(jnp.int32(0), mu, nu, zeros(one), zeros(other_one), nu_max)

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, AdamState]:
        mu = average(b1, updates, state.mu)
        nu = average(b2, squared(updates), state.nu)
        mu_weight = average(b1, one, state.mu_weight)
        nu_weight = average(b2, other_one, state.nu_weight)
        if nesterov:
            next_weight = average(b1, one, mu_weight)
            mu_hat = average(
                b1, corrected(updates, mu_weight), corrected(mu, next_weight)
            )
        else:
            mu_hat = corrected(mu, mu_weight)
        nu_hat, nu_max = corrected(nu, nu_weight), None
        if largest:
            nu_hat = nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu_hat)
        scaled = jax.tree.map(
            lambda m, n: m / (jnp.sqrt(n + eps_root) + eps), mu_hat, nu_hat
        )
        count = optax.safe_increment(state.count)
        return scaled, AdamState(count, mu, nu, mu_weight, nu_weight, nu_max)

    return optax.GradientTransformation(init, update)
