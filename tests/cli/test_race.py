"""XOR from random starts: no method ends in NaN, and the second-order ones solve it."""

import numpy as np
import pytest

import nanonet
from nanonet.cli.race import GOAL, Ends, draw_starts, race, summarize
from nanonet.solve.result import Status


@pytest.mark.precision("x64")
@pytest.mark.parametrize(
    ("rule", "least"),
    [
        (nanonet.newton(), 0.55),
        (nanonet.levenberg_marquardt(), 0.65),
        (nanonet.newton_cg(), 0.6),
        (nanonet.bfgs(), 0.3),
        (nanonet.newton(safeguard=False), 0.0),
    ],
    ids=["newton", "levenberg", "newton_cg", "bfgs", "pure newton"],
)
@pytest.mark.one_case
def test_rates_of_success(rule, least):
    """Rates of 200 starts, less four standard deviations (about 13 %)."""
    ends, _ = race(rule, draw_starts(200, seed=0), 200)
    assert np.all(np.isfinite(ends.values))
    assert np.mean(ends.values <= GOAL) >= least


def test_starts_are_stuck_at_values_of_j():
    values = np.array([0.0, 1 / 16, 1 / 12, 1 / 8, 0.11])
    status = np.full(5, int(Status.GRADIENT))
    told = summarize(Ends(np.ones(5, int), status, np.ones(5, int), values), 1.0)
    assert told["solved"] == 1
    stuck = {name: n for name, n in told["failures"].items() if n}
    assert stuck == {"1/16": 1, "1/12": 1, "1/8": 1, "else": 1}
