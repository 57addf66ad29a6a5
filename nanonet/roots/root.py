"""Zeros of functions: Newton's method, the secant method and its heir (page 7)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Int, PyTree

from nanonet._internal.checks import (
    check_choice,
    check_count,
    check_finite,
    check_match,
    check_number,
    check_parameters,
    whole_as_floats,
)
from nanonet._internal.static import jit
from nanonet._internal.tracing import is_traced
from nanonet.objectives.given import given
from nanonet.roots.iteration import Run, Vector, search
from nanonet.roots.result import Root
from nanonet.solve.implicit import solution
from nanonet.solve.result import Status

Function = Callable[[PyTree], PyTree]

METHODS = ("newton", "secant", "broyden")


def root(
    f: Callable[..., Any],
    x0: PyTree,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    method: str = "newton",
    x1: PyTree | None = None,
    tol: float | Array | None = None,
    max_steps: int = 100,
) -> Root:
    """A zero of f, a value of x such that f(x) = 0.

    ::

        newton   x(t) = x(t-1) - f(x(t-1)) / f'(x(t-1))
        secant   the same, with (f(x(t-1)) - f(x(t-2))) / (x(t-1) - x(t-2)) for f'
        broyden  the secant method for systems

    f and x may be numbers, arrays or pytrees, real or complex, with as many equations
    as unknowns. Of several unknowns f' is the Jacobian, by automatic differentiation;
    Broyden's matrix B takes its place in the secant method, changed after each step Δx
    as little as makes B Δx = Δf::

        B ← B + (Δf - B Δx) Δxᴴ / (Δxᴴ Δx)

    The search stops where f is zero or where a step is short,
    ‖Δx‖ ≤ tol·max(‖x‖, min(‖x0‖, 1)), with ‖·‖ the largest absolute value; or where
    rounding lets ‖f‖ fall no further, with ‖Δx‖ below √tol on the same scale. What it
    found then counts as a root if ‖f‖ is less than half of what it is nearby.

    The only safeguard: a step to where f is not finite is halved until f is finite.

    Args:
      f: the function, f(x, *args) → as many numbers as x holds. The root has
        derivatives by ``args`` and by what f closes over, in forward and reverse mode,
        of any order, through the implicit function theorem. They mean something only
        where the search converged.
      x0: where to start. All is computed in its dtype.
      args: what ``f`` is given after x.
      has_aux: ``f`` returns a pair, f(x) and what goes into the result's ``aux``.
      method: ``"newton"``, ``"secant"`` or ``"broyden"``; the secant method of several
        unknowns is Broyden's.
      x1: a second start for the secant method. Without it, the first slope is a
        difference quotient over a step of √ε·x0 in each unknown (√ε where x0 is 0).
      tol: the relative length of a step at which to stop; 4ε by default, and ε, the
        dtype's precision, at the least.
      max_steps: steps at the most; x1 counts as the first.

    Returns:
      A `Root`; its ``status`` says why the search stopped. Its ``iterates`` are padded
      with NaN, to which ``jax_debug_nans`` objects where `jax.jit` returns them: return
      the rest.

    Raises:
      ValueError: f does not return as many numbers as x0 holds, a start is NaN,
        infinite or empty, x1 equals x0, is unlike it, or is given to Newton; tol or
        max_steps is negative; the method is unknown.
      TypeError: a start is not floating point, real and complex numbers are mixed, or
        max_steps is not a whole number.

    Source: page 7 of the notes; Dennis & Schnabel, *Numerical Methods for Unconstrained
    Optimization and Nonlinear Equations*, chapters 2, 5 and 8; for the derivatives,
    Griewank & Walther, *Evaluating Derivatives*, chapter 15.

    >>> result = root(lambda x: x**2 - 2, 1.0)
    >>> print(f"{result.x:.6f} {result.status}")
    1.414214 f is zero, or the steps became small by tol.
    >>> print(root(lambda x: x**3 - 2 * x + 2, 0.0).status)
    The iterates came back to where they had been: a cycle.
    >>> print(jax.grad(lambda a: root(lambda x: x**2 - a, 1.0).x)(4.0))
    0.25
    """
    f = given(f, args, has_aux=has_aux)
    check_choice("method", method, METHODS)
    if method == "newton" and x1 is not None:
        raise ValueError("x1 is a second start of the secant method; Newton takes one.")
    x0, x1 = whole_as_floats((x0, x1))
    _check_starts(x0, x1)
    _check_function(f, x0)
    if tol is not None:
        check_number("tol", tol, at_least=0)
    max_steps = check_count("max_steps", max_steps, at_least=1)
    result = _root(f, method == "newton", max_steps, x0, x1, tol, has_aux)
    with jax.debug_nans(False):  # these are meant
        iterates = _blank(result.iterates, result.steps)
    if not is_traced(result.status):
        result = dataclasses.replace(result, status=Status(int(result.status)))
    return dataclasses.replace(result, iterates=iterates)


@jit
def _root(
    f: Function,
    newton: bool,
    max_steps: int,
    x0: PyTree,
    x1: PyTree | None,
    tol: float | Array | None,
    has_aux: bool,
) -> Root:
    """`root` on flat vectors, with the implicit derivative around it."""
    x0 = _arrays(x0)
    start, unravel = ravel_pytree(x0)
    second = None if x1 is None else ravel_pytree(_arrays(x1))[0].astype(start.dtype)
    shapes = jax.eval_shape(f, x0)
    _, unravel_value = ravel_pytree(optax.tree.zeros_like(shapes, dtype=start.dtype))
    eps = jnp.finfo(start.dtype).eps
    least = jnp.asarray(4 * eps if tol is None else jnp.maximum(tol, eps), eps.dtype)

    def flat(x: Vector) -> Vector:
        return ravel_pytree(f(unravel(x)))[0].astype(x.dtype)

    def find(start: Vector) -> tuple[Vector, Run]:
        run = search(flat, start, second, newton=newton, max_steps=max_steps, tol=least)
        return run.best.x, run

    x, run = solution(flat, find, start)
    found: Any = unravel(x)
    return Root(
        x=found,
        value=unravel_value(run.best.f),
        steps=run.step.astype(jnp.int32),
        evaluations=run.evaluations.astype(jnp.int32),
        status=run.status.astype(jnp.int32),
        iterates=jax.vmap(unravel)(run.iterates),
        aux=f.aux(found) if has_aux else None,  # pyright: ignore
    )


@jax.jit
def _blank(iterates: PyTree, steps: Int[Array, ""]) -> PyTree:
    """NaN after the last of the iterates."""

    def blank(leaf: Array) -> Array:
        taken = jnp.expand_dims(
            jnp.arange(len(leaf), dtype=jnp.int32) <= steps, range(1, leaf.ndim)
        )
        return jnp.where(taken, leaf, jnp.nan)

    return jax.tree.map(blank, iterates)


def _arrays(tree: PyTree) -> PyTree[Array]:
    """Arrays of one dtype, none of it weak: the loop must keep its types."""
    dtype = jnp.result_type(*map(jnp.asarray, jax.tree.leaves(tree)))
    return jax.tree.map(
        lambda leaf: lax.convert_element_type(jnp.asarray(leaf), dtype), tree
    )


def _check_starts(x0: PyTree, x1: PyTree | None) -> None:
    starts = {"x0": x0} if x1 is None else {"x0": x0, "x1": x1}
    for name, start in starts.items():
        check_parameters(name, start)
        check_finite(name, start)
        if len({jnp.iscomplexobj(leaf) for leaf in jax.tree.leaves(start)}) == 2:
            raise TypeError(f"{name} mixes real and complex; make all of it complex.")
    if x1 is None:
        return
    check_match("x1", x1, "x0", x0)
    if is_traced(starts):
        return
    if all(jax.tree.leaves(jax.tree.map(np.array_equal, x0, x1))):
        raise ValueError(
            "x1 equals x0: a secant needs two different points; "
            "leave x1 out and one is made."
        )


def _check_function(f: Function, x0: PyTree) -> None:
    outputs, starts = jax.tree.leaves(jax.eval_shape(f, x0)), jax.tree.leaves(x0)
    equations, unknowns = (sum(map(np.size, leaves)) for leaves in (outputs, starts))
    if equations != unknowns:
        raise ValueError(
            f"f must return as many numbers as x0 holds, {unknowns}; "
            f"it returns {equations}."
        )
    kind = jnp.complexfloating if jnp.iscomplexobj(starts[0]) else jnp.floating
    for leaf in outputs:
        if not jnp.issubdtype(leaf.dtype, kind):
            raise TypeError(
                f"f must return {kind.__name__} numbers, as x0 is; "
                f"it returns {leaf.dtype}."
            )
