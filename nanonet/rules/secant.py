"""The secant method for minima: Newton's, with J″ by differences of J′ (page 10)."""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree

from nanonet._internal.checks import check_choice, check_number
from nanonet.rules._parts.rule import Number, rule
from nanonet.rules.barzilai_borwein import barzilai_borwein

# What `barzilai_borwein` makes of the forms that `secant` had for many parameters.
OLD_FORMS = {"long": 1, "short": 2}


class SecantState(NamedTuple):
    """State of `secant`."""

    theta: Float[Array, ""]  # θ of the last update
    slope: Float[Array, ""]  # J′ there
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
    check_number("learning_rate", learning_rate, above=0)
    if form is not None:
        check_choice("form", form, OLD_FORMS)
        new = f"barzilai_borwein(variant={OLD_FORMS[form]})"
        warnings.warn(
            f"secant(form={form!r}) is now called {new}; the old name will go.",
            DeprecationWarning,
            stacklevel=3,
        )
        return barzilai_borwein(learning_rate, OLD_FORMS[form], safeguard=safeguard)

    def init(params: PyTree) -> SecantState:
        theta = _only_number(params)
        first = jnp.asarray(learning_rate, theta.dtype)
        nothing = jnp.zeros_like(theta)
        return SecantState(nothing, nothing, first, jnp.bool_(False))

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, SecantState]:
        if params is None:
            raise ValueError("secant needs the parameter: update(slope, state, θ).")
        theta, slope = _only_number(params), _only_number(updates)
        alpha = (theta - state.theta) / (slope - state.slope)
        if safeguard:
            alpha = jnp.abs(alpha)
        # After a step or a change of slope that is nothing, the last α goes on.
        known = state.begun & jnp.isfinite(alpha) & (alpha != 0)
        alpha = jnp.where(known, alpha, state.step_size)
        step = jax.tree.map(lambda slope: -alpha * slope, updates)
        return step, SecantState(theta, slope, alpha, jnp.bool_(True))

    return optax.GradientTransformation(init, update)


def _only_number(params: PyTree) -> Float[Array, ""]:
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(params)]
    count = sum(leaf.size for leaf in leaves)
    if count != 1 or any(map(jnp.iscomplexobj, leaves)):
        raise ValueError(
            f"secant is for a single real parameter, not for {count} or complex ones; "
            "barzilai_borwein and bfgs are its heirs for many."
        )
    (number,) = (leaf.reshape(()) for leaf in leaves if leaf.size)
    return number
