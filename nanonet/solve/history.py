"""What is kept of a run, point by point."""

from typing import Any, Literal, NamedTuple

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


Rows = tuple[Any, Any]  # the steps before each entry, and the entries


class Recorder:
    """A history that grows chunk by chunk, and thins itself so that it stays small."""

    def __init__(
        self, point: Point, kept: Kept, history: History | None = None
    ) -> None:
        """Begin at a point; after a history that ends there, if it is given."""
        first = entry_of(point, kept)
        self.kept: Kept = kept
        self.every = 1
        self.most = np.clip(MOST_BYTES // size_of(first), FEWEST_POINTS, MOST_POINTS)
        self.chunks: list[Rows] = []
        if history is None:
            self.add(jax.tree.map(lambda leaf: np.asarray(leaf)[None], first), 1, 0)
        else:
            entry = Entry(history.value, history.gradient_norm, history.params)
            self.chunks = [(history.steps, entry)]
            self.last = self.chunks[-1]

    def add(self, chunk: Entry | None, count: int, last_step: int) -> None:
        """Add the first ``count`` entries of a chunk that ends with a step."""
        if chunk is None:
            return
        steps = np.arange(last_step - count + 1, last_step + 1)
        rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:count].copy(), chunk)
        self.last = steps, rows
        self.chunks.append(thinned(self.last, self.every))
        while sum(len(steps) for steps, _ in self.chunks) > self.most:
            self.every *= 2
            self.chunks = [thinned(chunk, self.every) for chunk in self.chunks]

    @property
    def history(self) -> History | None:
        """All of it so far, and always the last point."""
        if not self.chunks:
            return None
        end = jax.tree.map(lambda rows: rows[-1:], self.last)
        is_kept = end[0] % self.every == 0
        chunks = self.chunks if is_kept else [*self.chunks, end]
        steps, entry = jax.tree.map(lambda *rows: np.concatenate(rows), *chunks)
        return History(entry.value, entry.gradient_norm, entry.params, steps)


def thinned(rows: Rows, every: int) -> Rows:
    """The points after a multiple of ``every`` steps."""
    if every == 1:
        return rows
    chosen = rows[0] % every == 0
    return jax.tree.map(lambda rows: rows[chosen], rows)
