"""Roots against hand-computed numbers, NumPy, scipy, mpmath and published problems."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.optimize
from problems import mgh, scipy_roots

from nanonet import Status, root

METHODS = ["newton", "secant"]


def last_digits():
    """A few units of the last digit of the dtype in use."""
    return 8 * float(jnp.finfo(jnp.asarray(0.0).dtype).eps)


def solve_each(functions, starts, **options):
    """One root of each function, all in one program: compiling is what takes time."""

    def solve(number, x0):
        return root(lambda x: jax.lax.switch(number, functions, x), x0, **options)

    return jax.jit(jax.vmap(solve))(jnp.arange(len(functions)), jnp.array(starts))


def statuses(result):
    return [Status(status) for status in np.asarray(result.status).tolist()]


# The methods of the notes.


def test_newton_takes_the_steps_of_the_notes():
    result = root(lambda x: x**2 - 2, 1.0)
    by_hand = [1, 3 / 2, 17 / 12, 577 / 408, 665857 / 470832]
    np.testing.assert_allclose(result.iterates[:5], by_hand, rtol=last_digits())
    assert np.isnan(result.iterates[int(result.steps) + 1 :]).all()
    assert result.iterates.shape == (101,)


def test_secant_takes_its_steps_from_two_starts():
    result = root(lambda x: x**2 - 2, 1.0, x1=2.0, method="secant")
    by_hand = [1, 2, 4 / 3, 7 / 5, 58 / 41]
    np.testing.assert_allclose(result.iterates[:5], by_hand, rtol=last_digits())


def test_secant_from_one_start_begins_along_the_tangent():
    result = root(lambda x: x**2 - 2, 1.0, method="secant")
    # The difference quotient is over √ε, and so it is right to about √ε.
    np.testing.assert_allclose(result.iterates[1], 1.5, rtol=last_digits() ** 0.5)
    assert result.status.converged


@pytest.mark.parametrize("method", METHODS)
def test_one_step_solves_a_line(method):
    result = root(lambda x: 3 * x - 6, 5.0, method=method)
    np.testing.assert_allclose(result.iterates[1], 2, rtol=1e-6)
    assert result.status is Status.CONVERGED


def test_one_secant_through_two_starts_solves_a_line():
    result = root(lambda x: 4 * x - 6, 5.0, x1=-3.0, method="secant")
    assert float(result.x) == 1.5
    assert int(result.steps) == 2  # the second start, and the step


def test_one_newton_step_solves_linear_equations(key):
    A = jax.random.normal(key, (5, 5))
    b = jnp.arange(5.0)
    result = root(lambda x: A @ x - b, jnp.ones(5))
    expected = np.linalg.solve(np.asarray(A, float), np.asarray(b, float))
    # The matrix's condition number, about 30, times the rounding of each dtype.
    np.testing.assert_allclose(
        result.iterates[1], expected, rtol=1e3 * last_digits(), atol=1e3 * last_digits()
    )


@pytest.mark.parametrize(
    ("f", "method", "order"),
    [
        (lambda x: x**3 - 5, "newton", 2.0),
        (lambda x: x**3 - 5, "secant", (1 + 5**0.5) / 2),
        (lambda x: (x - 1) ** 2 * x, "newton", 1.0),  # a double root
        (lambda x: x + x**3, "newton", 3.0),  # an inflection at the root
    ],
)
@pytest.mark.precision(
    "x64", reason="float32 has too few digits for three asymptotic steps"
)
def test_observed_order_of_convergence(f, method, order):
    assert abs(float(root(f, 2.1, method=method).order) - order) < 0.1


# Against others.

EQUATIONS = [
    (lambda x: jnp.cos(x) - x, lambda x: mpmath.cos(x) - x, 1.0),
    (lambda x: x**3 - 2 * x - 5, lambda x: x**3 - 2 * x - 5, 2.0),
    (lambda x: x * jnp.exp(x) - 1, lambda x: x * mpmath.exp(x) - 1, 0.5),
    (lambda x: jnp.log(x) + x, lambda x: mpmath.log(x) + x, 1.0),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.one_case
def test_roots_to_the_last_digits_against_mpmath(method):
    functions, exact_functions, starts = zip(*EQUATIONS, strict=True)
    result = solve_each(functions, starts, method=method)
    exact = [
        float(mpmath.findroot(f, x0))
        for f, x0 in zip(exact_functions, starts, strict=True)
    ]
    assert set(statuses(result)) == {Status.CONVERGED}
    np.testing.assert_allclose(result.x, exact, rtol=last_digits())
    assert result.x.dtype == jnp.asarray(0.0).dtype


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.precision("x64", reason="the collection is of float64")
@pytest.mark.one_case
def test_82_of_the_83_smooth_problems_of_scipys_collection(method):
    problems = [p for p in scipy_roots.problems("aps") if p["smoothness"] == np.inf]
    names = sorted({p["f"].__name__ for p in problems})
    # One program for all: the family is picked by its number, the rest are numbers.
    branches = [_with_two_parameters(scipy_roots.FUNCTIONS[name]) for name in names]
    family = jnp.array([names.index(p["f"].__name__) for p in problems])
    args = jnp.array([(*p["args"], 0.0, 0.0)[:2] for p in problems], float)
    x0 = jnp.array([p["x0"] for p in problems], float)

    def solve(x0, family, args):
        f = lambda x: jax.lax.switch(family, branches, x, *args)  # noqa: E731
        return root(f, x0, method=method)

    result = jax.jit(jax.vmap(solve))(x0, family, args)
    exact = np.array([p["root"] for p in problems])
    solved = np.isclose(result.x, exact, rtol=4e-15, atol=1e-15)
    solved &= result.status == Status.CONVERGED
    missed = [p["ID"] for p, ok in zip(problems, solved, strict=True) if not ok]
    # All derivatives of x exp(-1/x²) vanish at its root.
    assert missed == ["aps.13.00"]
    assert np.isfinite(result.x).all()


def _with_two_parameters(f):
    count = f.__code__.co_argcount - 1
    return lambda x, a, b: f(x, *(a, b)[:count])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.one_case
def test_complex_problems_of_scipys_collection(method):
    problems = scipy_roots.problems("complex")
    functions = [scipy_roots.function(p) for p in problems]
    result = solve_each(functions, [complex(p["x0"]) for p in problems], method=method)
    assert set(statuses(result)) == {Status.CONVERGED}
    np.testing.assert_allclose(
        result.x, [p["root"] for p in problems], atol=4 * last_digits(), rtol=0
    )


def test_newton_on_random_cubics_finds_numpys_roots_or_says_why(key, x64):
    coefficients = jax.random.normal(key, (200, 4))

    @jax.jit
    @jax.vmap
    def solve(c):
        return root(lambda x: jnp.polyval(c, x), 0.3)

    result = solve(coefficients)
    assert np.isfinite(result.x).all()
    converged = np.asarray(result.status) == Status.CONVERGED
    assert converged.sum() > 150
    found = np.asarray(result.x)[converged]
    for c, x in zip(np.asarray(coefficients)[converged], found, strict=True):
        distance = np.abs(np.roots(c.astype(float)) - x).min()
        # Roots near each other lose half the digits, in NumPy as here.
        assert distance < (1e-6 if x64 else 1e-2) * max(1, abs(x))


# Systems.


@pytest.mark.precision("x64", reason="the problem sets are of float64")
@pytest.mark.parametrize("method", ["newton", "broyden"])
@pytest.mark.parametrize("number", [28, 29, 30, 31])
@pytest.mark.one_case
def test_systems_of_more_garbow_hillstrom_against_scipy(number, method):
    (problem,) = (p for p in mgh.MGH if p.number == number)
    result = root(problem.residuals, problem.start, method=method)
    expected = scipy.optimize.root(problem.residuals, problem.start, tol=1e-14)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.x, expected.x, rtol=1e-12, atol=1e-14)
    assert result.steps < 40


@pytest.mark.parametrize("method", ["newton", "secant", "broyden"])
@pytest.mark.one_case
def test_pytrees_hold_unknowns_and_equations(method):
    def f(x):
        return x["a"] ** 2 + x["b"][0] - 3, {"second": x["b"] - x["a"][None]}

    result = root(f, {"a": jnp.array(1.0), "b": jnp.array([2.0])}, method=method)
    expected = (13**0.5 - 1) / 2  # a² + a = 3
    np.testing.assert_allclose(result.x["a"], expected, rtol=last_digits())
    np.testing.assert_allclose(result.x["b"], [expected], rtol=last_digits())
    np.testing.assert_allclose(result.value[1]["second"], 0, atol=last_digits())
    assert result.iterates["b"].shape == (101, 1)


def test_broyden_of_one_unknown_is_the_secant():
    f = lambda x: jnp.exp(x) - 3  # noqa: E731
    alone = root(f, 1.0, method="broyden")
    secant = root(lambda x: f(x[0])[None], jnp.array([1.0]), method="secant")
    np.testing.assert_array_equal(alone.iterates, secant.iterates[:, 0])


def test_broyden_changes_its_matrix_by_the_secant_condition():
    def f(x):
        return jnp.stack([x[0] ** 2 + x[1] - 3, x[0] - x[1] ** 3 + 1])

    starts = jnp.array([1.0, 1.0]), jnp.array([1.5, 1.25])
    result = root(f, starts[0], x1=starts[1], method="broyden")
    f0, f1 = (np.asarray(f(x), float) for x in starts)
    dx = np.asarray(starts[1] - starts[0], float)
    B = np.array([[2.0, 1.0], [1.0, -3.0]])  # f' at x0, by hand
    B += np.outer(f1 - f0 - B @ dx, dx) / (dx @ dx)
    second = starts[1] - np.linalg.solve(B, f1)
    # The first matrix is of difference quotients, right to about √ε.
    tolerance = 4 * last_digits() ** 0.5
    np.testing.assert_allclose(result.iterates[2], second, rtol=tolerance)
    assert result.status is Status.CONVERGED


def test_a_complex_system():
    def f(z):
        return jnp.stack([z[0] ** 2 + z[1] ** 2, z[0] - z[1] - 2])

    for method in ("newton", "broyden"):
        result = root(f, jnp.array([1 + 0.5j, -1 + 0.7j]), method=method)
        assert result.status is Status.CONVERGED
        # z = 1 ± i, and the other is z - 2.
        np.testing.assert_allclose(result.x, [1 + 1j, -1 + 1j], rtol=4 * last_digits())


# Derivatives by parameters.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", [jax.grad, jax.jacfwd, jax.jacrev])
@pytest.mark.one_case
def test_derivatives_of_a_root_by_a_parameter(method, mode):
    square_root = lambda a: root(lambda x: x**2 - a, 1.0, method=method).x  # noqa: E731
    both = jax.jit(lambda a: (mode(square_root)(a), mode(jax.grad(square_root))(a)))
    first, second = both(4.0)
    np.testing.assert_allclose(first, 1 / 4, rtol=last_digits())
    np.testing.assert_allclose(second, -1 / 32, rtol=4 * last_digits())


def test_derivatives_of_a_system_by_its_parameters(key):
    A = jnp.eye(3) * 2 + jax.random.uniform(key, (3, 3)) / 2

    def solution(b):
        return root(lambda x: A @ x + x**3 - b, jnp.zeros(3)).x

    b = jnp.array([1.0, 2.0, 3.0])
    x = np.asarray(solution(b), float)
    by_hand = np.linalg.inv(np.asarray(A, float) + np.diag(3 * x**2))

    @jax.jit
    def derivatives(b):
        total = jax.grad(lambda bs: jnp.sum(jax.vmap(solution)(bs)))(b[None])
        return jax.jacfwd(solution)(b), jax.jacrev(solution)(b), total

    *matrices, through_vmap = derivatives(b)
    for matrix in matrices:
        np.testing.assert_allclose(
            matrix, by_hand, rtol=100 * last_digits(), atol=last_digits()
        )
    np.testing.assert_allclose(
        through_vmap[0], by_hand.sum(axis=0), rtol=100 * last_digits()
    )


def test_derivative_of_a_complex_root():
    def real_part(a):
        return jnp.real(root(lambda z: z**2 + a, 0.5 + 1.0j).x * (1 - 2j))

    # z = i√a, so the real part is 2√a.
    for mode in (jax.grad, jax.jacfwd):
        slope = jax.jit(mode(real_part))(4.0)
        np.testing.assert_allclose(slope, 1 / 2, rtol=4 * last_digits())


def test_start_has_no_derivative():
    assert float(jax.grad(lambda x0: root(lambda x: x**2 - 2, x0).x)(1.0)) == 0


# Inside other transformations.


def test_jit_and_vmap_give_what_single_calls_give():
    def solve(a, x0):
        return root(lambda x: x**3 - a * x + 2, x0)

    a, x0 = jnp.array([2.0, 1.0, -3.0, 0.0]), jnp.array([0.0, 1.0, 2.0, 0.0])
    many = jax.jit(jax.vmap(solve))(a, x0)
    assert many.status.dtype == jnp.int32
    statuses = []
    for i in range(4):
        one = solve(a[i], x0[i])
        statuses.append(one.status)
        np.testing.assert_allclose(many.x[i], one.x, rtol=1e-6)
        assert many.status[i] == one.status
    assert statuses[0] is Status.CYCLE
    assert statuses[3] is Status.SINGULAR


def test_a_second_call_compiles_nothing():
    traces = []

    def f(x):
        traces.append(None)
        return x**2 - 2

    root(f, 1.0, tol=1e-3)
    before = len(traces)
    assert float(root(f, 2.0, tol=1e-5).x) > 1.41
    # Only the check of shapes looks at f again.
    assert len(traces) <= before + 1


@pytest.mark.parametrize("method", METHODS)
def test_evaluations_are_those_that_were_made(method):
    calls = []

    def count(x):
        calls.append(None)
        return x

    @jax.custom_jvp
    def counted(x):
        return jax.pure_callback(
            count, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="sequential"
        )

    # The derivative does not pass through the callback, and so is not counted.
    counted.defjvp(lambda primals, tangents: (primals[0], tangents[0]))

    def f(x):
        return jnp.log(counted(x)) - 1

    result = root(f, 9.0, method=method)
    assert result.status is Status.CONVERGED
    assert len(calls) == int(result.evaluations)


# Truthful answers.


def test_newton_says_why_it_stopped():
    cases = [
        (lambda x: x**2 - 4, 2.0, Status.CONVERGED),
        (lambda x: x**2 - 1, 0.0, Status.SINGULAR),
        (lambda x: x**3 - 2 * x + 2, 0.0, Status.CYCLE),
        (lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)), 1.0, Status.CYCLE),
        (jnp.arctan, 2.0, Status.DIVERGED),
        (lambda x: 1 / x, 1.0, Status.DIVERGED),
        (jnp.exp, 0.0, Status.STEP_LIMIT),
        (lambda x: x**2 + 1, 0.3, Status.STEP_LIMIT),
        (jnp.log, -1.0, Status.NON_FINITE),
        (lambda x: jnp.sqrt(x) + 1, 0.0, Status.NON_FINITE),
        (lambda x: jnp.where(x > 0.5, jnp.nan, x - 1), 0.5, Status.NON_FINITE),
    ]
    functions, starts, expected = zip(*cases, strict=True)
    result = solve_each(functions, starts, max_steps=30)
    assert statuses(result) == list(expected)
    assert np.isfinite(result.x).all()
    assert (result.steps <= 30).all()


@pytest.mark.parametrize("starts", [(0.0, 2.5), (1 - 1e-6, 1 + 3e-6)])
@pytest.mark.one_case
def test_a_jump_is_not_a_root(starts):
    f = lambda x: jnp.where(x > 1, 1, -1) + 0.1 * (x - 1)  # noqa: E731
    result = root(f, starts[0], x1=starts[1], method="secant")
    assert result.status is not Status.CONVERGED
    assert np.isfinite(result.x)


@pytest.mark.parametrize("method", METHODS)
def test_short_steps_beside_a_pole_are_not_a_root(method):
    # Newton's steps are a third of the way to the pole, and away from it.
    beside = 1 + last_digits()
    result = root(lambda x: 1 / (x - 1) ** 3, beside, tol=1e-3, method=method)
    assert result.status is Status.NO_ZERO


def test_steps_into_the_undefined_are_halved():
    # From 5 Newton's step goes to 5 - 5 ln 5 < 0; half of it does not.
    result = root(jnp.log, 5.0)
    by_hand = 5 - 5 * np.log(5) / 2
    np.testing.assert_allclose(result.iterates[1], by_hand, rtol=2 * last_digits())
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.x, 1, rtol=last_digits())


def test_two_starts_close_together_are_no_convergence():
    result = root(lambda x: x**2 - 2, 1.0, x1=1.0 + 1e-5, method="secant")
    np.testing.assert_allclose(result.x, 2**0.5, rtol=last_digits())


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_x_does_not_matter(scale, method):
    result = root(lambda x: (x / scale) ** 3 - 2, 1.7 * scale, method=method)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.x, 2 ** (1 / 3) * scale, rtol=last_digits())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.one_case
def test_a_far_start_and_a_root_at_zero(method):
    far = root(lambda x: x**2 - 2, 1e9, method=method)
    np.testing.assert_allclose(far.x, 2**0.5, rtol=last_digits())
    zero = root(lambda x: jnp.exp(x) - 1 + x**2, 1.0, method=method)
    assert zero.status is Status.CONVERGED
    assert abs(float(zero.x)) < last_digits()


def test_always_a_finite_answer_with_a_truthful_status():
    functions = [
        jnp.tan,
        jnp.sign,
        jnp.log,
        jnp.arctan,
        jnp.floor,
        lambda x: 1 / x,
        lambda x: 1 / x**2 - 1,
        lambda x: jnp.exp(x) + 1,
        lambda x: x**2 + 1,
        lambda x: x**9,
        lambda x: jnp.where(jnp.abs(x) < 0.5, jnp.nan, x),
        lambda x: jnp.where(x > 3, jnp.inf, x - 2.9),
        lambda x: jnp.abs(x) ** (1 / 3),
    ]
    starts = jnp.array([-20.0, -1.5, -0.2, 0.1, 0.9, 1.6, 2.99, 50.0])

    def solve(number, x0, method):
        f = lambda x: jax.lax.switch(number, functions, x)  # noqa: E731
        result = root(f, x0, method=method)
        return result, f(x0), f(result.x)

    for method in METHODS:
        every = jax.vmap(solve, in_axes=(0, None, None))
        every = jax.vmap(every, in_axes=(None, 0, None))
        result, at_start, at_end = jax.jit(every, static_argnums=2)(
            jnp.arange(len(functions)), starts, method
        )
        assert np.isfinite(result.x).all()
        status = np.asarray(result.status)
        assert (status != Status.RUNNING).all()
        started = np.isfinite(at_start)
        assert (status[~started] == Status.NON_FINITE).all()
        assert np.isfinite(at_end)[started].all()
        assert (np.abs(at_end) <= np.abs(at_start))[started].all()
        assert (np.abs(at_end)[status == Status.CONVERGED] < 1e-5).all()
        assert len(np.unique(status)) >= 4


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x0": np.int64(1)}, TypeError, "x0 is of int"),
        ({"x0": float("nan")}, ValueError, "x0 holds nan"),
        ({"x0": float("inf")}, ValueError, "x0 holds inf"),
        ({"x0": ()}, ValueError, "x0 is an empty tree"),
        ({"x0": (1.0, 1j), "f": lambda x: x}, TypeError, "x0 mixes real and complex"),
        ({"x1": 2.0}, ValueError, "x1 is a second start"),
        ({"method": "secant", "x1": 1.0}, ValueError, "x1 equals x0"),
        ({"method": "secant", "x1": (1.0,)}, ValueError, "x1 must be a tree like x0"),
        ({"method": "secant", "x1": np.int64(2)}, TypeError, "x1 is of int"),
        ({"method": "newtn"}, ValueError, "did you mean 'newton'"),
        ({"tol": -1e-3}, ValueError, "tol=-0.001 must be ≥ 0"),
        ({"tol": float("nan")}, ValueError, "tol=nan"),
        ({"max_steps": 0}, ValueError, "max_steps=0 must be ≥ 1"),
        ({"max_steps": True}, TypeError, "max_steps=True must be a number"),
        ({"f": lambda x: (x, x)}, ValueError, "f must return as many numbers as x0"),
        ({"f": lambda x: x > 0}, TypeError, "f must return floating"),
        ({"f": lambda x: x + 1j}, TypeError, "f must return floating"),
        ({"x0": 1j, "f": jnp.abs}, TypeError, "f must return complexfloating"),
    ],
)
def test_bad_input_names_the_argument(arguments, error, message):
    arguments = {"f": lambda x: x**2 - 2, "x0": 1.0} | arguments
    with pytest.raises(error, match=message):
        root(arguments.pop("f"), arguments.pop("x0"), **arguments)


# JAX's stricter modes.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "strictly",
    [
        lambda: jax.debug_nans(True),
        lambda: jax.debug_infs(True),
        lambda: jax.numpy_dtype_promotion("strict"),
    ],
    ids=["debug_nans", "debug_infs", "strict"],
)
@pytest.mark.one_case
def test_sound_problems_pass_in_stricter_modes(strictly, method):
    with strictly():
        start = jnp.array([1.0, 1.0 + 0.5j])
        result = root(lambda x: x**2 - 2, start, method=method)
        slope = jax.grad(lambda a: root(lambda x: x**2 - a, 1.0).x)(4.0)
        assert np.isnan(root(lambda x: x**2 - 2, 1.0, max_steps=1).order)
    np.testing.assert_allclose(result.x, np.sqrt(2), rtol=1e-6)
    assert slope == 0.25
    assert np.isnan(result.iterates[int(result.steps) + 1 :]).all()
