"""Threads that work side by side."""

import threading

import pytest

from nanonet.solve.workers import Workers, count_cores

pytestmark = pytest.mark.precision("x32", reason="computes nothing")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_order(count):
    with Workers(count) as workers:
        calls = [(i, 10) for i in range(40)]
        assert workers.map(lambda i, n: n * i, calls) == [10 * i for i in range(40)]
        assert workers.map(abs, []) == []


def test_two_work_at_a_time():
    """Each waits for the other: one alone would wait for ever."""
    both = threading.Barrier(2, timeout=60)
    with Workers(2) as workers:
        assert sorted(workers.map(lambda _: both.wait(), [(0,), (1,)])) == [0, 1]


def test_an_error_in_any_thread_is_the_caller_s():
    def fail(i):
        if i == 7:
            raise ValueError("seven")
        return i

    with Workers(3) as workers, pytest.raises(ValueError, match="seven"):
        workers.map(fail, [(i,) for i in range(20)])


def test_there_is_a_core():
    assert count_cores() >= 1
