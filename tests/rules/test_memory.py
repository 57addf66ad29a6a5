"""Rules that expand J once at each point, and say so to the loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nanonet.objectives.bounded import Bounded, Box
from nanonet.rules._parts.memory import primed, remembers
from nanonet.rules.adam import adam
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.newton import newton
from nanonet.solve.least_squares import HalfSquare
from nanonet.solve.minimize import minimize
from nanonet.solve.step import Tolerances, begin, take_step

RULES = {
    "newton": newton,
    "levenberg_marquardt": levenberg_marquardt,
    "qr": lambda: levenberg_marquardt(solver="qr"),
    "geodesic": lambda: levenberg_marquardt(geodesic=True),
}


class Rosenbrock:
    """Residuals that count how often they are traced."""

    def __init__(self):
        self.traced = 0

    def __call__(self, theta):
        self.traced += 1
        u, v = theta["u"], theta["v"]
        return jnp.stack([10 * (v - u**2), 1 - u])


def start():
    return {"u": jnp.array(-1.2), "v": jnp.array(1.0)}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.one_case
def test_alone_and_in_a_chain_the_steps_are_the_same(name):
    """In a chain the loop cannot know where the rule's step leads, and looks."""
    J = HalfSquare(Rosenbrock())
    alone = minimize(J, start(), RULES[name](), gtol=1e-4)
    chain = optax.chain(RULES[name](), optax.identity())
    chained = minimize(J, start(), chain, gtol=1e-4)
    assert alone.status is chained.status
    assert alone.steps == chained.steps
    assert alone.evaluations == chained.evaluations
    rtol = 1e-3 if alone.params["u"].dtype == np.float32 else 1e-9
    np.testing.assert_allclose(
        alone.history.value, chained.history.value, rtol=rtol, atol=1e-7
    )
    for leaf in jax.tree.leaves(alone.params):
        np.testing.assert_allclose(leaf, 1, rtol=1e-3)


@pytest.mark.precision("x64", reason="only traces")
@pytest.mark.parametrize("name", ["newton", "levenberg_marquardt"])
@pytest.mark.one_case
def test_a_step_holds_one_expansion_of_j(name):
    """Half of a program, and of its compilation, would be copies of it."""

    def traced(rule):
        r = Rosenbrock()
        run = jax.eval_shape(
            lambda theta: begin(HalfSquare(r), rule, theta, Tolerances()), start()
        )
        r.traced = 0
        jax.eval_shape(
            lambda run: take_step(HalfSquare(r), rule, Tolerances(), run), run
        )
        return r.traced

    alone = traced(RULES[name]())
    assert alone < traced(optax.chain(RULES[name](), optax.identity()))


def test_the_first_step_begins_with_what_begin_computed():
    rule, J = newton(), HalfSquare(Rosenbrock())
    run = jax.jit(lambda theta: begin(J, rule, theta, Tolerances()))(start())
    assert bool(run.rule_state.memory.evaluated.is_at(start()))
    H = jax.jit(jax.hessian(lambda theta: J({"u": theta[0], "v": theta[1]})))
    theta = jnp.array([-1.2, 1.0])
    np.testing.assert_allclose(run.rule_state.memory.hessian, H(theta), rtol=1e-5)
    np.testing.assert_allclose(run.point.value, J(start()), rtol=1e-6)


def test_who_does_not_remember_for_sure_is_looked_at():
    J = HalfSquare(Rosenbrock())
    box = Box({"u": -2.0, "v": -2.0}, {"u": 2.0, "v": 2.0})
    mixed = {"u": jnp.array(-1.2, jnp.float16), "v": jnp.array(1.0, jnp.float32)}
    state = newton().init(start())
    assert remembers(newton(), state, J)
    assert not remembers(newton(), state, Bounded(J, box))
    assert not remembers(newton(), state._replace(memory=None), J)
    assert not remembers(newton(), newton().init(mixed), J)
    assert not remembers(adam(0.1), adam(0.1).init(start()), J)
    assert primed(adam(0.1), adam(0.1).init(start()), J, start()) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["newton", "levenberg_marquardt"])
def test_a_step_that_somebody_halves_is_half_as_long(name):
    """Its state is the rule's own, but its memory is of where the whole step leads."""
    inner, J = RULES[name](), HalfSquare(lambda theta: 2 * theta - 6)

    def update(*args, **kwargs):
        step, state = inner.update(*args, **kwargs)
        return step / 2, state

    halved = optax.GradientTransformationExtraArgs(inner.init, update)
    theta = jnp.array(1.0)
    whole = minimize(J, theta, inner, max_steps=1).params - theta
    half = minimize(J, theta, halved, max_steps=1)
    np.testing.assert_allclose(half.params - theta, whole / 2, rtol=1e-5)
    np.testing.assert_allclose(half.value, J(half.params), rtol=1e-5)
