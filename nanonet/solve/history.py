"""What is kept of a run, point by point."""

from typing import Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from nanonet.solve.result import History
from nanonet.solve.step import Point

#: What to keep of each point: nothing, J and ‖∇J‖, or the parameters too.
Kept = Literal["nothing", "values", "params"]

# A longer history is thinned: every second point goes, again and again.
MOST_POINTS = 2**17
MOST_BYTES = 2**30
FEWEST_POINTS = 2**10
MOST_CHUNKS = 64


class Entry(NamedTuple):
    """What the history keeps of a point; see `History`."""

    value: Array | np.ndarray
    gradient_norm: Array | np.ndarray
    params: PyTree | None


def kept_of(history: bool, keep_params: bool) -> Kept:
    """What to keep."""
    if keep_params:
        return "params"
    return "values" if history else "nothing"


def entry_of(point: Point, kept: Kept) -> Entry | None:
    """The entry of a point."""
    if kept == "nothing":
        return None
    params = point.params if kept == "params" else None
    return Entry(point.value, point.gradient_norm, params)


def size_of(entry: PyTree) -> int:
    """Bytes that an entry takes, and one more."""
    return 1 + sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(entry))


Rows = tuple[np.ndarray, PyTree]  # the steps before each entry, and the entries


class Recorder:
    """Entries, chunk by chunk, that thin themselves so that they stay few."""

    def __init__(self, first: PyTree, rows: Rows | None = None) -> None:
        """Begin with the entry of the start; or after rows that were recorded."""
        most = max(MOST_BYTES // size_of(first), FEWEST_POINTS)
        self.most = min(most, MOST_POINTS)
        if rows is None:
            one = jax.tree.map(lambda leaf: np.asarray(leaf)[None], first)
            rows = np.zeros(1, int), one
        self.last = rows
        self.every = int(rows[0][1]) if len(rows[0]) > 1 else 1
        self.chunks = [thinned(rows, self.every)]

    def add(self, chunk: PyTree, count: int, last_step: int) -> None:
        """Add the first ``count`` entries of a chunk that ends with a step."""
        if chunk is None or count == 0:
            return
        steps = np.arange(last_step - count + 1, last_step + 1)
        rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:count].copy(), chunk)
        self.last = steps, rows
        self.chunks.append(thinned(self.last, self.every))
        points = sum(len(steps) for steps, _ in self.chunks)
        if points > self.most or len(self.chunks) > MOST_CHUNKS:
            joined = join(self.chunks)
            while len(joined[0]) > self.most:
                self.every *= 2
                joined = thinned(joined, self.every)
            self.chunks = [joined]

    @property
    def rows(self) -> Rows:
        """All of it so far, and always the last point."""
        end = jax.tree.map(lambda rows: rows[-1:], self.last)
        is_kept = end[0] % self.every == 0
        return join(self.chunks if is_kept else [*self.chunks, end])


def history_of(rows: Rows) -> History | None:
    """What was recorded of a run, if anything was."""
    steps, entry = rows
    if entry is None:
        return None
    return History(entry.value, entry.gradient_norm, entry.params, steps)


def join(chunks: list[Rows]) -> Rows:
    """The chunks in one piece."""
    return jax.tree.map(lambda *rows: np.concatenate(rows), *chunks)


def thinned(rows: Rows, every: int) -> Rows:
    """The points after a multiple of ``every`` steps."""
    if every == 1:
        return rows
    chosen = rows[0] % every == 0
    return jax.tree.map(lambda rows: rows[chosen], rows)
