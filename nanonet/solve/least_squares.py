"""Least squares: the parameters that make residuals small, and how sure they are."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.derivatives import AsVector, ResidualFunction, jacobian
from nanonet.objectives.given import given
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Result


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class HalfSquare:
    """J = ½‖r‖², which knows its residuals; a pytree, as r may be."""

    residuals: ResidualFunction

    def __call__(self, params: PyTree) -> Float[Array, ""]:
        """J at ``params``."""
        r = self.residuals(params)
        return jnp.sum(r * r) / 2

    def aux(self, params: PyTree) -> Any:
        """What the residuals return beside themselves, with ``has_aux``."""
        return self.residuals.residuals.aux(params)  # pyright: ignore


def least_squares(
    residuals: Callable[..., Any],
    params: PyTree,
    rule: optax.GradientTransformation | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    max_steps: int = 1_000,
    gtol: float = 0.0,
    xtol: float = 0.0,
    ftol: float = 0.0,
    **options: Any,
) -> Result:
    """Minimise J(params) = ½‖r(params)‖².

    Args:
      residuals: r(params, *args) → an array.
      params: where to start.
      args: what ``residuals`` is given after the parameters.
      has_aux: ``residuals`` returns a pair, r and what goes into the result's ``aux``.
      rule: `levenberg_marquardt(geodesic=True)` by default; any other rule will do.
      max_steps: steps at the most.
      gtol: stop where ‖∇J‖₂ ≤ gtol. It and the next two are 0 by default: the run goes
        on until J cannot be made smaller in the parameters' precision.
      xtol: stop where ‖Δθ‖₂ < xtol (xtol + ‖θ‖₂).
      ftol: stop where |ΔJ| < ftol J.
      options: the rest of `minimize`'s.

    Raises:
      ValueError, TypeError: as `minimize`.

    >>> t = jnp.array([0.0, 1.0, 2.0, 3.0])
    >>> y = 3 * jnp.exp(-t / 2)
    >>> result = least_squares(lambda p: p["a"] * jnp.exp(-p["k"] * t) - y,
    ...                        {"a": 1.0, "k": 1.0})
    >>> print(f"{result.params['a']:.3f} {result.params['k']:.3f}")
    3.000 0.500
    """
    return minimize(
        HalfSquare(AsVector(given(residuals, args, has_aux=has_aux))),
        params,
        levenberg_marquardt(geodesic=True) if rule is None else rule,
        has_aux=has_aux,
        max_steps=max_steps,
        gtol=gtol,
        xtol=xtol,
        ftol=ftol,
        **options,
    )


def covariance(residuals: ResidualFunction, params: PyTree) -> Float[Array, "n n"]:
    """Covariance of the parameters at the solution of a least-squares problem.

    ::

        C = s² (AᵀA)⁻¹,   s² = ‖r‖² / (m - n),   A = ∂r/∂θ, [m, n]

    for independent errors of equal variance, in the order of
    `jax.flatten_util.ravel_pytree`; the roots of its diagonal are standard errors.
    Computed from A's singular values, not from AᵀA, which has half the digits.

    Raises:
      ValueError: there are no more residuals than parameters.

    Source: Bates & Watts, *Nonlinear Regression Analysis*, section 2.1.
    """
    r = jnp.ravel(residuals(params))
    A, _ = jacobian(residuals, params)
    m, n = A.shape
    if m <= n:
        raise ValueError(
            f"{m} residuals leave no degree of freedom to estimate the error of "
            f"{n} parameters."
        )
    _, sizes, vectors = jnp.linalg.svd(A, full_matrices=False)
    rows = vectors / sizes[:, None]
    return rows.T @ rows * (r @ r) / (m - n)
