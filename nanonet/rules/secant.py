"""The secant method for minima (page 10), and Barzilai and Borwein's heirs to it."""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree

from nanonet._internal.checks import check_choice, check_numbers, check_parameters
from nanonet.rules._parts.rule import Number, rule

# What `barzilai_borwein` makes of the forms that `secant` had for many parameters.
OLD_FORMS = {"long": 1, "short": 2}


class BarzilaiBorweinState(NamedTuple):
    """State of `barzilai_borwein` and `secant`."""

    params: PyTree  # θ of the last update
    gradient: PyTree  # ∇J there
    step_size: Float[Array, ""]  # α of the last update
    begun: Bool[Array, ""]  # whether there has been an update


@rule
def secant(
    learning_rate: Number = 0.01, *, safeguard: bool = True, form: str | None = None
) -> optax.GradientTransformation:
    """The secant method on J′, for a single parameter.

    ::

        θ(t+1) = θ(t) - α J′,    α = (θ(t) - θ(t-1)) / (J′(t) - J′(t-1)) ≈ 1/J″

    Args:
      learning_rate: α of the first step, before there is a difference.
      safeguard: where J curves down, and α is negative, go |α| downhill; without it the
        method is that of the notes, and finds maxima too.
      form: do not use; "long" or "short" is `barzilai_borwein` of variant 1 or 2.

    Raises:
      ValueError: the learning rate is not positive, or there are several parameters.

    Source: page 10 of the notes.

    >>> slope = lambda theta: 4 * (theta - 3)  # J = 2 (θ - 3)²
    >>> rule, theta = secant(0.1), jnp.array(5.0)
    >>> state = rule.init(theta)
    >>> for _ in range(2):
    ...     step, state = rule.update(slope(theta), state, theta)
    ...     theta = optax.apply_updates(theta, step)
    >>> print(theta)
    3.0
    """
    if form is not None:
        check_choice("form", form, OLD_FORMS)
        new = f"barzilai_borwein(variant={OLD_FORMS[form]})"
        warnings.warn(
            f"secant(form={form!r}) is now called {new}; the old name will go.",
            DeprecationWarning,
            stacklevel=3,
        )
        return barzilai_borwein(learning_rate, OLD_FORMS[form], safeguard=safeguard)

    rule = barzilai_borwein(learning_rate, safeguard=safeguard)

    def init(params: PyTree) -> Any:
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(params)]
        count = sum(leaf.size for leaf in leaves)
        if count != 1 or any(map(jnp.iscomplexobj, leaves)):
            raise ValueError(
                f"secant is for a single real parameter, not for {count} or complex "
                "ones; barzilai_borwein and bfgs are its heirs for many."
            )
        return rule.init(params)

    return optax.GradientTransformation(init, rule.update)


@rule
def barzilai_borwein(
    learning_rate: Number = 0.01, variant: int = 1, *, safeguard: bool = True
) -> optax.GradientTransformation:
    """Gradient descent with Barzilai and Borwein's step sizes.

    ::

        θ(t+1) = θ(t) - α ∇J,   s = Δθ,  y = Δ∇J

        α = s·s / s·y                    variant=1, the longer steps
        α = s·y / y·y                    variant=2, the shorter ones

    1/α is the number that best stands for H along the last step. For a single parameter
    both are s/y, which is `secant`. J may rise on the way.

    Args:
      learning_rate: α of the first step, before there is a difference.
      variant: 1 or 2, for the first or the second formula.
      safeguard: where s·y ≤ 0, where J curves down, go α = ‖s‖/‖y‖ downhill; without
        it α may be negative, and the method finds maxima and saddle points too.

    Raises:
      ValueError: the learning rate is not positive, or there is no such variant.

    Source: Barzilai & Borwein, "Two-point step size gradient methods", 1988, equations
    5 and 6.

    >>> slope = lambda theta: 4 * (theta - 3)  # J = 2 ‖θ - 3‖²
    >>> rule, theta = barzilai_borwein(0.1), jnp.array([5.0, 2.0])
    >>> state = rule.init(theta)
    >>> for _ in range(2):
    ...     step, state = rule.update(slope(theta), state, theta)
    ...     theta = optax.apply_updates(theta, step)
    >>> print(theta)
    [3. 3.]
    """
    check_numbers("learning_rate", learning_rate, above=0)
    if variant not in (1, 2):
        raise ValueError(f"variant={variant!r} must be 1 or 2.")

    def init(params: PyTree) -> BarzilaiBorweinState:
        check_parameters("params", params)
        zeros = optax.tree.zeros_like(params)
        first = jnp.asarray(learning_rate, _dot(zeros, zeros).dtype)
        return BarzilaiBorweinState(zeros, zeros, first, jnp.bool_(False))

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, BarzilaiBorweinState]:
        if params is None:
            raise ValueError(
                "The secant method needs the parameters: update(gradient, state, θ)."
            )
        s = jax.tree.map(jnp.subtract, params, state.params)
        y = jax.tree.map(jnp.subtract, updates, state.gradient)
        ss, sy, yy = _dot(s, s), _dot(s, y), _dot(y, y)
        alpha = ss / sy if variant == 1 else sy / yy
        if safeguard:
            alpha = jnp.where(sy > 0, alpha, jnp.sqrt(ss / yy))
        # After a step or a change of slope that is nothing, the last α goes on.
        known = state.begun & jnp.isfinite(alpha) & (alpha != 0)
        alpha = jnp.where(known, alpha, state.step_size)
        step = jax.tree.map(lambda g: -alpha.astype(g.dtype) * g, updates)
        return step, BarzilaiBorweinState(params, updates, alpha, jnp.bool_(True))

    return optax.GradientTransformation(init, update)


def _dot(a: PyTree, b: PyTree) -> Float[Array, ""]:
    return jnp.real(jnp.asarray(optax.tree.vdot(a, b)))
