"""How the level of the noise depends on the inputs, where it was asked for."""

import numpy as np
from jaxtyping import Array, Float


def levels(
    trend: Float[Array | np.ndarray, "members numbers"] | None,
    z: Float[np.ndarray, "n inputs"],
) -> Float[np.ndarray, "#n #members 1"]:
    """v(z), by which σ² is multiplied at each row; 1 without a trend.

    ::

        ln v = a + Σ bᵢ zᵢ + Σ cᵢ zᵢ²,   but no less than l, and no more than u

    ``trend``: a, b, c, l and u, end to end.

    Source: Harvey, "Estimating regression models with multiplicative
    heteroscedasticity", 1976.

    >>> print(levels(np.array([[0.0, 2.0, 0.0, -9.0, 3.0]]), np.array([[1.0], [4.0]])))
    [[[ 7.3890561 ]]
    <BLANKLINE>
     [[20.08553692]]]
    """
    if trend is None:
        return np.ones((1, 1, 1))
    known = np.asarray(trend)
    logs = quadratic(z) @ known[:, :-2].T
    low, high = known[:, -2], known[:, -1]
    return np.exp(np.clip(logs, low, high))[:, :, None]


def quadratic(z: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, "n numbers"]:
    """1, z and z²."""
    return np.hstack([np.ones((len(z), 1)), z, z**2])
