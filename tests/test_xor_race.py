"""XOR from random starts: no method ends in NaN, and the second-order ones solve it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nanonet import rules
from nanonet.loop import Tolerances, advance, start
from nanonet.network import two_two_one
from nanonet.objective import half_squared_error, objective
from nanonet.partition import split

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize(
    ("rule", "least"),
    [
        (rules.newton(), 0.55),
        (rules.levenberg_marquardt(scaled=False), 0.65),
        (rules.newton_cg(), 0.6),
        (rules.bfgs(), 0.3),
        (rules.newton(safeguard=False), 0.0),
    ],
    ids=["newton", "levenberg", "newton_cg", "bfgs", "pure newton"],
)
def test_rates_of_success(key, rule, least):
    """Rates of 200 starts, less four standard deviations (about 13 %)."""
    J = objective(two_two_one(), half_squared_error, X, Y)
    static, numbers = split((J, rule))
    tolerances = Tolerances(gtol=1e-6, xtol=0.0, ftol=0.0, goal=1e-3)

    def run(params):
        begun = start(static, numbers, params, tolerances)
        return advance(static, False, numbers, tolerances, begun, 200)[0].best_value

    dtype = jnp.result_type(float)
    starts = jax.vmap(lambda key: two_two_one().init(key=key, dtype=dtype))(
        jax.random.split(key, 200)
    )
    values = np.asarray(jax.jit(lambda starts: jax.lax.map(run, starts))(starts))
    assert np.all(np.isfinite(values))
    assert np.mean(values <= 1e-3) >= least
