import jax.numpy as jnp
import numpy as np

from nanonet.network import two_two_one

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def test_two_two_one_computes_the_equations_of_the_notes(key):
    network = two_two_one()
    params = network.init(key=key)
    w1, w2, w3, w4, w5, w6, b3, b4, b5 = (float(leaf) for leaf in params)
    x1, x2 = 0.3, -1.2
    h1 = 1 / (1 + np.exp(-(x1 * w1 + x2 * w3 + b3)))
    h2 = 1 / (1 + np.exp(-(x1 * w2 + x2 * w4 + b4)))
    y = 1 / (1 + np.exp(-(h1 * w5 + h2 * w6 + b5)))
    np.testing.assert_allclose(network.apply(params, jnp.array([x1, x2])), y, rtol=1e-6)
