"""Who solves the blocks: threads, one for each core, or the devices of a mesh."""

import functools
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from nanonet.many.blocks import Plan, block_size_for, solve_blocks
from nanonet.many.lane import End, Limits, Wanted
from nanonet.many.problems import Problems
from nanonet.solve.workers import Workers, count_cores, waits_for_itself
from nanonet.xla import is_older_than

# One call of the compiled program solves no more problems. What these are given is
# brought to the device for many calls at once, but no more problems or bytes.
PROBLEMS_PER_CALL = 2**13
PROBLEMS_AT_ONCE, BYTES_AT_ONCE = 2**18, 2**28

# What there is to do is cut into so many calls for each core, so that none has to wait
# long for another.
CALLS_PER_CORE = 2

# So few steps, of all problems together, are taken before a thread has started.
FEW_STEPS = 2**13


class Crew:
    """All who solve problems side by side, by the one program that was compiled.

    Of a CPU each core has a thread; of other devices, and where there are several
    hosts, each gets its part of every call.
    """

    def __init__(
        self, problems: Problems, limits: Limits, wanted: Wanted, mesh: Mesh | None
    ) -> None:
        """Compile the program, or find it compiled."""
        # Imported inside a trace, what it needs of JAX makes JAX compile all anew; and
        # earlier than here, it makes all wait that do without.
        import nanonet.scalarize.transform  # noqa: F401

        self.problems, self.limits = problems, limits
        self.mesh = _usual_mesh() if mesh is None else _checked(mesh)
        self.workers = count_cores() if self.mesh is None else self.mesh.size
        self.block, self.blocks, self.size = self._sizes(wanted)
        self.window: tuple[int, Any] | None = None
        plan = Plan(
            problems.static,
            problems.is_own,
            problems.draw,
            self.block,
            self.blocks,
            wanted,
            self.mesh,
        )
        given = plan, *self._given(0, 1)
        self.program = functools.partial(solve_blocks.ahead(*given), plan)
        if self.mesh is None and waits_for_itself(
            lambda: solve_blocks.primitives(*given)
        ):
            self.workers = 1
        few = int(limits.max_steps) * problems.N <= FEW_STEPS
        self.threads = Workers(1 if few else self.workers)

    @property
    def first(self) -> int:
        """Problems of a first, short call."""
        return self.workers * self.block

    @property
    def longest(self) -> int:
        """Problems at the most before somebody looks up."""
        calls = CALLS_PER_CORE if self.mesh is None else 1
        return calls * self.workers * self.blocks * self.block

    def solve(self, first: int, limit: int) -> list[End]:
        """Solve about ``limit`` problems from the ``first`` on, in order."""
        if self.mesh is not None:
            return [self._call(self._given(first, self.blocks))]
        blocks = -(-limit // self.block)
        threads = self.threads.count
        parts = CALLS_PER_CORE * threads if threads > 1 else 1
        each = min(-(-blocks // parts), self.blocks)
        calls = []
        while blocks > 0:
            # As far as what was brought to the device reaches.
            there = self.size - first % self.size
            count = min(each, blocks, there // self.block)
            calls.append((self._given(first, count), count))
            first, blocks = first + count * self.block, blocks - count
        return self.threads.map(self._call, calls)

    def _call(self, given: tuple, blocks: int | None = None) -> End:
        ends = self.program(*given)
        if jax.process_count() > 1:
            return multihost_utils.process_allgather(ends, tiled=True)
        count = None if blocks is None else blocks * self.block
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], ends)

    def _given(self, first: int, count: int) -> tuple:
        """What the program is given, beside its plan, for blocks from here on."""
        begin = first - first % self.size
        if self.window is None or self.window[0] != begin:
            rows = _rows(begin, self.size, (self.problems.starts, self.problems.own))
            if self.mesh is not None:
                along = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names[0]))
                rows = jax.device_put(rows, along)
            elif self.size > self.first:  # else the one call that needs them does it
                rows = jax.device_put(rows)
            self.window = begin, rows
        counts = (first - begin) // self.block, count
        numbers = (np.asarray(n, np.int32) for n in counts)
        return *self.window[1], self.problems.shared, self.limits, *numbers

    def _sizes(self, wanted: Wanted) -> tuple[int, int, int]:
        """Problems in a block, blocks in a call, and problems brought in at once."""
        params, own, N = self.problems.params, self.problems.own, self.problems.N
        each = _bytes((params, params)) + _bytes(own) // N + 4 * wanted.records
        share = -(-N // self.workers)
        # Other processors than CPUs have no use for blocks, but for many lanes.
        if self.mesh is not None and self.mesh.devices.flat[0].platform != "cpu":
            block = min(share, PROBLEMS_AT_ONCE, BYTES_AT_ONCE // each)
            return block, 1, block * self.workers
        block = min(block_size_for(self.problems.rule, params), share)
        blocks = min(PROBLEMS_PER_CALL // block, BYTES_AT_ONCE // (block * each))
        blocks = max(min(blocks, -(-share // block)), 1)
        if self.mesh is not None:
            return block, blocks, block * blocks * self.workers
        # One call is to do for few steps of few problems.
        blocks = max(blocks, min(self.workers, -(-N // block)))
        most = max(min(PROBLEMS_AT_ONCE, BYTES_AT_ONCE // each) // block, blocks)
        return block, blocks, min(most, -(-N // block)) * block


def _rows(first: int, size: int, tree: PyTree) -> PyTree:
    """So many rows of each leaf; the last row again, where there are no more."""

    def of(leaf: np.ndarray) -> np.ndarray:
        rows = leaf[first : first + size]
        if len(rows) == size:
            return rows
        return leaf[np.minimum(np.arange(first, first + size), len(leaf) - 1)]

    return jax.tree.map(of, tree)


def _bytes(tree: PyTree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _usual_mesh() -> Mesh | None:
    """All devices; or none, where they are one CPU's, whose cores need no mesh."""
    devices = jax.devices()
    if devices[0].platform == "cpu" and jax.process_count() == 1:
        return None
    return _checked(Mesh(np.array(devices), ("problems",)))


def _checked(mesh: Mesh) -> Mesh:
    """The mesh, if it is of one axis; of an old jax on a CPU one device a process."""
    if len(mesh.axis_names) != 1:
        raise ValueError(
            f"mesh has the axes {mesh.axis_names}; it must have one, for the problems."
        )
    devices = list(mesh.devices.flat)
    if devices[0].platform != "cpu" or not is_older_than(0, 12):
        return mesh
    alone = {device.process_index: device for device in reversed(devices)}
    return Mesh(np.array([alone[i] for i in sorted(alone)]), mesh.axis_names)
