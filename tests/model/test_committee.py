"""Several networks as one."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from nanonet.explanation.explain import explain
from nanonet.model.committee import as_one, committee, members_of
from nanonet.network.network import Network, mlp

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("output", "inverse"),
    [("softmax", scipy.special.softmax), ("sigmoid", scipy.special.expit)],
)
@pytest.mark.one_case
def test_logits_are_those_of_the_mean(output, inverse):
    network = mlp([2, 3, 2], "tanh", output)
    several = committee(network, 4)
    params, x = several.init(KEY), jnp.array([0.3, -2.0])
    apply, logits = jax.jit(network.apply), jax.jit(several.logits)
    each = [
        apply(jax.tree.map(lambda leaf, i=i: np.asarray(leaf)[i], params), x)
        for i in range(4)
    ]
    assert np.ptp(each, 0).max() > 0.01
    np.testing.assert_allclose(jax.jit(several)(params, x), np.mean(each, 0), rtol=1e-5)
    z = np.asarray(logits(params, x))
    np.testing.assert_allclose(inverse(z), np.mean(each, 0), rtol=1e-5)
    far = jax.tree.map(lambda leaf: 300 * np.asarray(leaf), params)  # ŷ is 0 or 1
    assert np.isfinite(logits(far, x)).all()


def test_one_network_is_a_committee_of_one():
    network = mlp([2, 1])
    params = network.init(KEY)
    assert as_one(*members_of(network, params))[0] is network
    jax.tree.map(
        np.testing.assert_array_equal, as_one(*members_of(network, params))[1], params
    )
    several = committee(network, 2)
    assert as_one(*members_of(several, several.init(KEY)))[0] is several


def test_a_committee_is_known_again():
    several = committee(mlp([2, 1]), 2)
    assert pickle.loads(pickle.dumps(several)) is several
    assert repr(several) == "committee of 2: mlp 2-1, sigmoid, sigmoid"
    own = Network(lambda *, key, dtype=None: jax.random.normal(key, (2,)), jnp.dot)
    params = committee(own, 3).init(KEY)
    assert params.shape == (3, 2)
    assert committee(own, 3)(params, jnp.ones(2)).shape == ()
    assert committee(own, 3).logits is None
    with pytest.raises(ValueError, match="size=0 must be"):
        committee(own, 0)


def test_what_is_told_layer_by_layer_is_told_of_members():
    several = committee(mlp([2, 2, 1]), 2)
    params, x = several.init(KEY), jnp.ones(2)
    for tell in (several.trace, lambda *given: explain(several, *given, jnp.ones(1))):
        with pytest.raises(ValueError, match="ask one of its members"):
            tell(params, x)
