"""What kind of stationary point a run has reached, from H's eigenvalues (page 8)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_number, check_untraced, whole_as_floats
from nanonet._internal.static import jit
from nanonet.objectives.derivatives import hessian, value_and_gradient
from nanonet.objectives.given import given
from nanonet.objectives.modes import ScalarFunction
from nanonet.solve.result import Reason


class Kind(Reason):
    """Kinds of stationary points; each member carries the sentence that says which.

    >>> print(Kind.SADDLE)
    A saddle point: J falls along some directions and rises along others.
    """

    MINIMUM = 0, "A local minimum: J rises along every direction."
    MAXIMUM = 1, "A local maximum: J falls along every direction."
    SADDLE = 2, "A saddle point: J falls along some directions and rises along others."
    DEGENERATE = (
        3,
        "Degenerate: along some directions J is flat to second order, and does not "
        "curve both ways along the rest; second derivatives do not tell what it is.",
    )
    NOT_STATIONARY = 4, "Not a stationary point: the slope is not zero here."
    NON_FINITE = 5, "J, its slope or its curvature is not finite here."


class StationaryPoint(NamedTuple):
    """What J is like at a point."""

    kind: Kind
    """Which kind of point it is."""

    eigenvalues: Float[Array, " n"]
    """Those of H, ascending."""

    gradient_norm: Float[Array, ""]
    """‖∇J‖₂."""

    tolerance: float
    """Eigenvalues this small cannot be told from 0."""

    distance: float
    """About how far the stationary point is, ‖H⁺∇J‖₂, by Newton's step."""


def stationary_point(
    fun: Callable[..., Any],
    params: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    gtol: float | None = None,
) -> StationaryPoint:
    """Tell a minimum of J from a maximum and from a saddle point.

    ::

        all eigenvalues of H > 0     minimum
        all < 0                      maximum
        some > 0, some < 0           saddle point
        else                         degenerate: some are 0, the rest of one sign

    An eigenvalue counts as 0 if it is no larger than n √ε max|λ|: H at a point where
    ∇J is only nearly 0 is not H at the stationary point itself, and a rounding of J's
    terms enters H. A saddle point needs two eigenvalues that are not 0, so that flat
    directions beside them leave it one.

    Args:
      fun: J(params, *args) → one real number.
      params: the point.
      args: what ``fun`` is given after the parameters.
      has_aux: ``fun`` returns a pair, of which the first is J.
      gtol: where ‖∇J‖₂ is larger, it is not stationary; √ε (1 + |J|) by default.

    Raises:
      ValueError, TypeError: as `hessian`.

    Source: page 8 of the notes; Nocedal & Wright, *Numerical Optimization*, theorems
    2.3 and 2.4.

    >>> print(stationary_point(lambda t: t[0] ** 2 - t[1] ** 2, jnp.zeros(2)).kind)
    A saddle point: J falls along some directions and rises along others.
    """
    if gtol is not None:
        check_number("gtol", gtol, at_least=0)
    J = given(fun, args, has_aux=has_aux)
    expansion = _expand(J, whole_as_floats(params))
    check_untraced("stationary_point", expansion)
    value, slope, H = jax.device_get(expansion)
    norm = np.linalg.norm(slope)
    root_eps = float(np.sqrt(jnp.finfo(H.dtype).eps))
    if not (np.isfinite(value) and np.isfinite(norm) and np.all(np.isfinite(H))):
        nowhere = jnp.full(len(H), jnp.nan, H.dtype)
        return StationaryPoint(
            Kind.NON_FINITE, nowhere, jnp.asarray(norm), np.nan, np.nan
        )
    # LAPACK has no half precision.
    eigenvalues, vectors = np.linalg.eigh(H.astype(jnp.promote_types(H.dtype, "f4")))
    tolerance = len(H) * root_eps * float(np.max(np.abs(eigenvalues)))
    curved = np.abs(eigenvalues) > tolerance
    along = vectors.T @ slope
    newton = along[curved] / eigenvalues[curved]
    bound = root_eps * (1 + abs(float(value))) if gtol is None else gtol
    return StationaryPoint(
        Kind.NOT_STATIONARY if norm > bound else _kind(eigenvalues, tolerance),
        jnp.asarray(eigenvalues, H.dtype),
        jnp.asarray(norm),
        tolerance,
        float(np.linalg.norm(newton)),
    )


@jit
def _expand(fun: ScalarFunction, params: PyTree) -> tuple[Array, Array, Array]:
    """J, ∇J as a vector, and H."""
    value, gradient = value_and_gradient(fun, params)
    return value, ravel_pytree(gradient)[0], hessian(fun, params).matrix


def _kind(eigenvalues: np.ndarray, tolerance: float) -> Kind:
    least, most = float(eigenvalues[0]), float(eigenvalues[-1])
    if least < -tolerance and most > tolerance:
        return Kind.SADDLE
    if least > tolerance:
        return Kind.MINIMUM
    if most < -tolerance:
        return Kind.MAXIMUM
    return Kind.DEGENERATE
