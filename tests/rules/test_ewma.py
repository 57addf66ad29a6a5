"""The EWMA against the notes, NumPy and pandas's definition."""

import jax.numpy as jnp
import numpy as np
import pytest

import nanonet


def tolerance(x64):
    return 1e-12 if x64 else 1e-6  # float32: a few roundings of 6e-8 a step, averaged


def test_the_worked_numbers():
    v = nanonet.ewma_of([10.0, 12.0], 0.9, debias=False)
    np.testing.assert_allclose(v, [1.0, 2.1], rtol=1e-6)
    v_hat = nanonet.ewma_of([10, 12], 0.9)  # whole numbers are data like any other
    np.testing.assert_allclose(v_hat, [10.0, 2.1 / 0.19], rtol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("shape", [(50,), (50, 2, 3)])
def test_ewma_of_is_the_recursion(beta, shape, x64):
    x = np.random.default_rng(0).normal(size=shape)
    v, expected, expected_hat = np.zeros(shape[1:]), [], []
    for t in range(1, 51):
        v = beta * v + (1 - beta) * x[t - 1]
        expected.append(v)
        expected_hat.append(v / (1 - beta**t))
    for debias, each in ((False, expected), (True, expected_hat)):
        np.testing.assert_allclose(
            nanonet.ewma_of(jnp.asarray(x), beta, debias),
            each,
            rtol=tolerance(x64),
            atol=tolerance(x64),
        )


def test_the_weights_are_the_expansion_of_the_notes(x64):
    beta, x = 0.9, np.array([3.0, -1.0, 4.0, 1.5])
    weights = nanonet.ewma_weights(beta, 4)
    np.testing.assert_allclose(
        weights,
        [beta**3 * (1 - beta), beta**2 * (1 - beta), beta * (1 - beta), 1 - beta],
        rtol=tolerance(x64),
    )
    corrected = nanonet.ewma_weights(beta, 4, debias=True)
    assert float(jnp.sum(corrected)) == pytest.approx(1.0, rel=tolerance(x64))
    for weight, debias in ((weights, False), (corrected, True)):
        np.testing.assert_allclose(
            nanonet.ewma_of(x, beta, debias)[-1], weight @ x, rtol=tolerance(x64)
        )


@pytest.mark.parametrize("beta", [0.9, 0.999, 0.9999])
def test_the_carried_weight_is_1_minus_a_power(beta, x64):
    rule = nanonet.ewma(beta)
    state = rule.init(0.0)
    for t in range(1, 31):
        v_hat, state = rule.update(7.0, state)
        # In float64 1 - βᵗ is good to 1e-16/(1-β); in float32, where the power is off
        # by 6e-8/(1-β), the carried weight is good to a few roundings.
        assert float(state.weight) == pytest.approx(
            1 - beta**t, rel=1e-11 if x64 else 1e-6
        )
        assert float(v_hat) == pytest.approx(7.0, rel=1e-14 if x64 else 1e-6)


def test_an_empty_sequence_has_an_empty_average():
    assert nanonet.ewma_of(jnp.zeros((0, 3)), 0.9).shape == (0, 3)
