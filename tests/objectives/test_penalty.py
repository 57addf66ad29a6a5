import jax
import numpy as np
import pytest

from nanonet.network.network import two_two_one
from nanonet.objectives.penalty import l2_penalty, weight_mask


@pytest.mark.parametrize("name", ["b", "bias", "b1", "b12"])
def test_l2_penalty_leaves_out_what_is_called_a_bias(name):
    params = {name: (np.ones(3),), "w": 2.0}
    np.testing.assert_allclose(l2_penalty(params), 2.0)
    assert weight_mask(params) == {name: (False,), "w": True}


@pytest.mark.parametrize("name", ["beta", "basis", "block", "B", "w", "b_"])
def test_l2_penalty_counts_names_that_only_begin_with_b(name):
    np.testing.assert_allclose(l2_penalty({name: np.full(2, 3.0)}), 9.0)


def test_weight_mask_of_the_notes_network(key):
    mask = weight_mask(two_two_one().init(key))
    assert jax.tree.leaves(mask) == [True] * 6 + [False] * 3
