"""The linear model of the same rows, its penalty by the same evidence."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import log_softmax, softmax  # comes with JAX

#: Of the penalty, beside the mean curvature of a weight: 8 to each factor of 10.
PENALTIES = np.logspace(-9, 6, 121)

#: Logistic regression solves for so many numbers at the most, in so many steps.
LARGEST, MAX_STEPS = 1_000, 100

#: Of a bias, whose prior is nearly flat; beside the weights' α.
FLAT = 1e-6


def ridge(
    x: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n outputs"],
    s: Float[np.ndarray, " n"],
    at: Float[np.ndarray, "rows inputs"],
    *,
    by: Float[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, "rows outputs"]:
    """Ridge regression of y on x, in rows that count s, and its answers at other rows.

    For each output the penalty λ is that of the largest evidence, on a fine grid::

        ŷ = ȳ + (x - x̄) V (D + λ)⁻¹ c,    XᵀX = V D Vᵀ,   c = VᵀXᵀy   (centered)
        ln p(y | λ) = ½ Σ ln λ/(d + λ) - ½ (N - 1) ln(yᵀy - Σ c²/(d + λ)) + …

    with the noise's variance at its best, and the bias integrated out. The evidence is
    that of rows which count ``by``, where that is given.

    Source: MacKay, "Bayesian interpolation", 1992; Bishop, *Pattern Recognition and
    Machine Learning*, section 3.5.

    >>> x = np.arange(5.0)[:, None]
    >>> print(ridge(x, 3 * x + 1, np.ones(5), np.array([[10.0]])).round(3))
    [[31.]]
    """
    penalty = _likeliest_penalties(x, y, s if by is None else by)
    middle, level, d, V, c, _ = _modes(x, y, s)
    return level + (at - middle) @ (V @ (c / (d[:, None] + penalty)))


class _Modes(NamedTuple):
    """Least squares of rows that count, along the axes of XᵀX."""

    middle: Float[np.ndarray, " inputs"]
    level: Float[np.ndarray, " outputs"]
    d: Float[np.ndarray, " inputs"]
    V: Float[np.ndarray, "inputs inputs"]
    c: Float[np.ndarray, "inputs outputs"]
    total: Float[np.ndarray, " outputs"]
    """yᵀy."""


def _modes(x: np.ndarray, y: np.ndarray, s: np.ndarray) -> _Modes:
    share = (s / s.sum())[:, None]
    middle, level = np.sum(share * x, axis=0), np.sum(share * y, axis=0)
    root = np.sqrt(s)[:, None]
    X, Y = root * (x - middle), root * (y - level)
    d, V = np.linalg.eigh(X.T @ X)
    c = V.T @ (X.T @ Y)
    return _Modes(middle, level, np.maximum(d, 0), V, c, np.sum(Y**2, axis=0))


def _likeliest_penalties(
    x: np.ndarray, y: np.ndarray, s: np.ndarray
) -> Float[np.ndarray, " outputs"]:
    """λ of each output, of the largest evidence."""
    _, _, d, _, c, totals = _modes(x, y, s)
    penalties = PENALTIES * (d.mean() or 1.0)
    curve = d[:, None] + penalties  # [inputs, penalties]
    occam = np.sum(np.log(penalties / curve), axis=0)
    found = np.empty(len(totals))
    for k, total in enumerate(totals):
        left = total - np.sum(c[:, k, None] ** 2 / curve, axis=0)
        left = np.maximum(left, np.finfo(float).eps * total + np.finfo(float).tiny)
        found[k] = penalties[np.argmax(occam - (s.sum() - 1) * np.log(left))]
    return found


def logistic(
    x: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n classes"],
    s: Float[np.ndarray, " n"],
    at: Float[np.ndarray, "rows inputs"],
) -> Float[np.ndarray, "rows classes"]:
    """Logistic regression of classes on x, and the probabilities at other rows.

    Newton's steps on Σ s ℓ + ½ α Σ w², each with the α that the last one leaves::

        α ← γ / Σ w²,    γ = Σ (1 - α (H⁻¹)ᵢᵢ) over the weights,   H: with the penalty

    Raises:
      ValueError: (inputs + 1) · classes is above 1,000.

    Source: MacKay, "The evidence framework applied to classification networks", 1992;
    Böhning, "Multinomial logistic regression algorithm", 1992, for the Hessian.
    """
    X = np.column_stack([x, np.ones(len(x))])
    p, k = X.shape[1], y.shape[1]
    if p * k > LARGEST:
        raise ValueError(
            f"logistic regression of {p - 1:,} numbers on {k:,} classes is too large."
        )
    is_weight = np.repeat(np.arange(p) < p - 1, k)
    theta, alpha = np.zeros(p * k), 1.0

    def error(theta: np.ndarray) -> float:
        logs = log_softmax(X @ theta.reshape(p, k), axis=1)
        return -np.sum(s[:, None] * y * logs) + np.sum(prior * theta**2) / 2

    for _ in range(MAX_STEPS):
        prior = alpha * np.where(is_weight, 1.0, FLAT)
        found = softmax(X @ theta.reshape(p, k), axis=1)
        slope = (X.T @ (s[:, None] * (found - y))).ravel() + prior * theta
        H = _hessian(X, found, s) + np.diag(prior)
        inverse = np.linalg.inv(H)
        step, before = inverse @ slope, error(theta)
        drop, length = slope @ step, 1.0
        while error(theta - length * step) > before - length * drop / 4:
            length /= 2
            if length < 1e-6:  # rounding alone is left
                length = 0.0
                break
        theta = theta - length * step
        weights = is_weight.sum() - alpha * np.diag(inverse)[is_weight].sum()
        # No weight at all, where the columns say nothing.
        size = max(float(np.sum(theta[is_weight] ** 2)), 1e-12 * len(theta))
        old, alpha = alpha, float(np.clip(weights / size, 1e-9, 1e9))
        if drop < 1e-8 * s.sum() and abs(np.log(alpha / old)) < 0.01:
            break
    ends = np.column_stack([at, np.ones(len(at))]) @ theta.reshape(p, k)
    return softmax(ends, axis=1)


def _hessian(
    X: Float[np.ndarray, "n p"],
    found: Float[np.ndarray, "n classes"],
    s: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "m m"]:
    """Σ s xxᵀ ⊗ (diag ŷ - ŷŷᵀ)."""
    p, k = X.shape[1], found.shape[1]
    H = np.empty((p, k, p, k))
    for a in range(k):
        for b in range(k):
            spread = s * found[:, a] * ((a == b) - found[:, b])
            H[:, a, :, b] = X.T @ (spread[:, None] * X)
    return H.reshape(p * k, p * k)
