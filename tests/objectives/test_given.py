"""Functions with args, and functions that return more than J, wherever one is given."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import count_compilations

import nanonet

START = {"a": 0.4, "b": 0.3}
T = np.linspace(0.0, 2.0, 6)
Y = 1.3 * np.exp(-0.8 * T) + 0.05 * np.cos(7 * T)


def residuals(params, t, y):
    return params["a"] * jnp.exp(-params["b"] * t) - y


def with_more(params, t, y):
    return residuals(params, t, y), {"fitted": residuals(params, t, 0 * y)}


def J(params, t, y):
    return jnp.sum(residuals(params, t, y) ** 2) / 2


def J_with_more(params, t, y):
    return J(params, t, y), "text that nobody differentiates"


def number(x, a, b):
    return x**2 - a * b


def number_with_more(x, a, b):
    return number(x, a, b), 10 * x


def spectrum(fun, params, **given):
    return nanonet.plot.spectrum(fun, params, **given).lines[0].get_ydata()


OF_J = {
    "gradient": nanonet.gradient,
    "value_and_gradient": nanonet.value_and_gradient,
    "hessian": nanonet.hessian,
    "hessian_vector_product": lambda fun, params, **given: (
        nanonet.hessian_vector_product(fun, params, {"a": 1.0, "b": -1.0}, **given)
    ),
    "stationary_point": nanonet.stationary_point,
    "minimize": lambda fun, params, **given: (
        nanonet.minimize(fun, params, **given).params
    ),
    "compare": lambda fun, params, **given: (
        nanonet.compare(fun, params, {"bfgs": nanonet.bfgs()}, **given)
        .results["bfgs"]
        .params
    ),
    "spectrum": spectrum,
}
OF_RESIDUALS = {
    "jacobian": nanonet.jacobian,
    "gauss_newton_matrix": nanonet.gauss_newton_matrix,
    "covariance": nanonet.covariance,
    "least_squares": lambda fun, params, **given: (
        nanonet.least_squares(fun, params, **given).params
    ),
}


def same(found, expected):
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        if not callable(one):
            np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.precision("x64", reason="it is about arguments")
@pytest.mark.parametrize("name", [*OF_J, *OF_RESIDUALS])
@pytest.mark.one_case
def test_args_and_what_is_returned_beside_are_no_other_function(name):
    call, fun, more = (
        (OF_J[name], J, J_with_more)
        if name in OF_J
        else (OF_RESIDUALS[name], residuals, with_more)
    )
    if name in ("minimize", "compare"):  # text is no output of what is compiled

        def more(params, t, y):
            return J(params, t, y), t

    expected = call(lambda params: fun(params, T, Y), START)
    same(call(fun, START, args=(T, Y)), expected)
    same(call(more, START, args=(T, Y), has_aux=True), expected)
    with pytest.raises(TypeError, match="args"):
        call(fun, START, args=T)


@pytest.mark.parametrize("name", [*OF_J, *OF_RESIDUALS])
def test_new_data_of_the_same_shape_compile_nothing(name):
    call, fun = (OF_J[name], J) if name in OF_J else (OF_RESIDUALS[name], residuals)
    t, later, y = (jnp.asarray(list(data)) for data in (T, T + 0.1, Y))
    call(fun, START, args=(t, y))
    with count_compilations() as compiled:
        call(fun, START, args=(later, y))
    assert compiled == []


def test_a_root_s_function_may_return_more():
    found = nanonet.root(number_with_more, 1.0, args=(2.0, 8.0), has_aux=True)
    np.testing.assert_allclose([found.x, found.aux], [4, 40], rtol=1e-6)
    assert nanonet.root(number, 1.0, args=(2.0, 8.0)).aux is None
    with count_compilations() as compiled:
        found = nanonet.root(number_with_more, 1.0, args=(3.0, 12.0), has_aux=True)
    assert compiled == []
    np.testing.assert_allclose(found.aux, 60, rtol=1e-6)

    def aux(a):
        return nanonet.root(number_with_more, 1.0, args=(a, 1.0), has_aux=True).aux

    np.testing.assert_allclose(jax.jit(jax.grad(aux))(4.0), 2.5, rtol=1e-6)


@pytest.mark.precision("x64", reason="it is about arguments")
def test_pictures_take_args():
    given = {"args": (2.0, 8.0), "has_aux": True}
    for method, draw in (
        ("newton", nanonet.plot.tangents),
        ("secant", nanonet.plot.secants),
    ):
        found = nanonet.root(number_with_more, 1.0, method=method, **given)
        plain = draw(lambda x: number(x, 2.0, 8.0), found)
        given_args = draw(number_with_more, found, **given)
        for one, other in zip(given_args.lines, plain.lines, strict=True):
            np.testing.assert_allclose(one.get_xydata(), other.get_xydata())
    run = nanonet.minimize(J, START, args=(T, Y), keep_params=True)
    plain = nanonet.plot.paths(lambda params: J(params, T, Y), run)
    more = nanonet.plot.paths(J_with_more, run, args=(T, Y), has_aux=True)
    heights = [ax.collections[0].get_array() for ax in (plain, more)]
    np.testing.assert_array_equal(*heights)
    frames = nanonet.plot.animate_paths(J, run, args=(T, Y), frames=1).frames
    assert len(frames) == 1


def of_p_alone(fun):
    @functools.wraps(fun)
    def wrapped(params):
        return fun(params, jnp.array(T.tolist()), jnp.array(Y.tolist()))

    return wrapped


class Static:
    """Of whose arguments Python 3.11 forgets the first."""

    __call__ = staticmethod(of_p_alone(J))


@pytest.mark.parametrize("make", [of_p_alone, lambda _: Static()])
def test_wrapped_functions_are_asked_for_their_own_arguments(make):
    slopes = nanonet.gradient(make(J), START)
    # Copies: JAX remembers in which precision it has met an array of NumPy.
    expected = nanonet.gradient(J, START, args=(T.copy(), Y.copy()))
    for name in START:
        np.testing.assert_allclose(slopes[name], expected[name], rtol=1e-5)
