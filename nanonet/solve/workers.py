"""Threads that call one compiled program side by side, one for each core.

The CPU of one process is one device of JAX, which runs as many programs at a time as
threads call.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from nanonet.xla import is_older_than

R = TypeVar("R")


def without_blas_threads() -> AbstractContextManager:
    """Within it LAPACK computes with the thread that calls it alone.

    The matrices of small networks are small, and the cores have work of their own: its
    threads would wait for each other. What it comes to is the same on any number of
    cores, then, to the last digit.

    >>> from threadpoolctl import threadpool_info
    >>> with without_blas_threads():
    ...     blas = [of for of in threadpool_info() if of["user_api"] == "blas"]
    >>> {of["num_threads"] for of in blas}
    {1}
    """
    import scipy.linalg  # noqa: F401  (JAX has LAPACK from it, and loads it later)
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


class Workers:
    """So many threads, this one among them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.pool = ThreadPoolExecutor(max(count - 1, 1), "nanonet")

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

    def map(self, function: Callable[..., R], calls: Sequence[tuple]) -> list[R]:
        """What the function makes of each of the argument lists, in order."""
        if self.count == 1 or len(calls) < 2:
            return [function(*call) for call in calls]
        others = [self.pool.submit(function, *call) for call in calls[1:]]
        made: list[Any] = [function(*calls[0]), *others]
        for i, future in enumerate(others, 1):
            if future.cancel():
                made[i] = function(*calls[i])
        return [each.result() if isinstance(each, Future) else each for each in made]


def count_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def waits_for_itself(primitives: Callable[[], frozenset[str]]) -> bool:
    """Whether two calls of a program of these primitives may wait for each other.

    On CPUs jax older than 0.12 waits for its own threads in LAPACK's eigenvalues and
    singular values, and two programs that do so at once never get one.
    """
    return is_older_than(0, 12) and not primitives().isdisjoint({"eigh", "svd"})
