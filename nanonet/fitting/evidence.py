"""How much to penalise weights, told by the data: MacKay's evidence."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import SQUARED
from nanonet.objectives.normal import normal_equations
from nanonet.objectives.objective import Objective
from nanonet.objectives.penalty import each_l2, groups_of
from nanonet.solve.result import describe

# Beside the mean diagonal of AᵀA: a bias whose unit is switched off has no curvature.
RIDGE = 1e-10

# Of N, left for the noise where there are fewer rows than parameters.
LEAST_SHARE = 1e-3

# Of the l2 that comes next.
SMALLEST, LARGEST = 1e-12, 1e6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Evidence:
    """What the data say of noise, weights and their number; see `evidence`."""

    effective_parameters: Float[Array | np.ndarray, "*members"] | float
    """γ, of n parameters at the most."""

    alpha: Float[Array | np.ndarray, "..."] | float
    """α, the inverse variance of the weights; of a network with skips two, the second
    theirs."""

    beta: Float[Array | np.ndarray, "*members"] | float
    """β, the inverse variance of the noise, for standardised targets; of classes 1."""

    log_evidence: Float[Array | np.ndarray, "*members"] | float
    """ln p(y | α, β)."""

    def __repr__(self) -> str:
        names = {"γ": "effective_parameters", "α": "alpha", "β": "beta"}
        names["ln p"] = "log_evidence"
        told = (f"{k} = {describe(getattr(self, name))}" for k, name in names.items())
        return f"Evidence: {', '.join(told)}"


class Curvature(NamedTuple):
    """J near a minimum, J ≈ J(θ) + ½ pᵀHp, and the sums it is made of.

    Of the free parameters; those that bounds hold have 1 on H's diagonal alone.
    """

    hessian: Float[Array, "n n"]  # of J: ÃᵀÃ + l2 I_w, Gauss and Newton's
    gram: Float[Array, "n n"]  # ÃᵀÃ, of the data alone
    is_free: Float[Array, " n"]  # 1, or 0 where a bound holds the parameter
    l2: Float[Array, " n"]  # λ of each free weight, 0 of a bias
    idle: Float[Array, " n"]  # what H has on its diagonal beside, for what is idle
    groups: Float[Array, "*groups n"]  # 1 for each free weight of one λ, 0 of the rest
    unit: Float[Array, ""]  # c, with J = c E_D + l2 E_W
    error: Float[Array, ""]  # E_D = ½ Σ s r²
    penalty: Float[Array, "*groups"]  # E_W = ½ Σ w², of free weights
    amount: Float[Array, ""]  # N, the weights of all residuals added up


def curvature(J: Objective, params: PyTree, box: Box | None = None) -> Curvature:
    """Gauss and Newton's Hessian of J, the mean of a loss whose residuals are known.

    A parameter at a bound of ``box`` that J pushes against it counts as known.
    """
    residuals = dataclasses.replace(J.residuals, l2=None)
    value, slope, gram = normal_equations(residuals, params)
    theta, _ = ravel_pytree(params)
    groups, is_free = groups_of(params, J.l2), jnp.ones_like(theta)
    l2 = each_l2(params, J.l2)
    if box is not None:
        flat = Box(*(ravel_pytree(bound)[0] for bound in box))
        slope = slope + l2 * theta
        is_free = flat.free(theta, slope).astype(theta.dtype)
        gram, l2 = gram * jnp.outer(is_free, is_free), l2 * is_free
        groups = groups * jnp.broadcast_to(is_free, groups.shape)
    ridge = RIDGE * jnp.trace(gram) / jnp.maximum(jnp.sum(is_free), 1)
    unit = jnp.asarray(residuals.weight, value.dtype)
    return Curvature(
        hessian=gram + jnp.diag(l2 + ridge * is_free + (1 - is_free)),
        gram=gram,
        is_free=is_free,
        l2=l2,
        idle=ridge * is_free,
        groups=groups,
        unit=unit,
        error=value / unit,
        penalty=groups @ theta**2 / 2,
        amount=jnp.sum(jnp.asarray(J.sample_weight)) * J.y.shape[-1],
    )


def evidence(
    J: Objective,
    params: PyTree,
    box: Box | None = None,
    known: Float[Array | np.ndarray, ""] | float = np.nan,
) -> tuple[Evidence, Float[Array, "*groups"]]:
    """α, β, γ and ln p(y | α, β) at a minimum of J, and the next l2, from α / β.

    ::

        F = β E_D + α E_W,      E_D = ½ Σ s r²,  E_W = ½ Σ w²
        H = β AᵀA + α I_w       A = ∂r/∂θ; I_w has 1 for a weight, 0 for a bias
        γ = n - α tr(I_w H⁻¹)
        α ← γ_w / 2E_W,  β ← (N - γ) / 2E_D,   γ_w = γ - (number of biases)
        ln p = -F - ½ ln|β AᵀA + α I| + ½ n ln α + ½ N ln β/2π

    The last is for the l2 that is given, where the best β is N / 2(E_D + E_W α/β); in
    it biases count as weights, because a flat prior has no evidence. Of classes E_D is
    the sum of cross-entropies, A that of `DevianceResiduals`, β = 1, and ln β/2π is
    left out: Laplace's approximation, with the Hessian of Gauss and Newton.
    Of a network with skips there are two α, l2 is a pair, and each sum over weights is
    one over those of that α: the linear part is shrunk as a linear model's evidence
    says, and the hidden units as theirs does.
    Parameters that a bound of ``box`` holds are left out of all sums: the evidence is
    that of the network without them, and the box cuts nothing off the rest's.
    If β is ``known``, it is that in all of this, whatever E_D is.

    Source: MacKay, "Bayesian interpolation", and "The evidence framework applied to
    classification networks", 1992; Foresee & Hagan, "Gauss-Newton approximation to
    Bayesian learning", 1997.
    """
    at = curvature(J, params, box)
    l2 = jnp.asarray(J.l2, at.error.dtype)
    lower = jnp.linalg.cholesky(at.hessian)
    n = jnp.sum(at.is_free)
    inverse = cho_solve((lower, True), jnp.eye(len(lower), dtype=lower.dtype))
    lost = l2 * (at.groups @ jnp.diag(inverse))
    weights = jnp.sum(at.groups, axis=-1)
    gamma = n - jnp.sum(lost)
    if l2.ndim:  # beside a skip most units may be idle, and so are their biases
        gamma -= at.idle @ jnp.diag(inverse)
    freedom = jnp.maximum(at.amount - gamma, LEAST_SHARE * at.amount)
    tiny = jnp.finfo(lower.dtype).tiny
    new_alpha = jnp.maximum(weights - lost, 0) / (2 * at.penalty + tiny)
    gaussian = J.loss in SQUARED
    beta = jnp.asarray(known if gaussian else 1.0, lower.dtype)
    new_beta = jnp.where(jnp.isnan(beta), freedom / (2 * at.error + tiny), beta)
    new = jnp.clip(at.unit * new_alpha / new_beta, SMALLEST, LARGEST)
    energy = at.error + jnp.sum(l2 / at.unit * at.penalty)
    beta = jnp.where(jnp.isnan(beta), at.amount / (2 * energy + tiny), beta)
    alpha = l2 / at.unit * beta
    gain = at.amount / 2 * jnp.log(beta / (2 * jnp.pi)) if gaussian else 0.0
    # As a weight of a layer counts a bias.
    own = at.l2 + jnp.ravel(l2)[0] * (1 - jnp.sum(jnp.atleast_2d(at.groups), axis=0))
    own = jnp.where(at.is_free > 0, own, 1)
    roots = jnp.log(jnp.diag(jnp.linalg.cholesky(at.gram + jnp.diag(own))))
    occam = jnp.sum(roots - jnp.log(own) / 2)
    log_evidence = gain - beta * energy - occam
    return Evidence(gamma, alpha, beta, log_evidence), new
