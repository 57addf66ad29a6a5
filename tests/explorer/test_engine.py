"""The playground computes what nanonet does: every rule, every derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import XOR_X, XOR_Y
from jax.flatten_util import ravel_pytree
from playground import in_node, needs_node

import nanonet
from nanonet.objectives.penalty import l2_penalty

pytestmark = [
    pytest.mark.precision("x64", reason="the page computes in float64"),
    needs_node,
]

XOR = {"x": XOR_X.tolist(), "y": XOR_Y.tolist(), "loss": "half_squared_error"}
XOR |= {"sizes": [2, 2, 1]}
# A single unit, whose J has one minimum, well curved, near the start.
UNIT = {**XOR, "y": [0.1, 0.7, 0.4, 0.9], "sizes": [2, 1]}

PENALIZED = {**UNIT, "l2": 0.01}

# Each rule in each of its forms, where it does not double its rounding every few steps.
# RMSprop has an ε that lets it come to rest: with a small one it steps to and fro over
# the valley, α at a time, and a start 1e-16 away soon does so out of step. The notes'
# Newton has a J that is well curved. (RMSprop both centered and corrected would divide
# by rounding at once: the variance of one gradient is 0. It has the others' lines.)
STEPS = 200
# The steps of Barzilai and Borwein double their rounding on the way, whatever J is, and
# at the end are ratios of nothing else. Geodesic steps through XOR's valley double it
# every few, as Levenberg and Marquardt's do where the penalty flattens a unit. Those
# that search along a line stop on a plateau of XOR, where B and what conjugate
# gradients find are made of ever smaller differences.
FEWER = {
    **{"bfgs": 8, "lbfgs": 6, "newton_cg": 60},
    "levenberg_marquardt with l2": 7,
    "barzilai_borwein 1": 20,
    "barzilai_borwein 2": 20,
    "levenberg_marquardt geodesic": 30,
}
CASES = {
    "gradient_descent": (XOR, {"α": 10.0}, nanonet.gradient_descent(10.0)),
    **{
        f"momentum {form} {nesterov}": (
            XOR,
            {"α": rate, "β": 0.9, "form": form, "nesterov": nesterov},
            nanonet.momentum(rate, 0.9, form, nesterov),
        )
        for form, rate in {"standard": 0.5, "negated": 0.5, "ewma": 5.0}.items()
        for nesterov in (False, True)
    },
    **{
        f"momentum pytorch {nesterov}": (
            XOR,
            {"α": 0.5, "β": 0.8, "form": "pytorch", "nesterov": nesterov},
            nanonet.sgd(0.5, 0.8, nesterov),
        )
        for nesterov in (False, True)
    },
    "rmsprop inside": (
        XOR,
        {"α": 0.005, "ε": 1e-6, "place": "inside", "v0": 0.01},
        nanonet.rmsprop(0.005, eps=1e-6, initial_scale=0.01),
    ),
    "rmsprop centered": (
        XOR,
        {"α": 0.005, "β": 0.95, "ε": 1e-3, "centered": True},
        nanonet.rmsprop(0.005, 0.95, 1e-3, eps_in_sqrt=False, centered=True),
    ),
    "rmsprop corrected, with momentum": (
        XOR,
        {"α": 0.005, "ε": 1e-3, "corrected": True, "velocity": True, "γ": 0.5},
        nanonet.rmsprop(
            0.005, 0.9, 1e-3, eps_in_sqrt=False, bias_correction=True, momentum=0.5
        ),
    ),
    "rmsprop with Nesterov's": (
        XOR,
        {"α": 0.005, "ε": 1e-3, "velocity": True, "γ": 0.5, "nesterov": True},
        nanonet.rmsprop(
            0.005, 0.9, 1e-3, eps_in_sqrt=False, momentum=0.5, nesterov=True
        ),
    ),
    "adagrad": (XOR, {"α": 2.0}, nanonet.adagrad(2.0)),
    "adam": (XOR, {"α": 0.1}, nanonet.adam(0.1)),
    "adam of the notes": (
        XOR,
        {"α": 0.1, "β1": 0.8, "β2": 0.99, "ε": 1e-4, "place": "inside"},
        nanonet.adam(0.1, 0.8, 0.99, eps=0.0, eps_root=1e-4),
    ),
    "adam nesterov": (
        XOR,
        {"α": 0.1, "nesterov": True},
        nanonet.adam(0.1, nesterov=True),
    ),
    "adamw": (XOR, {"α": 0.1, "λ": 0.01}, nanonet.adamw(0.1, weight_decay=0.01)),
    "amsgrad": (XOR, {"α": 0.1}, nanonet.amsgrad(0.1)),
    "amsgrad of the paper": (
        XOR,
        {"α": 0.1, "corrected1": False, "corrected2": False},
        nanonet.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False),
    ),
    "barzilai_borwein 1": (
        UNIT,
        {"α": 0.5, "variant": "1"},
        nanonet.barzilai_borwein(0.5, 1),
    ),
    "barzilai_borwein 2": (
        UNIT,
        {"α": 0.5, "variant": "2", "safeguard": False},
        nanonet.barzilai_borwein(0.5, 2, safeguard=False),
    ),
    "bfgs": (XOR, {}, nanonet.bfgs()),
    "lbfgs": (XOR, {}, nanonet.lbfgs()),
    "newton_cg": (XOR, {}, nanonet.newton_cg()),
    "gauss_newton with l2": (PENALIZED, {"l2": 0.01}, nanonet.gauss_newton()),
    "gauss_newton of the notes": (
        UNIT,
        {"α": 0.5, "safeguard": False},
        nanonet.gauss_newton(0.5, safeguard=False),
    ),
    "bfgs with l2": (PENALIZED, {"l2": 0.01}, nanonet.bfgs()),
    "newton_cg with l2": (PENALIZED, {"l2": 0.01}, nanonet.newton_cg()),
    "bfgs of a unit": (UNIT, {}, nanonet.bfgs()),
    "lbfgs of a unit": (UNIT, {}, nanonet.lbfgs()),
    "newton_cg of a unit": (UNIT, {}, nanonet.newton_cg()),
    "gauss_newton of a unit": (UNIT, {}, nanonet.gauss_newton()),
    "newton": (XOR, {}, nanonet.newton()),
    "newton of the notes": (
        UNIT,
        {"α": 0.5, "safeguard": False},
        nanonet.newton(0.5, safeguard=False),
    ),
    "levenberg_marquardt": (XOR, {}, nanonet.levenberg_marquardt()),
    "levenberg_marquardt geodesic": (
        XOR,
        {"geodesic": True, "μ": 1.0},
        nanonet.levenberg_marquardt(1.0, geodesic=True),
    ),
    "levenberg_marquardt with l2": (
        PENALIZED,
        {"l2": 0.01},
        nanonet.levenberg_marquardt(),
    ),
}
SEED = 8


@pytest.fixture(scope="module")
def paths():
    """θ and J of every step of all cases, of the page's engine."""
    script = """return Object.fromEntries(given.cases.map(([name, data, options]) => {
      const problem = problemOfCase(data);
      const rule = name.split(" ")[0];
      const start = initial(problem.network, given.seed, "uniform");
      const chosen = { ...usualOptions(rule), ...options };
      const run = new Run(problem, null, rule, chosen, start);
      const [path, values] = [[Array.from(start)], [run.point.value]];
      while (run.step < given.steps && !run.ended) {
        run.forth();
        path.push(Array.from(run.point.θ));
        values.push(run.point.value);
      }
      return [name, { path, values, ended: run.ended }];
    }));"""
    cases = [(name, *case[:2]) for name, case in CASES.items()]
    given = {"cases": cases, "seed": SEED, "steps": STEPS}
    return in_node(script, given)


def library_path(data, rule):
    """θ of every step of nanonet, on a vector, as far as the rule gets."""
    network = nanonet.mlp(data["sizes"], init="uniform")
    x, y = jnp.array(data["x"]), jnp.array(data["y"])
    loss, l2 = nanonet.half_squared_error, data.get("l2", 0.0)
    J = nanonet.objective(network, loss, x, y, l2=l2)
    theta, unravel = ravel_pytree(network.init(jax.random.key(SEED)))

    def on_vector(vector):
        return J(unravel(vector))

    class Value:
        """J, which knows its residuals."""

        __call__ = staticmethod(on_vector)
        residuals = staticmethod(lambda vector: J.residuals(unravel(vector)))

    update = optax.with_extra_args_support(rule).update

    def step(carry, _):
        theta, state = carry
        value, slope = jax.value_and_grad(on_vector)(theta)
        known = {"value": value, "grad": slope, "value_fn": Value()}
        change, state = update(slope, state, theta, **known)
        return (theta + change, state), theta

    @jax.jit
    def run(theta):
        return jax.lax.scan(step, (theta, rule.init(theta)), length=STEPS + 1)[1]

    return np.array(run(theta))


@pytest.mark.parametrize("name", CASES)
def test_each_rule_is_nanonets(paths, name):
    data, _, rule = CASES[name]
    found = np.array(paths[name]["path"])
    assert np.isfinite(found).all()
    assert len(found) == STEPS + 1 or paths[name]["ended"] == "stalled"
    last = min(len(found), FEWER.get(name, STEPS) + 1)
    found, expected = found[:last], library_path(data, rule)[:last]
    assert found[0].tolist() == expected[0].tolist()  # the same start, to the last bit
    size = np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_allclose(found / size, expected / size, rtol=0, atol=1e-12)
    assert np.abs(expected[-1] - expected[0]).max() > 0.1  # it went somewhere


def test_the_notes_example_is_theirs():
    """Error 0.5 and ∂J/∂w5 = 0.1, of w1 = 1, w3 = ln 4 − 1, … at x = (1, 1), y = 0."""
    script = """const { problem, θ } = problemOf({ ...DEFAULTS, scheme: "notes" });
    const rows = forwardRows(problem, θ, problem.x[3], problem.y[3]);
    const { value } = chainRule(problem, θ, problem.x[3], problem.y[3], 6);
    return [...rows.map(([symbol, , , number]) => [symbol, number]), ["w5", value]];"""
    found = dict(in_node(script))
    expected = {"out_h1": 0.8, "ŷ": 0.5, "error": 0.5, "J": 0.125, "w5": 0.1}
    assert {name: found[name] for name in expected} == pytest.approx(expected, 1e-15)


DEEP = {"x": [[0.3, -1.2], [1.5, 0.4], [-0.7, 0.9]], "y": [0.0, 1.0, 1.0]}
DEEP |= {"sizes": [2, 3, 2, 1]}
LOSSES = {
    "half_squared_error": nanonet.half_squared_error,
    "binary_cross_entropy": nanonet.binary_cross_entropy,
}


@pytest.mark.parametrize(
    ("hidden", "output", "loss"),
    [
        ("tanh", "identity", "half_squared_error"),
        ("softplus", "tanh", "half_squared_error"),
        ("relu", "sigmoid", "binary_cross_entropy"),
        ("sigmoid", "softplus", "half_squared_error"),
    ],
)
@pytest.mark.one_case
def test_derivatives_are_jaxs(hidden, output, loss):
    case = {**DEEP, "hidden": hidden, "output": output, "loss": loss}
    script = """const problem = { ...problemOfCase(given), l2: 0.1 };
    const start = initial(problem.network, 3, "glorot");
    const θ = start.map((each, i) => each + 0.01 * i);
    const g = zeros(θ.length);
    const J = valueAndGradient(problem, θ, g);
    const [H, bend] = [hessian(problem, θ), residualsBend(problem, θ, g)];
    const along = hessianProduct(problem, θ, g);
    const vectors = [θ, g, along, ...H, bend].map((each) => Array.from(each));
    return [J, value(problem, θ), ...vectors];"""
    J, again, theta, slope, product, *H, bend = in_node(script, case)
    network = nanonet.mlp(DEEP["sizes"], hidden, output)
    start, unravel = ravel_pytree(network.init(jax.random.key(3)))
    x, y = jnp.array(DEEP["x"]), jnp.array(DEEP["y"])
    # XLA may round once where it multiplies and adds.
    np.testing.assert_allclose(theta, start + 0.01 * np.arange(len(start)), atol=1e-15)
    fun = nanonet.objective(network, LOSSES[loss], x, y, l2=0.1)

    @jax.jit
    def expected(theta):
        def J(theta):
            return fun(unravel(theta))

        def errors(size):
            moved = unravel(theta + size * slope_of(theta))
            return jax.vmap(network.apply, (None, 0))(moved, x)[:, 0] / len(x) ** 0.5

        slope_of = jax.grad(J)
        bend = jax.jacfwd(jax.jacfwd(errors))(0.0)
        H = jax.hessian(J)(theta)
        return J(theta), slope_of(theta), H @ slope_of(theta), H, bend

    close = {"rtol": 1e-12, "atol": 1e-14}
    for found, wanted in zip(
        [J, slope, product, H, bend],
        expected(jnp.array(theta)),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, **close)
    assert again == J


@pytest.mark.parametrize("shape", [(4, 9), (12, 5), (6, 6)])
def test_least_squares_are_lapacks(shape):
    """Also where A has no full rank, and of those that are as good the shortest."""
    draw = np.random.default_rng(1)
    A, b = draw.normal(size=shape), draw.normal(size=shape[0])
    A[1] = 2 * A[0]
    A[:, 2] = A[:, 0] - A[:, 1]
    script = """const rows = given.A.map((row) => Float64Array.from(row));
    const { x, rank } = leastSquares(rows, Float64Array.from(given.b));
    return [Array.from(x), rank];"""
    x, rank = in_node(script, {"A": A.tolist(), "b": b.tolist()})
    expected, _, rank_of_A, _ = np.linalg.lstsq(A, b, rcond=None)
    np.testing.assert_allclose(x, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    assert rank == rank_of_A < min(shape) + 1


def test_the_penalty_acts_while_a_run_goes_on():
    """From step 20 on; and again, gone back and forth, to the last bit."""
    script = """const { problem, θ } = problemOf(DEFAULTS);
    return Object.fromEntries(["momentum", "bfgs"].map((rule) => {
      const run = new Run(problem, null, rule, { ...usualOptions(rule), α: 0.5 }, θ);
      const seen = () => [run.point.value, ...run.point.θ];
      run.goTo(20);
      const states = [seen()];
      run.change({ ...run.options, l2: 0.01 });
      states.push(seen());
      run.goTo(40);
      states.push(seen());
      run.goTo(3);
      run.goTo(40);
      return [rule, [...states, seen()]];
    }));"""
    found = in_node(script)
    for before, after, end, again in found.values():
        weights = np.array(after[1:])[[0, 1, 2, 3, 6, 7]]
        assert after[0] - before[0] == pytest.approx(
            0.01 * np.sum(weights**2) / 2, rel=1e-12
        )
        assert end == again
    network = nanonet.mlp([2, 2, 1], init="uniform")
    start = network.init(jax.random.key(SEED))
    rule = nanonet.momentum(0.5)

    @jax.jit
    def run(params, state, l2):
        plain = nanonet.objective(network, nanonet.half_squared_error, XOR_X, XOR_Y)

        def J(params):
            return plain(params) + l2 * l2_penalty(params)

        def step(carry, _):
            change, state = rule.update(jax.grad(J)(carry[0]), carry[1], carry[0])
            return (optax.apply_updates(carry[0], change), state), None

        return jax.lax.scan(step, (params, state), length=20)[0]

    end, _ = run(*run(start, rule.init(start), 0.0), 0.01)
    np.testing.assert_allclose(found["momentum"][2][1:], ravel_pytree(end)[0], 1e-11)


def test_eigenvalues_are_lapacks():
    matrices = np.random.default_rng(0).normal(size=(3, 12, 12))
    matrices = matrices + matrices.transpose(0, 2, 1)
    matrices[1] = np.outer(matrices[1][0], matrices[1][0])  # of rank 1
    found = in_node(
        """return given.map((A) => {
        const { values, vectors } = eigen(A.map((row) => Float64Array.from(row)));
        return [Array.from(values), vectors.map((row) => Array.from(row))];
    })""",
        matrices.tolist(),
    )
    for A, (values, vectors) in zip(matrices, found, strict=True):
        largest = np.abs(values).max()
        np.testing.assert_allclose(values, np.linalg.eigvalsh(A), atol=1e-13 * largest)
        V = np.array(vectors)
        np.testing.assert_allclose(V @ V.T, np.eye(12), atol=1e-13)
        np.testing.assert_allclose(V @ A @ V.T, np.diag(values), atol=1e-13 * largest)


@pytest.mark.parametrize("rule", ["adam", "barzilai_borwein", "levenberg_marquardt"])
def test_a_run_goes_back_to_the_last_bit(rule):
    """Past the points that are kept, and over a number changed on the way."""
    script = """const { problem, θ } = problemOf({ ...DEFAULTS, hidden: "3" });
    const run = new Run(problem, null, given, usualOptions(given), θ);
    const seen = () => [run.step, run.point.value, ...run.point.θ, ...run.point.g];
    const steps = given === "adam" ? 20000 : 40;
    run.goTo(steps / 2);
    run.change({ ...run.options, α: 0.02 });
    const states = [seen()];
    run.goTo(steps);
    const [end, kept] = [seen(), run.entries.length];
    run.goTo(steps / 2);
    states.push(seen());
    run.goTo(7);
    const early = seen();
    run.goTo(8);
    run.goTo(7);
    const again = seen();
    run.goTo(steps);
    const forth = seen();
    run.goTo(7);
    run.change({ ...run.options, α: 0.5 });
    const { last, step } = run;
    return { states, early, again, end, forth, kept, last, step };"""
    found = in_node(script, rule)
    assert found["states"][0] == found["states"][1]
    assert found["early"] == found["again"]
    assert found["end"] == found["forth"]
    assert found["kept"] <= 4097
    assert found["last"] == found["step"] == 7  # another number: another future


@pytest.mark.parametrize("index", range(9))
def test_tables_hold_the_chain_rule_and_the_step(index):
    """Of the 2-2-1 network: as `explain` writes it, and as the rule then steps."""
    script = """const made = problemOf(DEFAULTS);
    const run = new Run(made.problem, null, "adam", usualOptions("adam"), made.θ);
    run.goTo(50);
    const { problem, point } = run;
    const { x, y } = problem;
    const chain = chainRule(problem, point.θ, x[2], y[2], given);
    const forward = forwardRows(problem, point.θ, x[2], y[2]);
    const rule = ruleRows(run, given);
    const θ = Array.from(point.θ);
    run.forth();
    return { chain, forward, rule, θ, next: run.point.θ[given] };"""
    found = in_node(script, index)
    (first, second) = nanonet.mlp([2, 2, 1]).init(jax.random.key(0))
    _, unravel = ravel_pytree((first, second))
    params = nanonet.TwoTwoOne.from_layers(unravel(jnp.array(found["θ"])))
    explained = nanonet.explain(
        nanonet.two_two_one(),
        params,
        XOR_X[2],
        XOR_Y[2],
        loss=nanonet.half_squared_error,
    )
    name = ["w1", "w2", "w3", "w4", "b3", "b4", "w5", "w6", "b5"][index]
    (path,) = explained[name].paths
    assert found["chain"]["symbols"].split(" · ") == [f.symbol for f in path.factors]
    np.testing.assert_allclose(
        found["chain"]["value"], explained[name].value, rtol=1e-13
    )
    values = {symbol: value for symbol, _, _, value in found["forward"]}
    for quantity in explained.forward:
        np.testing.assert_allclose(
            values[str(quantity.symbol)], quantity.value, rtol=1e-14
        )
    assert found["rule"][-1][-1] == found["next"]
