"""What rules tell the loop, alone and chained; told by type, not by a field's name."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nanonet.rules._parts.line_search import scale_by_wolfe_search
from nanonet.rules._parts.told import told_by, with_damping
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.newton import newton
from nanonet.rules.newton_cg import newton_cg
from nanonet.solve.least_squares import HalfSquare, least_squares
from nanonet.solve.minimize import minimize

CHAINS = {
    "newton, search": lambda: optax.chain(newton(), scale_by_wolfe_search()),
    "bfgs, newton": lambda: optax.chain(bfgs(), newton()),
    "bfgs, bfgs": lambda: optax.chain(bfgs(), bfgs()),
    "newton_cg, newton_cg": lambda: optax.chain(newton_cg(), newton_cg()),
    "sgd, zoom, zoom": lambda: optax.chain(
        optax.sgd(1.0),
        optax.scale_by_zoom_linesearch(20),
        optax.scale_by_zoom_linesearch(20),
    ),
}


def bowl(theta):
    """Convex, with its minimum 1 at (1, 1)."""
    return jnp.sum(jnp.cosh(theta - 1)) / 2


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.one_case
def test_chained_rules_that_evaluate_are_all_heard(name):
    result = minimize(bowl, jnp.array([2.0, -1.0]), CHAINS[name](), max_steps=30)
    assert np.all(np.diff(result.history.value) <= 1e-6)
    assert result.evaluations > result.steps
    if name in ("newton, search", "bfgs, newton"):
        np.testing.assert_allclose(result.params, 1, atol=2e-3)


def test_evaluations_are_summed():
    rule = optax.chain(bfgs(), newton())
    theta = jnp.array([2.0, -1.0])

    @jax.jit
    def after_one(theta):
        value, slope = jax.value_and_grad(bowl)(theta)
        more = {"value": value, "grad": slope, "value_fn": bowl}
        _, alone = bfgs().update(slope, bfgs().init(theta), theta, **more)
        _, state = rule.update(slope, rule.init(theta), theta, **more)
        return alone, state

    alone, state = after_one(theta)
    # Newton's update evaluates J once.
    assert told_by(state).evaluations == told_by(alone).evaluations + 1
    assert len(told_by(state).evaluated) == 2


def test_a_damping_is_set_where_there_is_one():
    rule = optax.chain(bfgs(), levenberg_marquardt(damping=0.5))
    state = with_damping(rule.init(jnp.zeros(2)), 0.25)
    assert told_by(state).damping == 0.25
    assert optax.tree.get(levenberg_marquardt(0.5).init(jnp.zeros(2)), "damping") == 0.5
    state = bfgs().init(jnp.zeros(2))
    assert jax.tree.structure(with_damping(state, 0.25)) == jax.tree.structure(state)
    assert np.isnan(told_by(state).damping)


@pytest.mark.parametrize(
    "make",
    [newton, newton_cg, bfgs, lbfgs, levenberg_marquardt],
    ids=lambda f: f.__name__,
)
@pytest.mark.one_case
def test_sound_problems_pass_with_debug_nans(make):
    J = HalfSquare(lambda theta: 2 * theta - jnp.array([2.0, 6.0]))
    with jax.debug_nans(True):
        result = minimize(J, jnp.zeros(2), make(), gtol=1e-3)
        np.testing.assert_allclose(result.params, [1.0, 3.0], rtol=1e-3)


def test_least_squares_pass_with_debug_nans():
    with jax.debug_nans(True):
        result = least_squares(lambda theta: theta - 3.0, 0.0)
        np.testing.assert_allclose(result.params, 3.0, rtol=1e-3)
