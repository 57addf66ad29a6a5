"""Classes: their Gauss–Newton matrix, and their evidence by Laplace's approximation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from helpers import ITS_OWN_PRECISION
from scipy.special import expit

from nanonet.fitting.deviance import DevianceResiduals, objective_for
from nanonet.fitting.fit import fit
from nanonet.network.network import mlp
from nanonet.objectives.losses import binary_cross_entropy, cross_entropy
from nanonet.objectives.normal import normal_equations

KEY = jax.random.key(0)


@pytest.mark.slow
@pytest.mark.precision("x64", reason="what is tested is exact but for rounding")
@pytest.mark.parametrize(
    ("output", "loss", "outputs"),
    [("softmax", cross_entropy, 3), ("sigmoid", binary_cross_entropy, 2)],
)
def test_the_normal_equations_of_classes(output, loss, outputs, monkeypatch):
    """∇J is autodiff's, and AᵀA the sum of Zᵀ Λ Z, written out."""
    monkeypatch.setattr("nanonet.objectives.residuals.BYTES_PER_BLOCK", 4000)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), np.eye(outputs)[rng.integers(0, outputs, 20)]
    s, l2 = rng.uniform(0.5, 2, 20), 0.3
    network = mlp([3, 4, outputs], "tanh", output)
    theta, unravel = jax.flatten_util.ravel_pytree(network.init(KEY))
    J = objective_for(network, loss, *map(jnp.asarray, (x, y, l2, s)))
    value, slope, matrix = normal_equations(J.residuals, unravel(theta))
    expected, gradient = jax.value_and_grad(lambda v: J(unravel(v)))(theta)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(slope, gradient, atol=1e-12)
    half = np.sum(np.square(J.residuals(unravel(theta)))) / 2
    np.testing.assert_allclose(half, expected, rtol=1e-12)
    sizes = [leaf.size for leaf in jax.tree.leaves(unravel(theta))]
    gram = np.diag(l2 * np.repeat([1.0, 0.0, 1.0, 0.0], sizes))  # w, b, w, b
    for row, weight in zip(jnp.asarray(x), s / s.sum(), strict=True):
        Z = jax.jacfwd(lambda v, row=row: network.logits(unravel(v), row))(theta)
        p = np.asarray(network.apply(unravel(theta), row))
        of_sigmoid = np.diag(p * (1 - p))
        fisher = of_sigmoid if output == "sigmoid" else np.diag(p) - np.outer(p, p)
        gram = gram + weight * np.asarray(Z).T @ fisher @ np.asarray(Z)
    np.testing.assert_allclose(matrix, gram, atol=1e-12)
    with pytest.raises(ValueError, match="has no Jacobian of residuals"):
        J.residuals.jacobian(unravel(theta))
    assert isinstance(J.residuals, DevianceResiduals)


def laplace(x, y, alpha):
    """Penalized logistic regression by scipy; ln p(y | α) and γ_w / 2 E_W beside it."""
    X = np.column_stack([x, np.ones(len(x))])
    is_weight = np.append(np.ones(x.shape[1]), 0.0)

    def energy(w):
        z = X @ w
        return np.sum(np.logaddexp(0, z) - y * z) + alpha / 2 * np.sum(is_weight * w**2)

    def slope(w):
        return X.T @ (expit(X @ w) - y) + alpha * is_weight * w

    found = scipy.optimize.minimize(energy, np.zeros(X.shape[1]), jac=slope, tol=1e-12)
    w = found.x
    p = expit(X @ w)
    G = X.T @ (X * (p * (1 - p))[:, None])
    inverse = np.linalg.inv(G + alpha * np.diag(is_weight))
    _, volume = np.linalg.slogdet(G + alpha * np.eye(len(w)))
    log_evidence = -energy(w) - volume / 2 + len(w) / 2 * np.log(alpha)
    lost = alpha * np.sum(is_weight * np.diag(inverse))
    new = (is_weight.sum() - lost) / np.sum(is_weight * w**2)
    return w, log_evidence, len(w) - lost, new


@ITS_OWN_PRECISION
def test_the_evidence_of_classes_is_laplace_s():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 3))
    y = rng.uniform(size=80) < expit(x @ [1.0, -0.5, 0.0] + 0.3)
    found = fit(
        mlp([3, 1]), x, y.astype(int), key=KEY, starts=1, ftol=0.0, standardize=False
    )
    alpha = 1.0
    for _ in range(200):  # MacKay's updates, to their end
        *_, alpha = laplace(x, y, alpha)
    evidence = found.evidence
    np.testing.assert_allclose(evidence.alpha, alpha, rtol=5e-3)
    w, log_evidence, gamma, _ = laplace(x, y, float(evidence.alpha))
    np.testing.assert_allclose(found.l2 * 80, evidence.alpha, rtol=1e-12)
    assert evidence.beta == 1
    np.testing.assert_allclose(evidence.effective_parameters, gamma, rtol=1e-6)
    np.testing.assert_allclose(evidence.log_evidence, log_evidence, atol=1e-6)
    p = expit(np.column_stack([x, np.ones(80)]) @ w)
    np.testing.assert_allclose(found.predict_probabilities(x)[:, 1], p, atol=1e-5)


def test_other_losses_have_no_evidence():
    x, y = np.eye(4), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="or the cross-entropy that goes with"):
        fit(
            mlp([4, 1], output="tanh"),
            x,
            y,
            key=KEY,
            loss=binary_cross_entropy,
            l2="evidence",
        )
