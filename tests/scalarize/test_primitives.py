"""Every primitive with a rule, against the same function without the transformation."""

import functools

import jax
import jax.extend.core.primitives as primitive
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from nanonet.scalarize.arithmetic import OPERATORS, OTHERS
from nanonet.scalarize.control_flow import CONTROL_FLOW_RULES
from nanonet.scalarize.transform import RULES, scalarize

FILL, CLIP = lax.GatherScatterMode.FILL_OR_DROP, lax.GatherScatterMode.CLIP
settings.register_profile("few", deadline=None, max_examples=8, derandomize=True)
settings.load_profile("few")


def array(kind, *shape):
    """Positive, normal, integer, unsigned, boolean, complex, or positive definite."""
    rng = np.random.default_rng(sum(shape) + len(shape))
    normal = rng.normal(size=shape)
    match kind:
        case "p":
            return jnp.asarray(rng.uniform(0.1, 0.9, shape), float)
        case "n":
            return jnp.asarray(normal, float)
        case "i":
            return jnp.asarray(rng.integers(-5, 5, shape), int)
        case "u":
            return jnp.asarray(rng.integers(0, 5, shape), np.uint8)
        case "b":
            return jnp.asarray(rng.integers(0, 2, shape), bool)
        case "c":
            return jnp.asarray(normal + 1j * normal.T.reshape(shape), complex)
        case "s":
            return jnp.asarray(normal @ normal.T + np.eye(len(normal)), float)
    raise ValueError(kind)


def equations(jaxpr):
    """All equations, those of inner programs included."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for item in value if isinstance(value, tuple) else [value]:
                if hasattr(item, "eqns") or hasattr(item, "jaxpr"):
                    yield from equations(getattr(item, "jaxpr", item))


def array_primitives(fun, *args):
    """Names of the primitives that ``fun`` applies to anything but numbers."""
    jaxpr = jax.make_jaxpr(fun)(*args).jaxpr
    return {
        equation.primitive.name
        for equation in equations(jaxpr)
        if equation.primitive.name not in CONTROL_FLOW_RULES
        and any(atom.aval.shape for atom in [*equation.invars, *equation.outvars])
    }


def assert_same(fun, *args, **options):
    """``fun`` and its scalarised self agree: values, shapes, dtypes, weak types."""
    plain, scalarised = jax.jit(fun)(*args), jax.jit(scalarize(fun, **options))(*args)
    assert jax.tree.structure(plain) == jax.tree.structure(scalarised)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(scalarised), strict=True):
        assert (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type)
        # The order of a sum, and how XLA vectorises a function, change the last bits:
        # eps is 1.2e-7 in float32, and sums here have up to a dozen terms.
        single = a.dtype in (np.float32, np.complex64)
        rtol = 3e-6 if single else 1e-13
        np.testing.assert_allclose(b, a, rtol=rtol, atol=rtol)


UNARY = """abs acos acosh asin asinh atan atanh bessel_i0e bessel_i1e cbrt ceil cos cosh
digamma erf erf_inv erfc exp exp2 expm1 floor is_finite lgamma log log1p logistic neg
round rsqrt sign sin sinh sqrt square stop_gradient tan tanh"""
BINARY = "add atan2 div eq ge gt igamma igammac le lt max min mul ne nextafter pow"
INTEGER = "add bitwise_and bitwise_or bitwise_xor div eq lt max min mul rem sub"
SHIFT = "shift_left shift_right_arithmetic shift_right_logical"
COMPLEX = "abs conj cos exp imag log neg real sin sqrt tanh"

GATHER = lax.GatherDimensionNumbers((1,), (0,), (0,))
SCATTER = lax.ScatterDimensionNumbers((1,), (0,), (0,))
DOT = functools.partial(lax.dot_general, preferred_element_type=np.float32)


def scatter(method, mode):
    fun = getattr(lax, method)
    return lambda x, i, y: fun(x, i % 7 - 2, y, SCATTER, mode=mode)


def gather(mode):
    return lambda x, i: lax.gather(x, i % 7 - 2, GATHER, (1, 2), mode=mode)


def known(fun, *args):
    """``fun`` of its first argument, the others known while tracing."""
    return lambda x: fun(x, *map(np.asarray, args))


CASES = {
    **{f"{name}-p": (getattr(lax, name), ("p", 2, 3)) for name in UNARY.split()},
    **{
        f"{name}-n": (getattr(lax, name), ("n", 3), ("n", 3)) for name in BINARY.split()
    },
    **{
        f"{name}-i": (getattr(lax, name), ("i", 5), ("i", 5))
        for name in INTEGER.split()
    },
    **{f"{name}-u": (getattr(lax, name), ("u", 5), ("u", 5)) for name in SHIFT.split()},
    **{f"{name}-c": (getattr(lax, name), ("c", 2, 2)) for name in COMPLEX.split()},
    "mul-c": (lax.mul, ("c", 3), ("c", 3)),
    "div-c": (lax.div, ("c", 3), ("c", 3)),
    "complex": (lax.complex, ("n", 3), ("n", 3)),
    "not-b": (lax.bitwise_not, ("b", 4)),
    "not-i": (lax.bitwise_not, ("i", 4)),
    "and-b": (lax.bitwise_and, ("b", 4), ("b", 4)),
    "xor-b": (lax.bitwise_xor, ("b", 4), ("b", 4)),
    "population_count": (lax.population_count, ("u", 4)),
    "clz": (lax.clz, ("u", 4)),
    "clamp": (lambda x: lax.clamp(-0.5, x, 0.5), ("n", 5)),
    "clamp-each": (lax.clamp, ("p", 3), ("n", 3), ("p", 3)),
    "select": (lax.select_n, ("b", 4), ("n", 4), ("p", 4)),
    "select-three": (lambda i, *x: lax.select_n(i % 3, *x), *[("i", 4)] * 4),
    "select-scalar": (
        lambda b, x, y: lax.select_n(b[0], x, y),
        ("b", 1),
        *[("n", 4)] * 2,
    ),
    "integer_pow": (lambda x: (x**3, x**-2, lax.integer_pow(x, 5)), ("n", 4)),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 5, 3), ("n", 4)),
    "betainc": (lax.betainc, ("p", 3), ("p", 3), ("p", 3)),
    "polygamma": (lax.polygamma, ("p", 3), ("p", 3)),
    "zeta": (lambda x, q: lax.zeta(x + 1, q), ("p", 3), ("p", 3)),
    "igamma_grad_a": (lax.igamma_grad_a, ("p", 3), ("p", 3)),
    "eq_to": (primitive.eq_to_p.bind, ("n", 3), ("n", 3)),
    "le_to": (primitive.le_to_p.bind, ("n", 3), ("n", 3)),
    "lt_to": (primitive.lt_to_p.bind, ("n", 3), ("n", 3)),
    "add_any": (jax.grad(lambda x: jnp.sum(jnp.sin(x) * x)), ("n", 3)),
    "copy": (jnp.copy, ("n", 3)),
    "convert": (lambda x: (x.astype(int), x.astype(bool), x.astype(complex)), ("n", 5)),
    "convert-i": (lambda x: (x.astype(float), x.astype(np.uint8)), ("i", 5)),
    "convert-b": (lambda x: (x.astype(float), x.astype(int)), ("b", 5)),
    "half": (lambda x: (x.astype(jnp.bfloat16) * 3).astype(np.float16), ("n", 4)),
    "broadcast_in_dim": (lambda x: jnp.broadcast_to(x[:, None], (2, 3, 4)), ("n", 3)),
    "concatenate": (lambda *x: lax.concatenate(x, 1), ("n", 2, 3), ("n", 2, 1)),
    "iota": (lambda x: x + lax.broadcasted_iota(x.dtype, (2, 3), 1), ("n", 2, 3)),
    "pad": (lambda x: lax.pad(x, x[0, 0], ((1, -1, 2), (-2, 3, 1))), ("n", 3, 4)),
    "reshape": (lambda x: lax.reshape(x, (3, 4), (1, 0)), ("n", 2, 6)),
    "rev": (lambda x: lax.rev(x, (0, 2)), ("n", 2, 2, 3)),
    "slice": (lambda x: lax.slice(x, (1, 0), (4, 5), (2, 3)), ("n", 4, 5)),
    "split": (lambda x: lax.split(x, (1, 3, 2), 1), ("n", 2, 6)),
    "squeeze": (lambda x: lax.squeeze(x, (0, 2)), ("n", 1, 3, 1)),
    "stack": (lambda *x: jnp.stack(x, 1), ("n", 3), ("p", 3)),
    "tile": (lambda x: jnp.tile(x, (2, 3)), ("n", 2, 2)),
    "unstack": (lambda x: tuple(x), ("n", 3, 2)),
    "transpose": (lambda x: lax.transpose(x, (2, 0, 1)), ("n", 2, 3, 4)),
    "sum": (lambda x: jnp.sum(x, (0, 2)), ("n", 2, 3, 4)),
    "prod": (lambda x: jnp.prod(x), ("n", 2, 3)),
    "max-min": (lambda x: (jnp.max(x, 1), jnp.min(x, 0)), ("n", 2, 3)),
    "all-any": (lambda x: (jnp.all(x, 1), jnp.any(x, 0)), ("b", 2, 3)),
    "reduce_xor": (lambda x: primitive.reduce_xor_p.bind(x, axes=(0,)), ("i", 4, 2)),
    "argmax": (lambda x: (jnp.argmax(x, 1), jnp.argmin(x, 0)), ("i", 4, 5)),
    "argmax-nan": (lambda x: jnp.argmax(jnp.log(x), 1), ("n", 4, 5)),
    "argmin-nan": (lambda x: jnp.argmin(jnp.log(x), 1), ("n", 4, 5)),
    "cumsum": (lambda x: (lax.cumsum(x, 1), lax.cumsum(x, 0, True)), ("n", 3, 4)),
    "cumprod": (lambda x: lax.cumprod(x, 1, reverse=True), ("n", 3, 4)),
    "cummax": (lambda x: (lax.cummax(x, 1), lax.cummin(x, 0)), ("n", 3, 4)),
    "sort": (lambda x: jnp.sort(jnp.log(x), 0), ("n", 6, 2)),
    "sort-stable": (lambda x: lax.sort((x % 3, jnp.arange(9)), num_keys=1), ("i", 9)),
    "dot": (jnp.dot, ("n", 2, 3), ("n", 3, 4)),
    "dot-int": (lambda x, y: DOT(x, y, (((0,), (0,)), ((), ()))), ("u", 3), ("u", 3)),
    "gather-clip": (gather(CLIP), ("n", 4, 2), ("i", 3, 1)),
    "gather-fill": (gather(FILL), ("n", 4, 2), ("i", 3, 1)),
    "gather-fill-i": (gather(FILL), ("i", 4, 2), ("i", 3, 1)),
    "gather-known": (known(gather(FILL), [[1], [5], [3]]), ("n", 4, 2)),
    "row": (lambda x, i: (x[i[0]], x[:, i[1]], x[i[0], i[1]]), ("n", 3, 4), ("i", 2)),
    "rows": (lambda x: x[np.array([2, 0, 2])], ("n", 3, 4)),
    "diagonal": (jnp.diagonal, ("n", 3, 3)),
    "scatter-clip": (scatter("scatter", CLIP), ("n", 4, 2), ("i", 1, 1), ("n", 1, 2)),
    "scatter-drop": (scatter("scatter", FILL), ("n", 4, 2), ("i", 1, 1), ("n", 1, 2)),
    "scatter-add": (
        scatter("scatter_add", FILL),
        ("n", 4, 2),
        ("i", 3, 1),
        ("n", 3, 2),
    ),
    "scatter-mul": (
        scatter("scatter_mul", FILL),
        ("n", 4, 2),
        ("i", 3, 1),
        ("n", 3, 2),
    ),
    "scatter-max": (
        scatter("scatter_max", CLIP),
        ("n", 4, 2),
        ("i", 3, 1),
        ("n", 3, 2),
    ),
    "scatter-min": (
        scatter("scatter_min", CLIP),
        ("n", 4, 2),
        ("i", 3, 1),
        ("n", 3, 2),
    ),
    "at-set": (lambda x, y: x.at[1, :].set(y), ("n", 3, 2), ("n", 2)),
    "at-add": (lambda x, y: x.at[np.array([1, 1, 0])].add(y), ("n", 3), ("n", 3)),
    "dynamic_slice": (
        lambda x, i: lax.dynamic_slice(x, (i[0], 1), (2, 2)),
        ("n", 4, 3),
        ("i", 1),
    ),
    "dynamic_update_slice": (
        lambda x, y, i: lax.dynamic_update_slice(x, y, (i[0], 1)),
        ("n", 4, 3),
        ("n", 2, 2),
        ("i", 1),
    ),
    "cholesky": (lax.linalg.cholesky, ("s", 4, 4)),
    "triangular_solve": (
        functools.partial(lax.linalg.triangular_solve, left_side=True),
        ("s", 3, 3),
        ("n", 3, 2),
    ),
    "lu": (lambda x: lax.linalg.lu(x), ("n", 4, 4)),
    "permutation": (
        lambda x: lax.linalg.lu_pivots_to_permutation(
            jnp.clip(x.astype(np.int32), jnp.arange(3, dtype=np.int32), 3), 4
        ),
        ("i", 3),
    ),
}

#: What a scalarised program may do with arrays: take them apart and put them together.
PLUMBING = {"reshape", "slice", "squeeze", "broadcast_in_dim", "concatenate"}


@pytest.mark.precision("x64")
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_plain_evaluation(name):
    fun, *specs = CASES[name]
    args = [array(*spec) for spec in specs]
    assert_same(fun, *args)
    assert array_primitives(scalarize(fun), *args) <= PLUMBING


def test_table_holds_every_rule():
    seen = {
        "log2",
        "one_minus_square",
        "unstack",
    }  # newer than the oldest jax that is supported
    for fun, *specs in CASES.values():
        jaxpr = jax.make_jaxpr(fun)(*[array(*spec) for spec in specs]).jaxpr
        seen |= {equation.primitive.name for equation in equations(jaxpr)}
    assert set(RULES) | set(OPERATORS) | OTHERS <= seen


@pytest.mark.parametrize("name", ["log2", "one_minus_square"])
def test_newer_primitives(name):
    if not hasattr(primitive, name + "_p"):
        pytest.skip("this jax has no such primitive")
    bind = getattr(primitive, name + "_p").bind
    params = {"accuracy": None} if name == "log2" else {}
    assert_same(lambda x: bind(x, **params), array("p", 3))


sizes = st.integers(1, 3)


@given(st.data())
def test_dot_general_on_any_axes(data):
    batch, summed, left, right = (
        data.draw(st.lists(sizes, max_size=2), label=label)
        for label in ("batch", "summed", "left", "right")
    )

    def operand(free):
        shape = [*batch, *summed, *free]
        order = data.draw(st.permutations(range(len(shape))))
        places = np.argsort(order)
        x = array("n", *[shape[i] for i in order])
        n = len(batch)
        return x, places[:n].tolist(), places[n : n + len(summed)].tolist()

    a, a_batch, a_summed = operand(left)
    b, b_batch, b_summed = operand(right)
    numbers = ((a_summed, b_summed), (a_batch, b_batch))
    assert_same(lambda a, b: lax.dot_general(a, b, numbers), a, b)


@given(st.data())
def test_moves_of_elements(data):
    shape = data.draw(st.lists(sizes, min_size=1, max_size=4))
    order = data.draw(st.permutations(range(len(shape))))
    axes = data.draw(st.sets(st.sampled_from(range(len(shape)))))
    bounds = [sorted(data.draw(st.tuples(st.integers(0, n - 1), sizes))) for n in shape]
    window = tuple(slice(lo, max(hi, lo + 1)) for lo, hi in bounds)
    padding = [(*data.draw(st.tuples(st.integers(0, 2), sizes)), 1) for _ in shape]

    def fun(x):
        moved = lax.transpose(x, order)
        wide = jnp.broadcast_to(moved, (2, *moved.shape))
        return x[window], lax.rev(x, tuple(axes)), wide, lax.pad(x, 0.0, padding)

    assert_same(fun, array("n", *shape))


@given(st.data())
def test_reductions_along_any_axes(data):
    shape = data.draw(st.lists(sizes, min_size=1, max_size=3))
    axes = tuple(data.draw(st.sets(st.sampled_from(range(len(shape))))))

    def fun(x):
        return [f(x, axes) for f in (jnp.sum, jnp.prod, jnp.max, jnp.min)]

    assert_same(fun, array("n", *shape))
