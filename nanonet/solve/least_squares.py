"""Least squares: the parameters that make residuals small, and how sure they are."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.checks import check_choice
from nanonet._internal.static import jit
from nanonet.objectives.as_vector import AsVector, ResidualFunction
from nanonet.objectives.bounded import Box, check_bounds
from nanonet.objectives.derivatives import jacobian
from nanonet.objectives.given import given
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Result

DERIVATIVES = ("exact", "gauss_newton")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class HalfSquare:
    """J = ½‖r‖², which knows its residuals; a pytree, as r may be."""

    residuals: ResidualFunction
    solution_derivatives: str = dataclasses.field(
        default="exact", metadata={"static": True}
    )

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
    bounds: tuple[Any, Any] | None = None,
    has_aux: bool = False,
    max_steps: int = 1_000,
    gtol: float = 0.0,
    xtol: float = 0.0,
    ftol: float = 0.0,
    derivatives: str = "exact",
    **options: Any,
) -> Result:
    """Minimise J(params) = ½‖r(params)‖².

    Args:
      residuals: r(params, *args) → an array.
      params: where to start.
      rule: `levenberg_marquardt(geodesic=True)` by default; any other rule will do.
      args: what ``residuals`` is given after the parameters.
      bounds: (lower, upper), as in `minimize`.
      has_aux: ``residuals`` returns a pair, r and what goes into the result's ``aux``.
      max_steps: steps at the most.
      gtol: stop where ‖∇J‖₂ ≤ gtol. It and the next two are 0 by default: the run goes
        on until J cannot be made smaller in the parameters' precision.
      xtol: stop where ‖Δθ‖₂ < xtol (xtol + ‖θ‖₂).
      ftol: stop where |ΔJ| < ftol J.
      derivatives: of the solution inside `jax.grad` and the like. "exact" is by the
        implicit function theorem, with H, the Hessian of J. With "gauss_newton" AᵀA,
        A = ∂r/∂θ, stands for H = AᵀA + Σ r ∇²r::

            dθ*/da = -(AᵀA)⁻¹ ∂(Aᵀr)/∂a

        It costs no second derivatives by θ, is never indefinite, and is exact where
        r = 0 at the solution; elsewhere as good as Gauss and Newton's step.
      options: the rest of `minimize`'s.

    Raises:
      ValueError, TypeError: as `minimize`; ``derivatives`` is unknown.

    Source: the default rule is Levenberg's and Marquardt's; see `levenberg_marquardt`.

    >>> t = jnp.array([0.0, 1.0, 2.0, 3.0])
    >>> y = 3 * jnp.exp(-t / 2)
    >>> result = least_squares(lambda p: p["a"] * jnp.exp(-p["k"] * t) - y,
    ...                        {"a": 1.0, "k": 1.0})
    >>> print(f"{result.params['a']:.3f} {result.params['k']:.3f}")
    3.000 0.500
    """
    check_choice("derivatives", derivatives, DERIVATIVES)
    function = AsVector(given(residuals, args, has_aux=has_aux))
    return minimize(
        HalfSquare(function, derivatives),
        params,
        levenberg_marquardt(geodesic=True) if rule is None else rule,
        bounds=bounds,
        has_aux=has_aux,
        max_steps=max_steps,
        gtol=gtol,
        xtol=xtol,
        ftol=ftol,
        **options,
    )


def covariance(
    residuals: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    bounds: tuple[Any, Any] | None = None,
    has_aux: bool = False,
) -> Float[Array, "n n"]:
    """Covariance of the parameters at the solution of a least-squares problem.

    ::

        C = s² (AᵀA)⁻¹,   s² = ‖r‖² / (m - n),   A = ∂r/∂θ, [m, n]

    for independent errors of equal variance, in the order of
    `jax.flatten_util.ravel_pytree`; the roots of its diagonal are standard errors.
    Computed from A's singular values, not from AᵀA, which has half the digits.

    A parameter at one of its ``bounds`` that J pushes against it counts as known: it is
    left out of A and n, and its row and column are 0. Where A has not full rank, what
    the data determine is given; the variance of the rest is infinite and its
    covariances, which no data tell, are NaN, with a warning.

    The residuals are given as to `least_squares`; of what ``has_aux`` makes them return
    beside, nothing is used.

    Raises:
      ValueError: there are no more residuals than parameters.

    Source: Bates & Watts, *Nonlinear Regression Analysis*, section 2.1.

    >>> line = lambda p, t, y: p[0] + p[1] * t - y
    >>> t, y = jnp.arange(4.0), jnp.array([0.0, 1.1, 1.9, 3.0])
    >>> C = covariance(line, jnp.array([0.03, 0.98]), args=(t, y))
    >>> print(jnp.sqrt(jnp.diag(C)).round(3))
    [0.079 0.042]
    """
    function = AsVector(given(residuals, args, has_aux=has_aux))
    A = jacobian(function, params).matrix
    r = _call(function, params)
    m, n = A.shape
    free = np.ones(n, bool)
    if bounds is not None:
        box = Box(*(ravel_pytree(b)[0] for b in check_bounds(bounds, params)))
        free = np.asarray(box.free(ravel_pytree(params)[0], A.T @ r))
    n = int(free.sum())
    if m <= n:
        raise ValueError(
            f"{m} residuals leave no degree of freedom to estimate the error of "
            f"{n} parameters."
        )
    C, known, open_ = _covariance(r, A, np.flatnonzero(free))
    if not np.all(known):
        warnings.warn(
            "The residuals do not determine all parameters: the variance of "
            f"{np.sum(open_)} of {n} is infinite.",
            RuntimeWarning,
            stacklevel=2,
        )
    return C


@jit
def _call(function: Callable, params: PyTree) -> Array:
    return function(params)


@jit
def _covariance(
    r: Float[Array, " m"], A: Float[Array, "m n"], free: Int[Any, " free"]
) -> tuple[Float[Array, "n n"], Bool[Array, " free"], Bool[Array, " free"]]:
    """C; of A's singular values which are not zero; and which variance is infinite."""
    m, n = A.shape[0], len(free)
    inverse, known, open_ = _inverse_of_square(A[:, free])
    C = jnp.zeros((A.shape[1],) * 2, A.dtype)
    C = C.at[free[:, None], free].set(inverse * (r @ r) / (m - n))
    return C, known, open_


def _inverse_of_square(A: Float[Array, "m n"]) -> tuple[Array, Array, Array]:
    """(AᵀA)⁻¹; infinite for the parameters that A does not determine."""
    _, sizes, vectors = jnp.linalg.svd(A, full_matrices=False)
    least = max(A.shape) * float(jnp.finfo(A.dtype).eps) * jnp.max(sizes, initial=0)
    known = sizes > least
    rows = jnp.where(known[:, None], vectors / jnp.where(known, sizes, 1)[:, None], 0)
    root_eps = float(jnp.finfo(A.dtype).eps) ** 0.5
    unseen = jnp.where(known[:, None], 0, vectors)
    open_ = jnp.max(jnp.abs(unseen), axis=0, initial=0) > root_eps
    either = open_[:, None] | open_[None, :]
    unknown = jnp.where(jnp.eye(len(open_), dtype=bool), jnp.inf, jnp.nan)
    return jnp.where(either, unknown, rows.T @ rows), known, open_
