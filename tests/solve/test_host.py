"""How much the host asks for before it looks again."""

import pytest

from nanonet.solve.host import Pace

pytestmark = pytest.mark.precision("x32", reason="nothing is computed")

LONGEST = 10_000


@pytest.mark.parametrize(
    ("asked", "done", "seconds", "next_"),
    [
        (1, 1, 0.5, 1),  # it was compiled
        (1, 1, 1e-3, 64),  # no faster than that
        (64, 64, 0.05, 128),
        (128, 128, 0.4, 32),
        (9_000, 9_000, 0.05, LONGEST),
        (128, 1, 1e-4, 128),  # it ended by itself, and says nothing against 128
        (128, 50, 0.05, 128),
        (128, 100, 0.05, 200),
        (128, 1, 0.2, 64),
    ],
)
def test_a_chunk_takes_about_a_tenth_of_a_second(asked, done, seconds, next_):
    pace = Pace(asked)
    pace.learn(asked, done, seconds, LONGEST)
    assert pace.length == next_


def test_runs_that_end_early_do_not_add_up_to_a_chunk_without_end():
    pace = Pace()
    for _ in range(100):
        pace.learn(pace.length, 1, 0.05, LONGEST)
    assert pace.length == 2


def test_another_run_begins_with_care():
    pace = Pace(5_000)
    assert pace.begin_anew().length == 500
    assert Pace(3).begin_anew().length == 1
