import dataclasses
import functools
import pickle

import chex
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from helpers import XOR_X as X
from helpers import XOR_Y as Y
from jax.flatten_util import ravel_pytree

from nanonet.network.layers import Layer
from nanonet.network.network import Network, mlp, two_two_one
from nanonet.objectives.derivatives import jacobian
from nanonet.objectives.losses import (
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)
from nanonet.objectives.normal import normal_equations
from nanonet.objectives.objective import objective
from nanonet.objectives.penalty import l2_penalty
from nanonet.objectives.residuals import residuals

ONE_TO_ONE = (Layer(jnp.ones((1, 1), "float32"), jnp.zeros(1, "float32")),)


@jax.jit
def at(fun, params):
    """The value of an objective or residuals, in one program for all of its kind."""
    return fun(params)


@jax.jit
def value_and_slope(fun, params):
    return jax.value_and_grad(fun)(params)


@functools.partial(jax.jit, static_argnums=0)
def predicted(network, params, x):
    return jax.vmap(network.apply, (None, 0))(params, x)


def test_mean_and_sum_of_the_notes_error(key):
    network = two_two_one()
    params = network.init(key=key)
    predictions = np.array(predicted(network, params, X), float)
    errors = (predictions - Y) ** 2 / 2
    mean = objective(network, half_squared_error, X, Y)
    total = objective(network, half_squared_error, X, Y, reduction="sum")
    np.testing.assert_allclose(at(mean, params), errors.mean(), rtol=1e-6)
    np.testing.assert_allclose(at(total, params), errors.sum(), rtol=1e-6)
    np.testing.assert_allclose(
        at(objective(network, mean_squared_error, X, Y), params),
        2 * errors.mean(),
        rtol=1e-6,
    )


def test_one_example_as_on_page_2_of_the_notes(key):
    network = two_two_one()
    params = network.init(key=key)
    x, y = jnp.array([0.3, 0.7]), 0.25
    expected = (float(network.apply(params, x)) - y) ** 2 / 2
    J = objective(network, half_squared_error, x, y)
    np.testing.assert_allclose(J(params), expected, rtol=1e-5)


def test_half_squared_error_is_half_the_squared_norm_of_the_residuals(key):
    network = mlp([2, 3, 2])
    params = network.init(key=key)
    y = np.stack([Y, 1 - Y], 1)
    r = at(residuals(network, X, y), params)
    assert r.shape == (8,)
    J = objective(network, half_squared_error, X, y, reduction="sum")
    np.testing.assert_allclose(at(J, params), np.dot(r, r) / 2, rtol=1e-6)


@pytest.mark.parametrize("z", [-800.0, -90.0, -1.5, 0.0, 2.0, 40.0, 900.0])
@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_binary_cross_entropy_keeps_its_digits_where_the_sigmoid_saturates(z, y):
    J = objective(mlp([1, 1]), binary_cross_entropy, [[z]], [y])
    with mpmath.workdps(1000):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        exact = float(-(y * mpmath.log(p) + (1 - y) * mpmath.log(1 - p)))
    # One rounding of z's size may remain where y z cancels against softplus(z).
    value, [slope] = value_and_slope(J, ONE_TO_ONE)
    np.testing.assert_allclose(value, exact, rtol=1e-6, atol=1e-7 * abs(z))
    np.testing.assert_allclose(slope.b, [float(p - y)], rtol=1e-5, atol=1e-7)


def test_cross_entropy_keeps_its_digits_where_the_softmax_saturates():
    network = mlp([3, 3], output="softmax")
    params = (Layer(jnp.eye(3), jnp.zeros(3)),)
    J = objective(network, cross_entropy, [[1000.0, 0.0, -1000.0]], [[0.0, 1.0, 0.0]])
    value, [slope] = value_and_slope(J, params)
    np.testing.assert_allclose(value, 1000.0)
    assert np.isfinite(slope.w).all()


def test_cross_entropies_of_a_network_without_logits_are_the_textbook_s(key):
    sigmoid, softmax = mlp([2, 2]), mlp([2, 3], output="softmax")
    params, y = sigmoid.init(key=key), np.stack([Y, 0.25 + Y / 2], 1)
    bare = Network(sigmoid.init, sigmoid.apply)
    p = np.asarray(predicted(bare, params, X), np.float64)
    expected = -np.mean(np.sum(y * np.log(p) + (1 - y) * np.log(1 - p), 1))
    for network in (sigmoid, bare):
        J = objective(network, binary_cross_entropy, X, y)
        np.testing.assert_allclose(at(J, params), expected, rtol=1e-6)
    params, y = softmax.init(key=key), np.eye(3)[[0, 1, 2, 1]]
    bare = Network(softmax.init, softmax.apply)
    p = np.asarray(predicted(bare, params, X), np.float64)
    expected = -np.mean(np.log(p[y == 1]))
    for network in (softmax, bare):
        J = objective(network, cross_entropy, X, y)
        np.testing.assert_allclose(at(J, params), expected, rtol=1e-6)


def test_l2_penalty_leaves_biases_out(key):
    params = two_two_one().init(key=key)
    weights = np.array(params[:6], np.float64)
    np.testing.assert_allclose(l2_penalty(params), weights @ weights / 2, rtol=1e-6)
    layers = params.to_layers()
    np.testing.assert_allclose(l2_penalty(layers), weights @ weights / 2, rtol=1e-6)
    plain, decayed = (
        at(objective(two_two_one(), half_squared_error, X, Y, l2=l2), params)
        for l2 in (0.0, 0.5)
    )
    np.testing.assert_allclose(decayed - plain, weights @ weights / 4, rtol=1e-5)


def test_an_objective_is_a_pytree_of_its_numbers(key):
    network = two_two_one()
    params = network.init(key=key)
    traces = []

    @jax.jit
    def value(J, params):
        traces.append(J)
        return J(params)

    for x, l2 in ((X, 0.0), (X + 1, 0.0), (X, 0.1)):
        J = objective(network, half_squared_error, x, Y, l2=l2)
        np.testing.assert_allclose(value(J, params), J(params), rtol=1e-6)
    assert len(traces) == 1


def test_integer_data_becomes_floating_point(key, x64):
    J = objective(two_two_one(), half_squared_error, X.astype(int), Y.astype(bool))
    assert J.x.dtype == J.y.dtype == ("float64" if x64 else "float32")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": X[:3]}, ValueError, r"\(3, 2\).*\(4,\)"),
        ({"x": X[:, :1]}, ValueError, "2 inputs"),
        ({"y": np.stack([Y, Y], 1)}, ValueError, "1 outputs"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "no examples"),
        ({"x": X * 1j}, TypeError, "x has dtype complex"),
        ({"y": ["a", "b", "c", "d"]}, TypeError, "y has dtype <U1"),
        ({"reduction": "max"}, ValueError, "reduction='max'"),
        ({"l2": -0.1}, ValueError, "l2=-0.1"),
    ],
)
def test_bad_data_is_refused_before_tracing(change, error, message):
    arguments = {"x": X, "y": Y} | change
    with pytest.raises(error, match=message):
        objective(two_two_one(), half_squared_error, **arguments)


def test_targets_of_another_size_than_a_custom_network_s_outputs_are_refused():
    network = Network(lambda *, key: jnp.zeros(2), lambda params, x: x * params)
    J = objective(network, half_squared_error, X, Y)
    with pytest.raises(ValueError, match=r"y has shape \(4,\).*\(4, 2\)"):
        J(jnp.ones(2))


@pytest.mark.parametrize("loss", [half_squared_error, mean_squared_error])
@pytest.mark.one_case
def test_an_example_of_weight_two_counts_as_two(loss, key):
    network = mlp([2, 3, 2], "tanh", "identity")
    params = network.init(key=key)
    x, y = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    weighted = objective(network, loss, x, y, l2=0.1, sample_weight=[1, 2, 0])
    rows = np.array([0, 1, 1])
    repeated = at(objective(network, loss, x[rows], y[rows], l2=0.1), params)
    np.testing.assert_allclose(at(weighted, params), repeated, rtol=1e-6)
    r = np.asarray(at(weighted.residuals, params))
    np.testing.assert_allclose(r @ r / 2, repeated, rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"sample_weight has shape \(1,\); it must be \(2,\)"),
        ([1.0, -1.0], "sample_weight"),
        ([0, 0], "sample_weight is zero everywhere"),
    ],
)
def test_weights_that_weigh_nothing(weights, message):
    with pytest.raises(ValueError, match=message):
        objective(
            mlp([1, 1]),
            mean_squared_error,
            [[0.0], [1.0]],
            [0.0, 1.0],
            sample_weight=weights,
        )


def test_objective_takes_weights_by_their_old_name():
    with pytest.warns(DeprecationWarning, match="sample_weight"):
        J = objective(mlp([2, 1]), mean_squared_error, X, Y, weights=[1, 2, 0, 1])
    np.testing.assert_array_equal(J.sample_weight, [1, 2, 0, 1])


def test_objective_adds_up_a_loss_of_several_numbers(key):
    """A loss of shape [1] used to be multiplied by everyone's weights, [n, n]."""
    network = mlp([2, 3, 2], "tanh", "identity")
    params, y = network.init(key), np.stack([Y, 1 - Y], 1)
    s = [1.0, 0.0, 3.0, 0.5]
    for weights in (None, s):
        elementwise, whole = (
            objective(network, loss, X, y, sample_weight=weights)
            for loss in (lambda p, t: (p - t) ** 2 / 2, half_squared_error)
        )
        np.testing.assert_allclose(
            at(elementwise, params), at(whole, params), rtol=1e-6
        )
        assert jax.eval_shape(elementwise.losses, params).shape == (4,)
    errors = np.asarray(predicted(network, params, X))[:, 0] - Y
    one = Network(network.init, lambda params, x: network(params, x)[:1])
    J = objective(one, lambda p, t: (p - t) ** 2, X, Y, sample_weight=s)
    expected = np.average(errors**2, weights=s)
    np.testing.assert_allclose(at(J, params), expected, rtol=1e-5)


def test_objective_takes_the_usual_loss_where_none_is_given():
    for output, loss in (
        ("sigmoid", binary_cross_entropy),
        ("softmax", cross_entropy),
        ("identity", mean_squared_error),
    ):
        assert objective(mlp([2, 1], output=output), x=X, y=Y).loss is loss
    with pytest.raises(TypeError, match="objective needs x and y"):
        objective(mlp([2, 1]), half_squared_error)


@pytest.mark.precision("x64")
@pytest.mark.parametrize("n", [3, 8, 9, 24, 29])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_objective_in_chunks_is_the_same_number(n, weighted, reduction, key):
    rng = np.random.default_rng(n)
    x, y, s = rng.normal(size=(n, 2)), rng.uniform(size=n), rng.uniform(size=n)
    J = objective(
        mlp([2, 3, 1]),
        binary_cross_entropy,
        x,
        y,
        l2=0.1,
        reduction=reduction,
        sample_weight=s if weighted else None,
    )
    chunked, params = dataclasses.replace(J, chunk=8), mlp([2, 3, 1]).init(key)
    whole, parts = (value_and_slope(each, params) for each in (J, chunked))
    chex.assert_trees_all_close(whole, parts, rtol=1e-13, atol=1e-15)


@pytest.mark.precision("x64")
@pytest.mark.parametrize("promotion", ["standard", "strict"])
def test_objective_computes_in_the_dtype_of_its_parameters(promotion, key):
    network = mlp([2, 3, 1], "tanh", "identity")
    params = network.init(key, jnp.float32)
    with jax.numpy_dtype_promotion(promotion):
        J = objective(network, None, X, Y, l2=0.1, sample_weight=[1.0, 2, 3, 4])
        for fun in (J, J.residuals, J.residuals.jacobian):
            assert jax.eval_shape(fun, params).dtype == jnp.float32
        chex.assert_trees_all_equal_dtypes(jax.eval_shape(jax.grad(J), params), params)


@pytest.mark.precision("x64")
def test_residuals_take_weights_and_penalty_as_an_objective_does(key):
    network = mlp([2, 3, 1], "tanh", "identity")
    params, s = network.init(key), [1.0, 2.0, 0.0, 0.5]
    r = np.asarray(at(residuals(network, X, Y, sample_weight=s, l2=0.3), params))
    errors = np.asarray(predicted(network, params, X))[:, 0] - Y
    np.testing.assert_allclose(r[:4], np.sqrt(s) * errors, rtol=1e-12)
    np.testing.assert_allclose(r[4:] @ r[4:], 2 * 0.3 * l2_penalty(params), rtol=1e-12)
    with pytest.raises(ValueError, match="l2=-1"):
        residuals(network, X, Y, l2=-1.0)


def test_objective_and_residuals_can_be_pickled(key):
    network = mlp([2, 3, 1], "tanh", "identity")
    params, J = network.init(key), objective(network, None, X, Y, l2=0.5)
    again = pickle.loads(pickle.dumps(J))
    assert again.network is network
    assert again(params) == J(params)
    r = pickle.loads(pickle.dumps(J.residuals))
    np.testing.assert_array_equal(r(params), J.residuals(params))


def test_objective_prints_in_a_line():
    J = objective(mlp([2, 3, 1]), half_squared_error, X, Y, l2=0.5)
    assert repr(J) == (
        "Objective of mlp 2-3-1, sigmoid, sigmoid: "
        "mean half_squared_error, 4 examples, l2 = 0.5"
    )
    assert repr(residuals(two_two_one(), X, Y, sample_weight=[1, 2, 3, 4])) == (
        "Residuals of two_two_one 2-2-1, sigmoid, sigmoid: 4 examples, weighted"
    )


@pytest.mark.precision("x64")
def test_residuals_know_their_jacobian(x64, key):
    network = mlp([2, 3, 2], "tanh", "identity")
    params = network.init(key=key)
    x, y = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    r = objective(
        network, mean_squared_error, x, y, l2=0.1, sample_weight=[1, 2, 0]
    ).residuals
    one = residuals(two_two_one(), X, Y)

    @functools.partial(jax.jit, static_argnums=0)
    def both(derive, r, params):
        theta, unravel = ravel_pytree(params)
        return derive(r, params), jax.jacfwd(lambda theta: r(unravel(theta)))(theta)

    found, forward = both(lambda r, params: jacobian(r, params).matrix, r, params)
    np.testing.assert_allclose(found, forward, atol=1e-15)
    params = two_two_one().init(key=key)
    found, forward = both(lambda r, params: r.jacobian(params), one, params)
    np.testing.assert_allclose(found, forward, atol=1e-15)


@pytest.mark.precision("x64")
def test_normal_equations_are_those_of_the_whole_jacobian_block_by_block(
    key, monkeypatch
):
    network, rng = mlp([2, 3, 2], "tanh", "identity"), np.random.default_rng(0)
    x, y, s = rng.normal(size=(7, 2)), rng.normal(size=(7, 2)), np.arange(7.0)
    J = objective(network, half_squared_error, x, y, l2=0.1, sample_weight=s)
    params = network.init(key)

    def all_of(r, params):
        return r(params), r.jacobian(params), normal_equations(r, params)

    for rows in (3, 7):
        size = rows * 2 * 17 * 8  # outputs, parameters, bytes
        monkeypatch.setattr("nanonet.objectives.residuals.BYTES_PER_BLOCK", size)
        r, A, (value, slope, matrix) = jax.jit(all_of)(J.residuals, params)
        r, A = np.asarray(r), np.asarray(A)
        np.testing.assert_allclose(value, r @ r / 2, rtol=1e-13)
        np.testing.assert_allclose(slope, A.T @ r, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(matrix, A.T @ A, rtol=1e-12, atol=1e-14)


def test_normal_equations_of_a_million_rows_need_no_matrix_of_a_million_rows(key):
    network = mlp([2, 3, 1], "tanh", "identity")
    params, n = network.init(key), 1_000_000
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(params))
    data = (jax.ShapeDtypeStruct((n, k), params[0].w.dtype) for k in (2, 1))
    program = jax.jit(
        lambda params, x, y: normal_equations(residuals(network, x, y), params)
    )
    program = program.lower(params, *data).compile()
    assert program.memory_analysis().temp_size_in_bytes < n * size / 2


def test_a_loss_that_returns_a_list_is_named():
    J = objective(mlp([1, 1]), lambda p, t: [p, t], jnp.ones((3, 1)), jnp.zeros(3))
    with pytest.raises(TypeError, match="must return one number for each example"):
        J(mlp([1, 1]).init(jax.random.key(0)))
