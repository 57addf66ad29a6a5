"""Timing of one thing against another on a noisy machine."""

import time
from collections.abc import Callable, Mapping

import numpy as np


def interleaved(
    runs: Mapping[str, Callable[[], object]],
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Seconds of each run in each round, after one round that is not counted.

    The runs take turns, so that a change of the machine's speed meets all of them: a
    ratio is taken within a round, and its median over the rounds is what to quote.
    """
    seconds = {name: np.empty(rounds) for name in runs}
    for turn in range(-1, rounds):
        for name, run in runs.items():
            began = clock()
            run()
            if turn >= 0:
                seconds[name][turn] = clock() - began
    return seconds
