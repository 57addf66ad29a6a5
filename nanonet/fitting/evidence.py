"""How much to penalise weights, told by the data: MacKay's evidence updates."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.batch import Fold, Learning, Member
from nanonet.objectives.bounded import Box
from nanonet.objectives.losses import SQUARED
from nanonet.objectives.normal import normal_equations
from nanonet.objectives.objective import Objective
from nanonet.objectives.penalty import is_weight
from nanonet.rules._parts.told import told_by, with_damping
from nanonet.solve.result import Status, describe, is_one_of

# λ has settled once it changes by less than this share of itself.
SETTLED = 1e-3

# Beside the mean diagonal of AᵀA: a bias whose unit is switched off has no curvature.
RIDGE = 1e-10

# In one update: slowly, so as not to pass by where the evidence is highest.
LARGEST_CHANGE = 2.0

# The search ends after so many updates that did not bring more evidence: MacKay's lead
# on to networks that learn the noise, where these are fixed points too.
FALLS = 4

# What has stopped for such a reason is not set going again.
LEFT_ALONE = (Status.NON_FINITE, Status.VALIDATION, Status.GOAL)

SMALLEST, LARGEST = 1e-12, 1e6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Evidence:
    """What the data say of noise, weights and their number; see `evidence`."""

    effective_parameters: Float[Array | np.ndarray, "*members"] | float
    """γ, of n parameters at the most."""

    alpha: Float[Array | np.ndarray, "*members"] | float
    """α, the inverse variance of the weights."""

    beta: Float[Array | np.ndarray, "*members"] | float
    """β, the inverse variance of the noise, for standardised targets; of classes 1."""

    log_evidence: Float[Array | np.ndarray, "*members"] | float
    """ln p(y | α, β)."""

    def __repr__(self) -> str:
        names = {"γ": "effective_parameters", "α": "alpha", "β": "beta"}
        names["ln p"] = "log_evidence"
        told = (f"{k} = {describe(getattr(self, name))}" for k, name in names.items())
        return f"Evidence: {', '.join(told)}"


class Best(NamedTuple):
    """Where the evidence was highest."""

    l2: Float[Array, "*members"]
    params: PyTree
    evidence: Evidence
    value: Float[Array, "*members"]
    """J."""

    gradient_norm: Float[Array, "*members"]


class Search(NamedTuple):
    """The search for each member's l2."""

    l2: Float[Array, "*members"]
    best: Best

    falls: Int[Array, "*members"]
    """Updates since the evidence was highest."""

    ended: Bool[Array, "*members"]

    agreed: Bool[Array, "*members"]
    """Whether l2 is no longer its own, but that of the best start."""


class Curvature(NamedTuple):
    """J near a minimum, J ≈ J(θ) + ½ pᵀHp, and the sums it is made of.

    Of the free parameters; those that bounds hold have 1 on H's diagonal alone.
    """

    hessian: Float[Array, "n n"]  # of J: ÃᵀÃ + l2 I_w, Gauss and Newton's
    gram: Float[Array, "n n"]  # ÃᵀÃ, of the data alone
    is_free: Float[Array, " n"]  # 1, or 0 where a bound holds the parameter
    is_weight: Float[Array, " n"]  # 1 for a free weight, 0 for a bias
    unit: Float[Array, ""]  # c, with J = c E_D + l2 E_W
    error: Float[Array, ""]  # E_D = ½ Σ s r²
    penalty: Float[Array, ""]  # E_W = ½ Σ w², of free weights
    amount: Float[Array, ""]  # N, the weights of all residuals added up


def curvature(J: Objective, params: PyTree, box: Box | None = None) -> Curvature:
    """Gauss and Newton's Hessian of J, the mean of a loss whose residuals are known.

    A parameter at a bound of ``box`` that J pushes against it counts as known.
    """
    residuals = dataclasses.replace(J.residuals, l2=None)
    value, slope, gram = normal_equations(residuals, params)
    theta, _ = ravel_pytree(params)
    weights, is_free = is_weight(params), jnp.ones_like(theta)
    if box is not None:
        flat = Box(*(ravel_pytree(bound)[0] for bound in box))
        slope = slope + J.l2 * weights * theta
        is_free = flat.free(theta, slope).astype(theta.dtype)
        gram, weights = gram * jnp.outer(is_free, is_free), weights * is_free
    ridge = RIDGE * jnp.trace(gram) / jnp.maximum(jnp.sum(is_free), 1)
    unit = jnp.asarray(residuals.weight, value.dtype)
    return Curvature(
        hessian=gram + jnp.diag(J.l2 * weights + ridge * is_free + (1 - is_free)),
        gram=gram,
        is_free=is_free,
        is_weight=weights,
        unit=unit,
        error=value / unit,
        penalty=jnp.sum(weights * theta**2) / 2,
        amount=jnp.sum(jnp.asarray(J.sample_weight)) * J.y.shape[-1],
    )


def evidence(
    J: Objective, params: PyTree, box: Box | None = None
) -> tuple[Evidence, Float[Array, ""]]:
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
    Parameters that a bound of ``box`` holds are left out of all sums: the evidence is
    that of the network without them, and the box cuts nothing off the rest's.

    Source: MacKay, "Bayesian interpolation", and "The evidence framework applied to
    classification networks", 1992; Foresee & Hagan, "Gauss-Newton approximation to
    Bayesian learning", 1997.
    """
    at, l2 = curvature(J, params, box), J.l2
    lower = jnp.linalg.cholesky(at.hessian)
    n = jnp.sum(at.is_free)
    inverse = cho_solve((lower, True), jnp.eye(len(lower), dtype=lower.dtype))
    lost = l2 * jnp.sum(at.is_weight * jnp.diag(inverse))
    weights = jnp.sum(at.is_weight)
    gamma = n - lost
    # Where there are fewer rows than parameters, γ may come near N.
    freedom = jnp.maximum(at.amount - gamma, 1e-3 * at.amount)
    tiny = jnp.finfo(lower.dtype).tiny
    new_alpha = jnp.maximum(weights - lost, 0) / (2 * at.penalty + tiny)
    gaussian = J.loss in SQUARED
    new_beta = freedom / (2 * at.error + tiny) if gaussian else 1.0
    new = jnp.clip(at.unit * new_alpha / new_beta, SMALLEST, LARGEST)
    energy = at.error + l2 / at.unit * at.penalty
    beta = at.amount / (2 * energy + tiny) if gaussian else jnp.ones_like(energy)
    alpha = l2 / at.unit * beta
    gain = at.amount / 2 * jnp.log(beta / (2 * jnp.pi)) if gaussian else 0.0
    proper = at.gram + jnp.diag(jnp.where(at.is_free > 0, l2, 1))
    roots = jnp.log(jnp.diag(jnp.linalg.cholesky(proper)))
    occam = jnp.sum(roots) + n / 2 * (jnp.log(beta / at.unit) - jnp.log(alpha))
    log_evidence = gain - beta * energy - occam
    return Evidence(gamma, alpha, beta, log_evidence), new


def first_factors(starts: int) -> Float[np.ndarray, " starts"]:
    """What each start multiplies the first l2 by: 10 … ⅒, or 1 for a single one.

    From a strong penalty on, the search finds the simplest network that the data speak
    for; but what no line can tell of y, it lets go to 0 and does not find again.

    >>> print(first_factors(3))
    [10.   1.   0.1]
    """
    return np.logspace(1, -1, starts) if starts > 1 else np.ones(1)


def start_search(l2: Float[Array, "folds starts"], members: Member) -> Search:
    """Begin with these l2."""
    unknown = jnp.zeros(l2.shape, l2.dtype)
    nothing = Evidence(unknown, unknown, unknown, unknown - jnp.finfo(l2.dtype).max)
    point = members.run.point
    best = Best(l2, point.params, nothing, point.value, point.gradient_norm)
    zero = jnp.zeros(l2.shape, jnp.int32)
    return Search(l2, best, falls=zero, ended=zero > 0, agreed=zero > 0)


@jit
def update_search(
    learning: Learning, search: Search, members: Member
) -> tuple[Search, Member]:
    """Give each member its new l2, and set it going again unless it has come to an end.

    It has where l2 has settled, and where the evidence has long been higher before.
    """

    def one(fold: Fold, search: Search, member: Member) -> tuple[Search, Member]:
        run, point = member.run, member.run.point
        J = learning.objective(fold, search.l2)
        found, new = evidence(J, point.params, learning.box)
        new = jnp.where(search.agreed, search.l2, new)
        over = search.ended | is_one_of(LEFT_ALONE, run.status)
        settled = jnp.abs(jnp.log(new / search.l2)) < SETTLED
        settled &= run.status != Status.RUNNING
        higher = found.log_evidence > search.best.evidence.log_evidence
        higher |= settled
        falls = jnp.where(higher, 0, search.falls + 1)
        fallen = (falls >= FALLS) & ~search.agreed
        new = jnp.clip(new, search.l2 / LARGEST_CHANGE, search.l2 * LARGEST_CHANGE)
        over |= ~jnp.isfinite(new)
        here = Best(search.l2, point.params, found, point.value, point.gradient_norm)
        best = optax.tree.where(higher, here, search.best)
        ended = settled | fallen
        updated = Search(new, best, falls, ended=ended, agreed=search.agreed)
        status = jnp.where(fallen, jnp.int32(Status.EVIDENCE), run.status)
        stopped = member._replace(run=run._replace(status=status))
        again = _restart(learning, fold, new, member)
        again = optax.tree.where(updated.ended, stopped, again)
        return optax.tree.where(over, (search, member), (updated, again))

    return learning.over_members(one, search, members)


@jit
def agree(learning: Learning, search: Search, members: Member) -> tuple[Search, Member]:
    """Give all starts of a fold the l2 of highest evidence, and set them going again.

    A search that began too weakly has ended by a network that learns the noise, and one
    that began too strongly by one that learns nothing: with the l2 that the data speak
    for they come to be as good as the best, and lie as far apart as other minima do.
    """
    best = search.best
    first = jnp.argmax(best.evidence.log_evidence, axis=1, keepdims=True)
    l2 = jnp.broadcast_to(jnp.take_along_axis(best.l2, first, 1), search.l2.shape)

    def one(
        fold: Fold, l2: Array, search: Search, member: Member
    ) -> tuple[Search, Member]:
        point = member.run.point._replace(params=search.best.params)
        moved = member._replace(run=member.run._replace(point=point))
        again = _restart(learning, fold, l2, moved)
        updated = search._replace(l2=l2, ended=jnp.bool_(False), agreed=jnp.bool_(True))
        over = is_one_of(LEFT_ALONE, member.run.status)
        kept = search._replace(agreed=jnp.bool_(True))
        return optax.tree.where(over, (kept, member), (updated, again))

    return learning.over_members(one, l2, search, members)


def _restart(learning: Learning, fold: Fold, l2: Array, member: Member) -> Member:
    """The member at the same point of another J, with the damping it had."""
    old = member.run
    run = learning.begin(fold, l2, old.point.params)
    damping = told_by(old.rule_state).damping
    return member._replace(
        run=run._replace(
            step=old.step,
            evaluations=old.evaluations + 1,
            rule_state=with_damping(run.rule_state, damping),
        )
    )
