"""The secant method for minima, and its heirs for many parameters (page 10)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree

from nanonet._internal.checks import check_choice, check_number, check_parameters
from nanonet.rules._parts.rule import Number, rule

FORMS = ("long", "short")


class SecantState(NamedTuple):
    """State of `secant`."""

    params: PyTree  # θ of the last update
    gradient: PyTree  # ∇J there
    step_size: Float[Array, ""]  # α of the last update
    begun: Bool[Array, ""]  # whether there has been an update


@rule
def secant(
    learning_rate: Number = 0.01, *, form: str = "long", safeguard: bool = True
) -> optax.GradientTransformation:
    """The secant method on J′, and Barzilai and Borwein's step sizes.

    ::

        θ(t+1) = θ(t) - α ∇J,   s = Δθ,  y = Δ∇J

        α = s / y                        one parameter: J″ by differences of J′
        α = s·s / s·y                    form="long", Barzilai and Borwein's first
        α = s·y / y·y                    form="short", their second

    1/α is the number that best stands for H along the last step. Both forms are s/y for
    a single parameter; J may rise on the way.

    Args:
      learning_rate: α of the first step, before there is a difference.
      form: "long" or "short".
      safeguard: where s·y ≤ 0, where J curves down, go α = ‖s‖/‖y‖ downhill; without
        it α may be negative, and the method finds maxima and saddle points too.

    Raises:
      ValueError: the learning rate is not positive, or the form is unknown.

    Source: page 10 of the notes; Barzilai & Borwein, "Two-point step size gradient
    methods", 1988, equations 5 and 6.

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
    check_choice("form", form, FORMS)

    def init(params: PyTree) -> SecantState:
        check_parameters("params", params)
        zeros = optax.tree.zeros_like(params)
        first = jnp.asarray(learning_rate, _dot(zeros, zeros).dtype)
        return SecantState(zeros, zeros, first, jnp.bool_(False))

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, SecantState]:
        if params is None:
            raise ValueError("secant needs the parameters: update(gradient, state, θ).")
        s = jax.tree.map(jnp.subtract, params, state.params)
        y = jax.tree.map(jnp.subtract, updates, state.gradient)
        ss, sy, yy = _dot(s, s), _dot(s, y), _dot(y, y)
        long = form == "long"
        alpha = ss / sy if long else sy / yy
        if safeguard:
            alpha = jnp.where(sy > 0, alpha, jnp.sqrt(ss / yy))
        # After a step or a change of slope that is nothing, the last α goes on.
        known = state.begun & jnp.isfinite(alpha) & (alpha != 0)
        alpha = jnp.where(known, alpha, state.step_size)
        step = jax.tree.map(lambda g: -alpha.astype(g.dtype) * g, updates)
        return step, SecantState(params, updates, alpha, jnp.bool_(True))

    return optax.GradientTransformation(init, update)


def _dot(a: PyTree, b: PyTree) -> Float[Array, ""]:
    return jnp.real(jnp.asarray(optax.tree.vdot(a, b)))
