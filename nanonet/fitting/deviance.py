"""Cross-entropies as sums of squares, so that Gauss–Newton's methods serve classes."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, PyTree

from nanonet.network.network import Network
from nanonet.objectives.data import in_dtype_of
from nanonet.objectives.losses import (
    SQUARED,
    Loss,
    binary_cross_entropy,
    cross_entropy,
    stable,
)
from nanonet.objectives.normal import NormalEquations
from nanonet.objectives.objective import Objective
from nanonet.objectives.residuals import Residuals


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DevianceResiduals(Residuals):
    """√2ℓ of each row, so that J = ½‖r‖²; with the Fisher information for AᵀA.

    ::

        Aᵀr ← ∇J = Σ s Zᵀ(ŷ - y)       Z = ∂z/∂θ, of the logits
        AᵀA ← Σ s Zᵀ Λ Z               Λ = diag ŷ - ŷŷᵀ (softmax), diag ŷ(1 - ŷ)

    What stands for AᵀA is the generalized Gauss–Newton matrix: J's Hessian, but for the
    curvature of z. It is the metric of the natural gradient, and for a network without
    hidden layers it is the Hessian, so that Gauss–Newton is the textbook's iteratively
    reweighted least squares.

    Source: Schraudolph, "Fast curvature matrix-vector products for second-order
    gradient descent", 2002; Nelder & Wedderburn, "Generalized linear models", 1972;
    Tanabe & Sagae, "An exact Cholesky decomposition and the generalized inverse of the
    variance-covariance matrix of the multinomial distribution", 1992.
    """

    loss: Loss = dataclasses.field(default=cross_entropy, metadata={"static": True})

    def __call__(self, params: PyTree) -> Float[Array, " m"]:
        """Compute r at ``params``."""
        x, y = in_dtype_of(params, self.x, self.y)
        compute, of_logits = stable(self.network, self.loss)
        z = jax.vmap(compute, in_axes=(None, 0))(params, x)
        losses = jax.vmap(of_logits)(z, jnp.reshape(y, z.shape))
        # Rounding may bring a loss below 0.
        errors = self._weighted(jnp.sqrt(2 * jnp.maximum(losses, 0)))
        return jnp.concatenate([errors, *self._penalties(params)])

    def jacobian(self, params: PyTree) -> Float[Array, "m n"]:
        """There is none of as many rows as r has.

        Raises:
          ValueError: always.
        """
        raise ValueError(
            f"{self.loss.__name__} has no Jacobian of residuals, but AᵀA alone: use "
            'levenberg_marquardt(solver="cholesky").'
        )

    def equations(self, params: PyTree) -> NormalEquations:
        """Of these rows at once, without the penalty."""
        x, y = in_dtype_of(params, self.x, self.y)
        theta, unravel = ravel_pytree(params)
        compute, of_logits = stable(self.network, self.loss)

        def logits(theta: Array, x: Array) -> Array:
            return jnp.ravel(compute(unravel(theta), x))

        def of_one(x: Array, y: Array) -> tuple[Array, Array, Array]:
            z, back = jax.vjp(lambda theta: logits(theta, x), theta)
            (Z,) = jax.vmap(back)(jnp.eye(z.size, dtype=z.dtype))
            loss, error = jax.value_and_grad(of_logits)(z, y)
            return loss, error @ Z, self._rooted(z, y, Z)

        losses, slopes, roots = jax.vmap(of_one)(x, jnp.reshape(y, (len(x), -1)))
        losses, slopes, A = map(self._weighted, (losses, slopes, roots))
        A = jnp.reshape(A, (-1, theta.size))
        value, slope = (jnp.sum(self._weighted(of), 0) for of in (losses, slopes))
        return NormalEquations(value, slope, A.T @ A)

    def _rooted(self, z: Array, y: Array, Z: Array) -> Float[Array, "rank n"]:
        """BᵀZ of one row, with BBᵀ = Λ."""
        if self.loss is binary_cross_entropy:
            spread = jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)
            return jnp.sqrt(spread)[:, None] * Z
        # Cholesky's factor of Λ, of rank k - 1: each class against those after it.
        after = jnp.triu(jnp.ones((z.size - 1, z.size), bool), 1)
        logs = jnp.where(after, jax.nn.log_softmax(z)[None], -jnp.inf)
        q = jnp.append(jnp.zeros(1, z.dtype), logsumexp(logs, axis=1))
        spread = jax.nn.log_softmax(z)[:-1] + q[1:] - q[:-1]
        against = Z[:-1] - jax.nn.softmax(logs, axis=1) @ Z
        return jnp.sqrt(jnp.sum(y) * jnp.exp(spread))[:, None] * against


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Deviance(Objective):
    """J of a cross-entropy, which knows its `DevianceResiduals`."""

    @property
    def residuals(self) -> DevianceResiduals:
        """r(params) with J = ½‖r‖²."""
        weight = 1 / self._count()
        return DevianceResiduals(
            self.network, self.x, self.y, weight, self.l2, self.sample_weight, self.loss
        )


def is_likelihood(network: Network, loss: Loss) -> bool:
    """Whether the loss is -ln p(y | ŷ), and J's Gauss–Newton matrix is known.

    So it is of squared errors, and of the cross-entropy that goes with the outputs.
    """
    of_logits = stable(network, loss)[0] is network.logits
    classes = loss in (cross_entropy, binary_cross_entropy) and of_logits
    return loss in SQUARED or classes


def objective_for(network: Network, loss: Loss, *rest: Any) -> Objective:
    """The `Objective` that is the mean of the loss, with residuals where it can."""
    known = loss not in SQUARED and is_likelihood(network, loss)
    return (Deviance if known else Objective)(network, loss, "mean", *rest)
