"""Networks whose answer rises with an input, or falls, whatever the others are."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from helpers import ITS_OWN_PRECISION, count_compilations
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.estimator import NetClassifier
from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.monotone import monotone_bounds
from nanonet.network.network import Network, mlp, two_two_one
from nanonet.table.columns import Column

pytestmark = ITS_OWN_PRECISION

KEY = jax.random.key(0)
ACTIVATIONS = ["tanh", "sigmoid", "relu", "softplus", "identity"]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 5), min_size=0, max_size=3),
    activation=st.sampled_from(ACTIVATIONS),
    output=st.sampled_from([*ACTIVATIONS, "softmax"]),
    signs=st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=3),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_weights_of_these_signs_make_the_answer_rise(
    hidden, activation, output, signs, seed
):
    network = mlp([len(signs), *hidden, 2], activation, output, init="normal")
    columns = [Column(f"x{j}") for j in range(len(signs))]
    keys = jax.random.split(jax.random.key(seed), 2)
    with jax.enable_x64(True):
        params = network.init(key=keys[0])
        box = monotone_bounds(network, params, columns, signs)
        inside = box.mirrored(params)
        # Mirrored, not moved to 0: the sizes of the weights are what they were.
        jax.tree.map(
            lambda a, b: np.testing.assert_array_equal(abs(a), abs(b)), params, inside
        )
        x = 3 * jax.random.normal(keys[1], (20, len(signs)))
        slopes = jax.vmap(jax.jacrev(network.apply, 1), (None, 0))(inside, x)
        slopes = np.asarray(slopes)
    if output == "softmax":
        slopes = slopes[:, 1:]
    assert np.all(slopes * np.array(signs) >= 0)


UNITS = np.array([1.0, 1e3, 1e-3])


def waves(seed, rows=60):
    """A table where y rises with the third column, and with no other."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-2, 2, size=(rows, 3))
    y = np.sin(2 * u[:, :2]).sum(1) + u[:, 2] + 0.1 * rng.normal(size=rows)
    return u * UNITS, 1e6 * y


def least_rise(found, signs, seed, *, of=None):
    """The least difference of predictions that are to rise, at random rows."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, size=(300, 3)) * UNITS
    predict = found.predict if of is None else of
    least = np.inf
    for j in np.flatnonzero(signs):
        further = x.copy()
        further[:, j] += signs[j] * rng.uniform(0, 1, len(x)) * x[:, j].std()
        least = min(least, np.min(predict(further) - predict(x)))
    return least


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("activation", "rule"),
    [("tanh", None), ("relu", "lbfgs"), ("sigmoid", "adam"), ("softplus", "bfgs")],
)
@pytest.mark.one_case
def test_predictions_rise_as_asked(activation, rule, seed):
    x, y = waves(seed)
    network = mlp([3, 5, 1], activation, "identity")
    signs = [np.array([1, -1, 0]), np.array([0, 1, 1])][seed]
    how = dict(key=KEY, rule=rule, starts=2, l2=1e-3 if rule else None)
    found = fit(network, x, y, **how, monotone=signs)
    assert least_rise(found, signs, seed) >= -1e-9 * 1e6
    assert np.ptp(found.predict(x)) > 0.1 * np.ptp(y)  # it has learnt something
    free = fit(network, x, y, **how)
    assert least_rise(free, signs, seed) < -1e4
    # The bounds of weights that are given hold too, and are numbers like others.
    with count_compilations() as compiled:
        both = fit(network, x, y, **how, monotone=signs, bounds=(-0.5, 0.5))
    assert compiled == []
    assert least_rise(both, signs, seed) >= -1e-9 * 1e6
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(both.params)) <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [1, 2])
def test_of_two_classes_the_second_rises(outputs):
    x, y = waves(0)
    labels = np.where(y > np.median(y), "yes", "no")
    network = mlp([3, 4, outputs], "tanh", "sigmoid" if outputs == 1 else "softmax")
    how = dict(key=KEY, starts=1, rule="lbfgs", max_steps=100, l2=1e-3)
    found = fit(network, x, labels, **how, monotone={"x2": -1})
    signs = np.array([0, -1, 0])
    assert (
        least_rise(found, signs, 0, of=lambda x: found.predict_probabilities(x)[:, 1])
        >= -1e-12
    )
    free = fit(network, x, labels, **how)
    assert (
        least_rise(free, signs, 0, of=lambda x: free.predict_probabilities(x)[:, 1])
        < -0.01
    )


@pytest.mark.parametrize("in_parts", [False, True], ids=["fit", "partial_fit"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.one_case
def test_estimators_know_columns_by_name(in_parts):
    x, y = waves(1)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    labels = (y > np.median(y)).astype(int)
    signs = {"a": 1, "c": -1}

    def least(monotone):
        net = NetClassifier(
            (4,),
            starts=1,
            rule="adam",
            max_steps=200,
            random_state=0,
            monotone=monotone,
        )
        if in_parts:
            for _ in range(20):
                net.partial_fit(frame, labels, classes=[0, 1])
        else:
            net.fit(frame, labels)

        def predict(x):
            return net.predict_proba(pd.DataFrame(x, columns=["a", "b", "c"]))[:, 1]

        return least_rise(net, np.array([1, 0, -1]), 1, of=predict)

    assert least(signs) >= -1e-12
    assert least(None) < -0.01


def test_columns_of_a_table_by_name_beside_categories():
    x, y = waves(0)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["kind"] = np.where(np.arange(len(y)) % 3, "p", "q")
    frame["y"] = y
    how = dict(hidden=4, starts=1, rule="lbfgs", max_steps=50)
    found = fit_table(frame, "y", **how, monotone={"b": -1})

    def predict(x):
        rows = pd.DataFrame(x, columns=["a", "b", "c"])
        return found.predict(rows.assign(kind="q"))

    assert least_rise(found, np.array([0, -1, 0]), 0, of=predict) >= -1e-9 * 1e6
    for monotone in ({"kind": 1}, 1):
        with pytest.raises(ValueError, match="'kind' holds categories"):
            fit_table(frame, "y", **how, monotone=monotone)


def test_the_network_of_the_notes_can_be_monotone():
    network, columns = two_two_one(), (Column("x1"), Column("x2"))
    box = monotone_bounds(network, network.init(key=KEY), columns, [1, -1])
    assert (box.lower.w1, box.upper.w1) == (0, np.inf)  # x1 to h1, which rises
    assert (box.lower.w2, box.upper.w2) == (-np.inf, 0)  # x1 to h2, which falls
    assert (box.lower.w3, box.upper.w3) == (-np.inf, 0)
    assert (box.lower.w4, box.upper.w4) == (0, np.inf)
    assert (box.lower.w5, box.upper.w6) == (0, 0)
    assert (box.lower.b5, box.upper.b5) == (-np.inf, np.inf)


TWO = mlp([2, 2, 1], "tanh", "identity")


@pytest.mark.parametrize(
    ("network", "monotone", "message"),
    [
        (TWO, {"hight": 1}, "monotone='hight' is unknown; did you mean 'height'?"),
        (TWO, {2: 1}, "monotone=2 is unknown"),
        (TWO, {"age": 2}, "monotone of 'age' is 2; it must be +1"),
        (TWO, [1, 0, 0], "one for each of 2 columns"),
        (TWO, [1], "must be a number, or one for each of 2 columns"),
        (mlp([2, 2, 3], "tanh", "softmax"), 1, "of 3 classes none is the one"),
        (mlp([2, 2, 1], jnp.sin, "identity"), 1, "not known to rise everywhere"),
        (mlp([2, 2, 1], "softmax", "identity"), 1, "hidden='softmax' is not known"),
        (Network(TWO.init, TWO.apply), 1, "give the bounds of its weights"),
    ],
)
def test_what_cannot_be_monotone_is_said(network, monotone, message):
    columns = Column("age"), Column("height")
    with pytest.raises(ValueError, match=re.escape(message)):
        monotone_bounds(network, TWO.init(key=KEY), columns, monotone)
