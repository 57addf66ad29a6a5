"""XOR from many random starts: which rules solve it, and at what price.

The 2-2-1 network of the notes, float64, parameters standard normal, J = half the mean
squared error of the four rows. Each start runs alone in the loop of `minimize`, one
after the other inside one compiled program, until J ≤ 10⁻³, ‖∇J‖ ≤ 10⁻¹⁰, the rule says
that J cannot be made smaller, or its steps are spent.
"""

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from nanonet.network.network import TwoTwoOne, two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.adam import adam
from nanonet.rules.bfgs import bfgs, lbfgs
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.rules.momentum import momentum
from nanonet.rules.newton import gauss_newton, newton
from nanonet.rules.newton_cg import newton_cg
from nanonet.rules.rmsprop import rmsprop
from nanonet.rules.secant import barzilai_borwein
from nanonet.solve.loop import run_to_end
from nanonet.solve.result import Status
from nanonet.solve.step import Tolerances
from nanonet.table.logic import X, Y

GOAL = 1e-3

MANY, FEW = 10_000, 1_000


class Racer(NamedTuple):
    """A rule, as it takes part."""

    label: str
    rule: optax.GradientTransformation
    max_steps: int


#: The rules that race, by the name one calls them by.
RACERS = {
    "gradient_descent": Racer("gradient descent, α = 10", gradient_descent(10.0), MANY),
    "momentum": Racer("momentum, α = 1", momentum(1.0), MANY),
    "rmsprop": Racer("RMSprop, α = 0.01", rmsprop(0.01), MANY),
    "adam": Racer("Adam, α = 0.05", adam(0.05), MANY),
    "barzilai_borwein": Racer("Barzilai-Borwein 1", barzilai_borwein(1.0), FEW),
    "barzilai_borwein_2": Racer("Barzilai-Borwein 2", barzilai_borwein(1.0, 2), FEW),
    "bfgs": Racer("BFGS", bfgs(), FEW),
    "lbfgs": Racer("L-BFGS", lbfgs(), FEW),
    "newton_cg": Racer("Newton-CG", newton_cg(), FEW),
    "newton_pure": Racer("Newton, pure", newton(safeguard=False), FEW),
    "newton": Racer("Newton, trust region", newton(), FEW),
    "gauss_newton": Racer("Gauss-Newton", gauss_newton(), FEW),
    "levenberg_marquardt": Racer("Levenberg-Marquardt", levenberg_marquardt(), FEW),
    "levenberg_marquardt_unscaled": Racer(
        "the same, D = I", levenberg_marquardt(scaled=False), FEW
    ),
    "levenberg_marquardt_geodesic": Racer(
        "the same, geodesic",
        levenberg_marquardt(scaled=False, geodesic=True),
        FEW,
    ),
}

#: Mean squared errors where starts get stuck: two rows given ½, three rows given 1/3 or
#: 2/3, all rows given ½ (or one row wrong).
PLATEAUS = {"1/8": 1 / 8, "1/6": 1 / 6, "1/4": 1 / 4}


class Ends(NamedTuple):
    """Where the starts ended."""

    steps: Int[np.ndarray, " starts"]
    status: Int[np.ndarray, " starts"]

    evaluations: Int[np.ndarray, " starts"]
    """Of J and ∇J, or of the residuals."""

    values: Float[np.ndarray, " starts"]
    """The smallest J."""


def draw_starts(count: int, *, seed: int) -> TwoTwoOne:
    """Draw standard normal parameters: each leaf with a leading axis of starts."""
    keys = jax.random.split(jax.random.key(seed), count)
    draw = two_two_one().init
    return jax.vmap(lambda key: draw(key=key, dtype=jnp.result_type(float)))(keys)


def race(
    rule: optax.GradientTransformation, starts: PyTree[Array], max_steps: int
) -> tuple[Ends, float]:
    """Run a rule from each start; the ends, and the seconds without compilation."""
    J = objective(two_two_one(), half_squared_error, jnp.array(X), jnp.array(Y))
    tolerances = Tolerances(gtol=1e-10, xtol=0.0, ftol=0.0, goal=GOAL)

    def run(params: PyTree) -> tuple[Array, ...]:
        end = run_to_end(J, rule, params, tolerances, max_steps)
        return end.step, end.status, end.evaluations, end.best.value

    program = jax.jit(lambda starts: lax.map(run, starts)).lower(starts).compile()
    began = time.perf_counter()
    ends = jax.device_get(program(starts))
    return Ends(*ends), time.perf_counter() - began


def summarize(ends: Ends, seconds: float) -> dict[str, Any]:
    """Count what came of the starts.

    Medians are over the starts that solved XOR (None, if none did), the time over all.
    Each start that does not solve it is counted once, by the first of these that holds.
    "NaN": its best J is not finite. "off": it came to an infinite J or ∇J. "1/8" and so
    on: its best mean squared error is within 2 % of that plateau. "moving": its steps
    were spent before it stood still. "else": it stood still at another height.
    """
    solved = ends.values <= GOAL
    left, failures = ~solved, {}
    for name, holds in {
        "NaN": ~np.isfinite(ends.values),
        "off": ends.status == Status.NON_FINITE,
        **{
            name: np.abs(2 * ends.values - height) < 0.02 * height
            for name, height in PLATEAUS.items()
        },
        "moving": ends.status == Status.RUNNING,
        "else": left,
    }.items():
        failures[name] = int(np.sum(left & holds))
        left = left & ~holds
    return {
        "starts": len(solved),
        "solved": int(solved.sum()),
        "steps": _median(ends.steps[solved]),
        "evaluations": _median(ends.evaluations[solved]),
        "milliseconds": 1e3 * seconds / len(solved),
        "failures": failures,
    }


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None
