"""Threads that call one compiled program side by side, one for each core.

The CPU of one process is one device of JAX, which runs as many programs at a time as
threads call.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from nanonet.xla import is_older_than

R = TypeVar("R")


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
