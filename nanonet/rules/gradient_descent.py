"""Gradient descent: θ ← θ - α ∇J (page 2 of the notes)."""

import optax

from nanonet.rules._parts.rule import LearningRate, check_learning_rate, rule


@rule
def gradient_descent(learning_rate: LearningRate) -> optax.GradientTransformation:
    """Gradient descent.

    ::

        w_new = w_old - α ∂J/∂w        for all parameters (w's and b's)

    Args:
      learning_rate: α, a number or an optax schedule, a function of the number of
        steps taken, which is 0 at the first step.

    Raises:
      ValueError: α is negative, infinite or NaN.

    Source: page 2 of the notes.

    >>> import jax.numpy as jnp
    >>> descent = gradient_descent(0.5)
    >>> theta = jnp.array([1.0, -2.0])
    >>> updates, state = descent.update(2 * theta, descent.init(theta), theta)
    >>> print(optax.apply_updates(theta, updates))
    [0. 0.]
    """
    check_learning_rate(learning_rate)
    return optax.scale_by_learning_rate(learning_rate)
