"""Update rules, one per file, each an optax transformation."""

from nanonet.rules.gradient_descent import gradient_descent

__all__ = ["gradient_descent"]
