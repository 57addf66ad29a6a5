import inspect
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import XOR_X

from nanonet.network.initializers import INITIALIZERS, nguyen_widrow
from nanonet.network.layers import Layer, sigmoid
from nanonet.network.network import Network, TwoTwoOne, mlp, two_two_one


def epsilon(array):
    return float(jnp.finfo(array.dtype).eps)


def test_two_two_one_computes_the_equations_of_the_notes(key):
    network = two_two_one()
    params = network.init(key=key)
    w1, w2, w3, w4, w5, w6, b3, b4, b5 = (float(leaf) for leaf in params)
    x1, x2 = 0.3, -1.2
    out_h1 = 1 / (1 + np.exp(-(x1 * w1 + x2 * w3 + b3)))
    out_h2 = 1 / (1 + np.exp(-(x1 * w2 + x2 * w4 + b4)))
    z_o1 = out_h1 * w5 + out_h2 * w6 + b5
    x = jnp.array([x1, x2])
    # A dozen roundings lie between the two computations.
    tolerance = 12 * epsilon(x)
    np.testing.assert_allclose(network.logits(params, x), z_o1, rtol=tolerance)
    np.testing.assert_allclose(
        network.apply(params, x), 1 / (1 + np.exp(-z_o1)), rtol=tolerance
    )


def test_two_two_one_and_mlp_agree_to_the_last_bits(key):
    one, layered = two_two_one(), mlp([2, 2, 1])
    for k in jax.random.split(key, 20):
        params = one.init(key=k)
        predicted = jax.vmap(one.apply, (None, 0))(params, XOR_X)
        again = jax.vmap(layered.apply, (None, 0))(params.to_layers(), XOR_X)[:, 0]
        # A dot product may fuse its multiplication and addition, scalars may not.
        np.testing.assert_array_max_ulp(predicted, again, maxulp=4)


def test_layers_and_named_scalars_are_two_views_of_the_same_parameters(key):
    params = two_two_one().init(key=key)
    assert TwoTwoOne.from_layers(params.to_layers()) == params
    first, second = params.to_layers()
    np.testing.assert_array_equal(
        first.w, [[params.w1, params.w2], [params.w3, params.w4]]
    )
    np.testing.assert_array_equal(first.b, [params.b3, params.b4])
    np.testing.assert_array_equal(second.w, [[params.w5], [params.w6]])


def test_mlp_matches_the_3_2_1_network_checked_by_hand_in_scikit_learn():
    params = (
        Layer(jnp.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), jnp.array([0.1, 0.1])),
        Layer(jnp.array([[0.1], [0.2]]), jnp.array([1.0])),
    )
    x = jnp.array([0.6, 0.8, 0.7])
    hidden = mlp([3, 2]).apply(params[:1], x)
    # scikit-learn's comment carries the hidden units on with three digits.
    output = mlp([2, 1]).apply(params[1:], jnp.array([0.679, 0.574]))
    # scikit-learn prints fifteen digits; float32 keeps seven.
    tolerance = max(1e-15, 8 * epsilon(x))
    np.testing.assert_allclose(
        hidden, [0.679178699175393, 0.574442516811659], rtol=tolerance
    )
    np.testing.assert_allclose(output, [0.7654329236196236], rtol=tolerance)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("identity", lambda z: z),
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("tanh", np.tanh),
        ("relu", lambda z: np.maximum(z, 0)),
        ("softplus", lambda z: np.log1p(np.exp(z))),
        ("softmax", lambda z: np.exp(z) / np.exp(z).sum()),
    ],
)
def test_activations_by_name(name, f, key):
    z = jax.random.normal(key, (3,))
    layer = (Layer(jnp.eye(3), jnp.zeros(3)),)
    expected = f(np.asarray(z, np.float64))
    output = mlp([3, 3], output=name).apply(layer, z)
    np.testing.assert_allclose(output, expected, rtol=8 * epsilon(z))
    through_hidden = mlp([3, 3, 3], hidden=name, output="identity")
    np.testing.assert_allclose(
        through_hidden.apply(layer * 2, z), expected, rtol=8 * epsilon(z)
    )


def test_any_callable_is_an_activation():
    network = mlp([1, 1, 1], hidden=jnp.sin, output=jnp.square)
    layer = Layer(jnp.ones((1, 1)), jnp.ones(1))
    value = network.apply((layer, layer), jnp.array([0.5]))
    np.testing.assert_allclose(value, (np.sin(1.5) + 1) ** 2, rtol=1e-6)


@pytest.mark.parametrize("init", INITIALIZERS)
@pytest.mark.parametrize("make", [two_two_one, lambda init: mlp([3, 5, 2], init=init)])
@pytest.mark.one_case
def test_initialisation_is_deterministic_finite_and_of_the_dtype_asked_for(
    init, make, key, x64
):
    network = make(init=init)
    first, again = network.init(key=key), network.init(key=key)
    other = network.init(key=jax.random.key(1))
    leaves = jax.tree.leaves(first)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, first, again))
    assert not jax.tree.all(jax.tree.map(jnp.array_equal, first, other))
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    assert {leaf.dtype for leaf in leaves} == {
        jnp.dtype("float64" if x64 else "float32")
    }
    halves = jax.tree.leaves(network.init(key=key, dtype=jnp.float16))
    assert {leaf.dtype for leaf in halves} == {jnp.dtype("float16")}


@pytest.mark.precision("x64")
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (2, 2), (6, 3), (3, 40)])
@pytest.mark.one_case
def test_initial_weights_keep_their_scheme_s_bounds(n_in, n_out):
    key = jax.random.key(n_in + 100 * n_out)
    glorot = INITIALIZERS["glorot"](n_in, n_out, key=key, dtype=jnp.float32)
    assert jnp.abs(glorot.w).max() <= np.sqrt(6 / (n_in + n_out)) * (1 + 1e-6)
    assert not glorot.b.any()
    flat = INITIALIZERS["uniform"](n_in, n_out, key=key, dtype=jnp.float32)
    assert max(jnp.abs(flat.w).max(), jnp.abs(flat.b).max()) <= 1
    layer = nguyen_widrow(n_in, n_out, key=key, dtype=jnp.float32)
    s = 0.7 * n_out ** (1 / n_in)
    np.testing.assert_allclose(jnp.linalg.norm(layer.w, axis=0), s, rtol=1e-5)
    assert jnp.abs(layer.b).max() <= s


def test_normal_weights_have_mean_zero_and_variance_one(key):
    w = INITIALIZERS["normal"](100, 100, key=key, dtype=jnp.float32).w
    # Of 10,000 draws the mean's standard error is 0.01, the variance's 0.014.
    assert abs(w.mean()) < 0.05
    assert abs(w.var() - 1) < 0.07


def test_equal_arguments_give_the_same_network():
    assert mlp([2, 3, 1]) is mlp((2, 3, 1))
    assert two_two_one() is two_two_one()
    assert mlp([2, 3, 1]) is not mlp([2, 4, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mlp([3]), ValueError, r"sizes=\[3\]"),
        (lambda: mlp([3, 0]), ValueError, r"sizes\[1\]=0"),
        (lambda: mlp([3, 2.5]), TypeError, "sizes"),
        (lambda: mlp([1, 1], hidden="tahn"), ValueError, "did you mean 'tanh'"),
        (lambda: mlp([1, 1], output="sofmax"), ValueError, "output='sofmax'"),
        (lambda: mlp([1, 1], init="glorrot"), ValueError, "did you mean 'glorot'"),
        (lambda: two_two_one(init="norml"), ValueError, "did you mean 'normal'"),
    ],
)
def test_bad_architectures_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_networks_are_called_as_functions_and_start_from_a_key(key):
    for network in (mlp([2, 3, 1], "tanh"), two_two_one()):
        params = network.init(key)
        assert jax.tree.all(
            jax.tree.map(jnp.array_equal, params, network.init(key=key))
        )
        x = jnp.array([0.5, -1.0])
        np.testing.assert_array_equal(network(params, x), network.apply(params, x))


@pytest.mark.parametrize(
    "network",
    [
        two_two_one(),
        two_two_one(init="glorot"),
        mlp([2, 2, 1]),
        mlp([2, 3], sigmoid),
    ],
)
def test_pickled_networks_are_the_same_networks(network):
    assert pickle.loads(pickle.dumps(network)) is network


def test_networks_of_module_functions_are_pickled_by_their_names():
    network = Network(epsilon, np.dot)
    assert pickle.loads(pickle.dumps(network)) == network


def test_networks_print_in_a_line():
    assert repr(two_two_one()) == "two_two_one 2-2-1, sigmoid, sigmoid"
    assert repr(mlp([4, 8, 3], jnp.square, "softmax")) == "mlp 4-8-3, square, softmax"
    assert repr(Network(np.sum, np.dot)).startswith("Network(init=")


def test_outputs_may_see_the_inputs_too(key):
    network = mlp([3, 4, 2], "tanh", "sigmoid", skip=True)
    params, x = network.init(key), jnp.array([0.5, -1.0, 2.0])
    (w, b), (v, s, c) = jax.tree.map(lambda leaf: np.asarray(leaf, float), params)
    z = np.tanh(x @ w + b) @ v + x @ s + c
    np.testing.assert_allclose(network.logits(params, x), z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network(params, x), 1 / (1 + np.exp(-z)), rtol=1e-5)
    # Glorot and Bengio's bound, of all that an output unit sees.
    largest = max(np.abs(v).max(), np.abs(s).max())
    assert 0.5 < largest / np.sqrt(6 / (4 + 3 + 2)) <= 1
    assert pickle.loads(pickle.dumps(network)) is network
    assert network is not mlp([3, 4, 2], "tanh", "sigmoid")
    assert mlp([3, 2], skip=True) is mlp([3, 2])  # which sees nothing else


def test_trace_is_every_number_of_the_forward_pass(key):
    network = mlp([2, 3, 4, 1], "tanh", "sigmoid")
    params, x = network.init(key), np.array([0.5, -1.0])
    steps = network.trace(params, jnp.array(x))
    a = x
    for i, ((w, b), (z, out)) in enumerate(zip(params, steps, strict=True)):
        expected = a @ np.asarray(w, float) + np.asarray(b, float)
        a = np.tanh(expected) if i < 2 else 1 / (1 + np.exp(-expected))
        np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(out, a, rtol=1e-5, atol=1e-6)
    one = two_two_one()
    params = one.init(key)
    x = jnp.array(x)
    (z, _), (logit, out) = one.trace(params, x)
    np.testing.assert_allclose(
        z[0], x[0] * params.w1 + x[1] * params.w3 + params.b3, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(logit[0], one.logits(params, x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[0], one(params, x), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="no architecture"):
        Network(one.init, one.apply).trace(params, x)


@pytest.mark.precision("x64", reason="it is about words")
@pytest.mark.parametrize("sizes", [5, 5.0, None, "2-2-1"])
def test_sizes_that_are_none_are_told_what_would_be_right(sizes):
    unchecked = inspect.unwrap(mlp)  # as users call it, without the tests' type checks
    with pytest.raises(TypeError, match=r"the units of each layer, .* \[2, 2, 1\]"):
        unchecked(sizes)


def test_mistakes_are_refused_in_words():
    """Where no annotation is checked, as the tests have it."""
    program = """
import jax, jax.numpy as jnp, nanonet
network = nanonet.two_two_one()
for call in (
    lambda: network.init(key=0),
    lambda: network.apply(network.init(jax.random.key(0)), jnp.ones((4, 2))),
    lambda: nanonet.minimize(jnp.ones(2), jnp.sum),
):
    try:
        call()
    except (TypeError, ValueError) as error:
        print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    key, table, order = ran.stdout.splitlines()
    assert key == "key=0 must be a random key, as jax.random.key(0) is."
    assert table.startswith("x has shape (4, 2), and one example (2,); for the rows")
    assert order.endswith(
        "not a function; the function comes first, then its parameters."
    )


@pytest.mark.precision("x32", reason="only prints")
def test_the_notes_parameters_print_as_numbers():
    params = TwoTwoOne(*jnp.arange(9) / 8)
    assert repr(params) == (
        "TwoTwoOne(w1=0, w2=0.125, w3=0.25, w4=0.375, w5=0.5, w6=0.625, "
        "b3=0.75, b4=0.875, b5=1)"
    )
    several = params._replace(w1=jnp.ones(3), w2=1, w3=jax.ShapeDtypeStruct((), float))
    assert repr(several).startswith("TwoTwoOne(w1=float32[3], w2=1, w3=ShapeDtype")
    seen = []
    jax.eval_shape(lambda p: seen.append(repr(p)), params)
    assert "Tracer" in seen[0]
