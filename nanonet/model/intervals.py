"""Bounds of a new value: from the curvature of J, and from the spread of the starts."""

import dataclasses
import functools
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_number
from nanonet._internal.static import jit
from nanonet.model.committee import members_of
from nanonet.model.noise_level import levels
from nanonet.model.rows import over_rows
from nanonet.network.network import Network

#: How the bounds of a new value are found.
Method = Literal["linearized", "starts", "cv+"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Interval:
    """A prediction, and its bounds, in the unit and the shape of y."""

    prediction: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def __repr__(self) -> str:
        half = np.median(self.upper - self.lower) / 2
        return f"Interval: {self.prediction.size:,} predictions, ± {half:.3g} (median)"


class Noise(NamedTuple):
    """What the training rows say of the error of one row, and of the parameters.

    Of several networks, with a leading axis.
    """

    deviation: Float[Array | np.ndarray, "*members outputs"]
    """σ."""

    freedom: Float[Array | np.ndarray, "*members"]
    """N - γ, for each output."""

    factor: Float[Array | np.ndarray, "*members n n"]
    """L with LLᵀ = AᵀA + λ I_w, at σ = 1."""

    is_free: Float[Array | np.ndarray, "*members n"]
    """1, or 0 where a bound holds the parameter."""

    trend: Float[Array | np.ndarray, "*members numbers"] | None = None
    """How σ² depends on the inputs, see `nanonet.model.noise_level.levels`; None: it
    does not."""


class Predictive(NamedTuple):
    """How a new y is distributed: as mean + deviation · Student's t."""

    mean: Float[np.ndarray, "n outputs"]
    deviation: Float[np.ndarray, "n outputs"]
    freedom: float

    @property
    def std(self) -> Float[np.ndarray, "n outputs"]:
        """Its standard deviation, infinite for 2 degrees of freedom or fewer."""
        nu = self.freedom
        return self.deviation * (np.sqrt(nu / (nu - 2)) if nu > 2 else np.inf)

    def crps(self, y: Float[np.ndarray, "n outputs"]) -> Float[np.ndarray, "n outputs"]:
        """Continuous ranked probability score, ∫ (F(t) - [y ≤ t])² dt: less is better.

        ::

            σ (z (2F(z) - 1) + 2f(z) (ν + z²)/(ν - 1)
               - 2√ν/(ν - 1) · B(½, ν - ½) / B(½, ν/2)²),     z = (y - mean) / σ

        It is in the unit of y, and of a prediction without doubt it is |y - ŷ|; it is
        infinite for ν ≤ 1 degrees of freedom.

        Source: Gneiting & Raftery, "Strictly proper scoring rules, prediction, and
        estimation", 2007; for Student's distribution Jordan, Krüger & Lerch,
        "Evaluating probabilistic forecasts with scoringRules", 2019.
        """
        from scipy.special import betaln, stdtr

        nu, z = self.freedom, (y - self.mean) / self.deviation
        if nu <= 1:
            return np.full(y.shape, np.inf)
        density = np.exp(-(nu + 1) / 2 * np.log1p(z**2 / nu) - betaln(0.5, nu / 2))
        density /= np.sqrt(nu)
        constant = np.exp(betaln(0.5, nu - 0.5) - 2 * betaln(0.5, nu / 2))
        score = z * (2 * stdtr(nu, z) - 1) + 2 * density * (nu + z**2) / (nu - 1)
        return self.deviation * (score - 2 * np.sqrt(nu) / (nu - 1) * constant)

    def interval(self, level: float) -> Interval:
        """Where it lies with probability ``level``.

        Raises:
          ValueError: ``level`` is not between 0 and 1.
        """
        from scipy.special import stdtrit  # comes with JAX; only needed here

        check_number("level", level, above=0, below=1)
        half = stdtrit(self.freedom, (1 + level) / 2) * self.deviation
        return Interval(self.mean, self.mean - half, self.mean + half)


def predictive(
    network: Network,
    params: PyTree,
    noise: Noise,
    z: Float[np.ndarray, "n inputs"],
    method: Method = "linearized",
    *,
    new: bool = True,
) -> Predictive:
    """What a network, or a committee, and its noise say of a new y at each row z.

    Or, if not ``new``, of the mean of many. See `linearized` and `spread`.
    """
    if method not in ("linearized", "starts"):
        told = f"method={method!r} must be 'linearized', 'starts' or 'cv+'."
        raise ValueError(told)
    of = linearized if method == "linearized" else spread
    return of(*members_of(network, params), noise, z, new=new)


def linearized(
    network: Network,
    params: PyTree,
    noise: Noise,
    z: Float[np.ndarray, "n inputs"],
    *,
    new: bool = True,
) -> Predictive:
    """A new y, from the curvature of J: the delta method.

    ::

        ŷ ± t σ √(1 + gᵀ (AᵀA + λ I_w)⁻¹ g),     g = ∂ŷ/∂θ,   A = ∂r/∂θ
        σ² = Σ s r² / (N - γ),   γ = tr (AᵀA + λ I_w)⁻¹ AᵀA

    with t the quantile of Student's distribution for N - γ degrees of freedom. For a
    linear network without penalty it is the textbook's interval, and exact. A parameter
    that a bound holds counts as known.

    Of a committee it is that of the mixture: around the mean of ŷ, with the mean of
    the members' variances and the variance of their ŷ in place of σ²(1 + …), so that it
    knows of as many minima as there are members.

    ``params`` and ``noise`` have a leading axis of members. If not ``new``, the bounds
    are those of the mean of y, without the 1 under the root. Where the noise depends on
    the inputs, it is v(x) in place of the 1.

    Source: Bates & Watts, *Nonlinear Regression Analysis*, section 2.3; MacKay,
    "A practical Bayesian framework for backpropagation networks", 1992, for γ;
    Lakshminarayanan et al. (see `spread`), section 2.4, for the mixture.
    """
    known = functools.partial(_answers, network, params, noise)
    answers, own = over_rows(known, z).swapaxes(0, 1)
    level = new * levels(noise.trend, z)
    within = np.mean((level + own) * noise.deviation**2, axis=1)
    deviation = np.sqrt(within + answers.var(1))
    return Predictive(answers.mean(1), deviation, float(np.mean(noise.freedom)))


def spread(
    network: Network,
    params: PyTree,
    noise: Noise,
    z: Float[np.ndarray, "n inputs"],
    *,
    new: bool = True,
) -> Predictive:
    """A new y, from how far the starts lie apart: mean ± t √(σ² + their variance).

    It knows of other minima, but not of how well each is determined.

    Raises:
      ValueError: there is one start.

    Source: Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive
    uncertainty estimation using deep ensembles", 2017.
    """
    if len(jax.tree.leaves(params)[0]) < 2:
        raise ValueError(
            "method='starts' needs 2 starts at the least that came to about the same "
            "J, and here one network predicts; fit with more."
        )
    answers = over_rows(functools.partial(_all_outputs, network, params), z)
    within = new * np.mean(levels(noise.trend, z) * noise.deviation**2, axis=1)
    deviation = np.sqrt(within + answers.var(1, ddof=1))
    return Predictive(answers.mean(1), deviation, float(np.mean(noise.freedom)))


def doubt(
    network: Network, params: PyTree, noise: Noise, z: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, " n"]:
    """gᵀ (AᵀA + λ I_w)⁻¹ g of each row: the variance of ŷ, of one output, at σ = 1."""
    network, params = members_of(network, params)
    _, own = over_rows(functools.partial(_answers, network, params, noise), z).swapaxes(
        0, 1
    )
    return own.mean(1)[:, 0]


@jit
def _answers(
    network: Network, params: PyTree, noise: Noise, z: Float[Array, "n inputs"]
) -> Float[Array, "n 2 members outputs"]:
    """ŷ and gᵀ (LLᵀ)⁻¹ g for each row, member and output."""

    def of_member(member: tuple[PyTree, Noise]) -> Array:
        params, noise = member
        theta, unravel = ravel_pytree(params)

        def answer(theta: Array, z: Array) -> Array:
            return jnp.ravel(network.apply(unravel(theta), z))

        def one(z: Array) -> Array:
            of_free = jax.jacrev(answer)(theta, z).T * noise.is_free[:, None]
            half = solve_triangular(noise.factor, of_free, lower=True)
            return jnp.stack([answer(theta, z), jnp.sum(half**2, axis=0)])

        return jax.vmap(one)(z)

    # One after the other: the slopes of all rows are many.
    return jnp.moveaxis(lax.map(of_member, (params, noise)), 0, 2)


@jit
def _all_outputs(
    network: Network, params: PyTree, z: Float[Array, "n inputs"]
) -> Float[Array, "n members outputs"]:
    of_member = jax.vmap(
        lambda params, z: jnp.ravel(network.apply(params, z)), (0, None)
    )
    return jax.vmap(of_member, (None, 0))(params, z)
