"""Any function, many times: `minimize` and `least_squares` of a million problems."""

from collections.abc import Callable
from typing import Any

import optax
from jax.sharding import Mesh
from jaxtyping import PyTree

from nanonet.many.fits import Fits
from nanonet.many.problems import read_problems
from nanonet.many.solve_many import solve_many
from nanonet.objectives.as_vector import AsVector
from nanonet.objectives.given import given
from nanonet.rules.bfgs import bfgs
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.solve.least_squares import HalfSquare
from nanonet.solve.minimize import tolerances_of


def minimize_many(
    fun: Callable[..., Any],
    params: PyTree,
    rule: optax.GradientTransformation | None = None,
    *,
    args: tuple[Any, ...] = (),
    in_axes: Any = 0,
    shape: tuple[int, ...] | None = None,
    bounds: tuple[Any, Any] | None = None,
    max_steps: int = 10_000,
    gtol: float | None = None,
    xtol: float = 0.0,
    ftol: float = 0.0,
    goal: float | None = None,
    record_every: int | None = None,
    mesh: Mesh | None = None,
    time_limit: float | None = None,
    resume: Fits | None = None,
    progress: bool = False,
) -> Fits:
    """Minimise many J of one form, each with its own data, as `minimize` does one.

    ::

        θᵢ(t+1) = θᵢ(t) + update(∇Jᵢ(θᵢ(t)))        Jᵢ(θ) = fun(θ, *argsᵢ)

    ``fun`` is written for one problem, of any pytrees, in JAX. By `scalarize` each
    problem is then one lane of the processor's vectors; a block of them stays in the
    fastest cache from start to end, and every core has its share of the blocks. The
    result for one problem does not depend, but for rounding, on the others.

    Args:
      fun: J(params, *args) → one real number.
      params: where to start: parameters with the problems' axis.
      rule: as for `minimize`. A hyperparameter of a rule of nanonet may be an array,
        one number for each problem.
      args: what ``fun`` is given after the parameters.
      in_axes: which axis of ``(params, *args)`` is that of the problems, as in
        `jax.vmap`: a number, or a tuple of numbers, None for what all share, and trees
        of these. ``in_axes=(None, 0)`` is one start for all. Plain numbers are shared.
      shape: of the problems, where they lie along several axes, which then begin at
        ``in_axes``: the pixels of an image are of ``shape=(height, width)``. By default
        they lie along one.
      bounds: as for `minimize`; arrays with the problems' axes first are each
        problem's own.
      max_steps: of each problem.
      gtol: a problem ends where ‖∇J‖₂ ≤ gtol, by default ε^(2/3) of J's dtype; within
        bounds, where that of θ - P(θ - ∇J) is.
      xtol: a problem ends where ‖Δθ‖₂ < xtol (xtol + ‖θ‖₂).
      ftol: a problem ends where |ΔJ| < ftol |J|.
      goal: a problem ends where J ≤ goal.
      record_every: keep J at the start and after every so many steps.
      mesh: of one axis, over which the problems are spread, in place of this CPU's
        cores or of all accelerators. With `jax.distributed`, over several hosts; each
        gets all results.
      time_limit: seconds, looked at about ten times a second.
      resume: what an earlier call with the same arguments returned before it came to
        all problems; those that it finished are not solved again.
      progress: show a progress bar, on a terminal.

    Returns:
      `Fits`, on the host, with the problems' axes first. After Ctrl-C or the time
      limit those that nobody came to say so in their status, and hold NaN. A problem
      that diverges has the status NON_FINITE, and the others do not notice.

    Raises:
      ValueError: there are no problems, or what is theirs has other axes; as
        `minimize`; the results are larger than the memory; the mesh has several axes.
      TypeError: as `minimize`; something is traced by `jax.jit` and the like.

    >>> import jax.numpy as jnp, numpy as np
    >>> def J(theta, x):
    ...     return jnp.mean((x - theta) ** 2)
    >>> x = np.arange(12.0).reshape(4, 3)
    >>> fits = minimize_many(J, np.zeros(4), args=(x,))
    >>> print(fits.params.round(3), fits.converged.all())
    [ 1.  4.  7. 10.] True
    """
    name = "minimize_many"
    rule = bfgs() if rule is None else rule
    problems = read_problems(
        name, given, fun, params, rule, args, in_axes, shape, bounds
    )
    return solve_many(
        name,
        problems,
        max_steps=max_steps,
        tolerances=tolerances_of(gtol=gtol, xtol=xtol, ftol=ftol, goal=goal),
        tests="step" if xtol or ftol else "point",
        record_every=record_every,
        mesh=mesh,
        time_limit=time_limit,
        resume=resume,
        progress=progress,
    )


def least_squares_many(
    residuals: Callable[..., Any],
    params: PyTree,
    rule: optax.GradientTransformation | None = None,
    *,
    args: tuple[Any, ...] = (),
    in_axes: Any = 0,
    shape: tuple[int, ...] | None = None,
    bounds: tuple[Any, Any] | None = None,
    max_steps: int = 1_000,
    gtol: float = 0.0,
    xtol: float = 0.0,
    ftol: float = 0.0,
    goal: float | None = None,
    **options: Any,
) -> Fits:
    """Minimise many Jᵢ(θ) = ½‖rᵢ(θ)‖², as `least_squares` does one.

    Args:
      residuals: r(params, *args) → an array, of one problem.
      params: where to start, with the problems' axis; ``in_axes=(None, 0)`` is one
        start for all.
      rule: `levenberg_marquardt` by default; any other rule will do.
      args: what ``residuals`` is given after the parameters.
      in_axes: as in `minimize_many`.
      shape: as there.
      bounds: as there.
      max_steps: of each problem.
      gtol: a problem ends where ‖∇J‖₂ ≤ gtol. It and the next two are 0 by default: it
        goes on until J cannot be made smaller in the parameters' precision.
      xtol: a problem ends where ‖Δθ‖₂ < xtol (xtol + ‖θ‖₂).
      ftol: a problem ends where |ΔJ| < ftol J.
      goal: a problem ends where J ≤ goal.
      options: the rest of `minimize_many`'s.

    Returns:
      `Fits`, with the ``covariance`` of each problem's parameters::

        C = s² (AᵀA)⁻¹,   s² = ‖r‖² / (m - n),   A = ∂r/∂θ, [m, n]

      as `nanonet.covariance` has it, 0 for parameters at a bound. It is infinite where
      the data do not determine all parameters, or there are none to spare.

    Raises:
      ValueError, TypeError: as `minimize_many`.

    Source: Bates & Watts, *Nonlinear Regression Analysis*, section 2.1.

    >>> import jax.numpy as jnp, numpy as np
    >>> def decay(theta, t, y):
    ...     return theta["a"] * jnp.exp(-theta["k"] * t) - y
    >>> t, a, k = np.linspace(0, 3, 8), np.array([1.0, 2.0]), np.array([0.5, 1.5])
    >>> y = a[:, None] * np.exp(-k[:, None] * t)
    >>> fits = least_squares_many(decay, {"a": 1.0, "k": 1.0}, args=(t, y),
    ...                           in_axes=(None, None, 0))
    >>> print(fits.params["k"].round(3))
    [0.5 1.5]
    """
    name = "least_squares_many"
    rule = levenberg_marquardt() if rule is None else rule
    problems = read_problems(
        name, _half_square, residuals, params, rule, args, in_axes, shape, bounds
    )
    return solve_many(
        name,
        problems,
        max_steps=max_steps,
        tolerances=tolerances_of(gtol=gtol, xtol=xtol, ftol=ftol, goal=goal),
        tests="step" if xtol or ftol else "point",
        covariance=True,
        **options,
    )


def _half_square(residuals: Any, args: Any) -> HalfSquare:
    return HalfSquare(AsVector(given(residuals, args)))
