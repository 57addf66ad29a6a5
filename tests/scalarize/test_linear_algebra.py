"""Unrolled factorisations, against NumPy's and SciPy's in float64."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax import lax

from nanonet.scalarize.transform import scalarize

SIZES = [1, 2, 4]  # compiled without a loop: n = 5 takes twice as long


def matrix(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n))


def definite(n):
    A = matrix(n)
    return A @ A.T + np.eye(n)


def close(actual, desired):
    # Condition numbers here are below 1e3, so that float32 (eps 1.2e-7) keeps 3 digits.
    rtol = 1e-3 if jnp.result_type(actual) == np.float32 else 1e-10
    np.testing.assert_allclose(actual, desired, rtol=rtol, atol=rtol)


def run(fun, *args):
    """``fun``, scalarised, and sure to call no library on matrices."""
    args = [jnp.asarray(arg, float) for arg in args]
    program = str(jax.make_jaxpr(scalarize(fun))(*args))
    assert not re.search(r"= (cholesky|lu|triangular_solve)[ \[]", program)
    return jax.jit(scalarize(fun))(*args)


@pytest.mark.parametrize("n", SIZES)
def test_cholesky(n):
    close(run(jnp.linalg.cholesky, definite(n)), np.linalg.cholesky(definite(n)))


def test_cholesky_of_what_is_not_positive_definite():
    A = np.array([[1.0, 2.0], [2.0, 1.0]])
    L = run(lambda A: lax.linalg.cholesky(A), A)
    np.testing.assert_array_equal(L, [[np.nan, 0], [np.nan, np.nan]])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.one_case
def test_solves(n):
    A, b = matrix(n), matrix(n, 1)[0]
    close(run(jnp.linalg.solve, A, b), np.linalg.solve(A, b))
    close(run(jnp.linalg.inv, A), np.linalg.inv(A))
    close(run(jnp.linalg.det, A), np.linalg.det(A))

    def cho_solve(A, b):
        return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(A), b)

    close(run(cho_solve, definite(n), b), np.linalg.solve(definite(n), b))

    def lu_solve(A, b):
        return jax.scipy.linalg.lu_solve(jax.scipy.linalg.lu_factor(A), b)

    close(run(lu_solve, A, b), np.linalg.solve(A, b))


def test_lu_pivots():
    A = np.array([[0.0, 2.0, 1.0], [4.0, 1.0, 0.5], [-4.0, 3.0, 2.0]])
    LU, pivots = run(jax.scipy.linalg.lu_factor, A)
    desired, desired_pivots = scipy.linalg.lu_factor(A)
    close(LU, desired)
    np.testing.assert_array_equal(pivots, desired_pivots)


@pytest.mark.parametrize("shape", [(2, 4), (4, 2)])
def test_lu_of_what_is_not_square(shape):
    A = np.random.default_rng(0).normal(size=shape)
    LU, _, permutation = run(lax.linalg.lu, A)
    k = min(shape)
    L = np.tril(LU, -1)[:, :k] + np.eye(shape[0], k)
    close(jnp.asarray(L @ np.triu(LU)[:k], LU.dtype), A[permutation])


def test_singular_matrix_gives_what_it_gives_plainly():
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    LU, pivots, _ = run(lax.linalg.lu, A)
    np.testing.assert_array_equal(LU, [[2, 4], [0.5, 0]])
    np.testing.assert_array_equal(pivots, [1, 1])
    assert not np.isfinite(run(jnp.linalg.solve, A, np.ones(2))).any()


FLAGS = list(itertools.product([False, True], repeat=4))


@pytest.mark.parametrize(("left", "lower", "transposed", "unit"), FLAGS)
def test_triangular_solve(left, lower, transposed, unit):
    A = matrix(4) + 3 * np.eye(4)
    B = np.random.default_rng(1).normal(size=(4, 3) if left else (3, 4))

    def fun(A, B):
        return lax.linalg.triangular_solve(
            A,
            B,
            left_side=left,
            lower=lower,
            transpose_a=transposed,
            unit_diagonal=unit,
        )

    T = np.tril(A) if lower else np.triu(A)
    if unit:
        np.fill_diagonal(T, 1)
    T = T.T if transposed else T
    desired = np.linalg.solve(T, B) if left else np.linalg.solve(T.T, B.T).T
    close(run(fun, A, B), desired)


def test_stacks_of_matrices():
    A, b = np.stack([definite(3), 2 * definite(3)]), np.ones((2, 3, 1))
    close(run(jnp.linalg.cholesky, A), np.linalg.cholesky(A))
    close(run(jnp.linalg.solve, A, b), np.linalg.solve(A, b))


def test_gradient_through_a_solution():
    A, b = matrix(4), matrix(4, 1)[0]

    def fun(A):
        return jnp.sum(jnp.linalg.solve(A, jnp.asarray(b, A.dtype)))

    # d(1ᵀ A⁻¹ b)/dA = -A⁻ᵀ 1 bᵀ A⁻ᵀ
    desired = -np.outer(np.linalg.solve(A.T, np.ones(4)), np.linalg.solve(A, b))
    close(run(jax.grad(fun), A), desired)
    close(jax.jit(jax.grad(scalarize(fun)))(jnp.asarray(A, float)), desired)


def test_complex_matrices_are_left_to_xla():
    A = jnp.asarray(matrix(3) + 1j * matrix(3, 1), complex)
    b = jnp.ones(3, A.dtype)
    x = np.asarray(jax.jit(scalarize(jnp.linalg.solve))(A, b))
    close(abs(np.asarray(A) @ x - 1), np.zeros(3))
