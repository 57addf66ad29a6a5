"""The loop on the device: steps repeated, and recorded, until a run ends."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Bool, Int, PyTree

from nanonet._internal.static import jit
from nanonet.objectives.modes import ScalarFunction
from nanonet.solve.history import Entry, Kept, entry_of, size_of
from nanonet.solve.host import Pace
from nanonet.solve.result import Status
from nanonet.solve.step import Run, Tolerances, begin, take_step

S = TypeVar("S")
Count = Int[Array, ""] | np.ndarray | int

# A chunk never records more steps or bytes than these.
STEPS_PER_CHUNK = 2**14
BYTES_PER_CHUNK = 2**24

# The inner loop writes to a record this short, because XLA for CPUs copies the whole
# record at each step where it does not compile the loop into one function.
STEPS_PER_BLOCK = 64


def repeat(
    step: Callable[[Array, S], S],
    state: S,
    first: Count,
    last: Count,
    going: Callable[[S], Bool[Array, ""]] | None = None,
) -> tuple[Int[Array, ""], S]:
    """Repeat state ← step(i, state) for i from first to last - 1, while it is going."""

    def unfinished(carry: tuple[Array, S]) -> Array:
        i, state = carry
        return i < last if going is None else (i < last) & going(state)

    def body(carry: tuple[Array, S]) -> tuple[Array, S]:
        i, state = carry
        return i + 1, step(i, state)

    return lax.while_loop(unfinished, body, (jnp.int32(first), state))


def repeat_recorded(
    step: Callable[[S], S],
    state: S,
    limit: Count,
    *,
    going: Callable[[S], Bool[Array, ""]],
    record: Callable[[S], PyTree],
    capacity: int,
) -> tuple[S, PyTree, Int[Array, ""]]:
    """Take up to ``limit`` ≤ ``capacity`` steps; the state, a record, and the count.

    ``record(state)`` after step i is entry i - 1 of the record, whose entries from the
    count on mean nothing.
    """
    sample = jax.eval_shape(record, state)
    length = min(STEPS_PER_BLOCK, capacity)
    blocks = -(-capacity // length)

    def empty(length: int) -> PyTree:
        return jax.tree.map(
            lambda leaf: jnp.zeros((length, *leaf.shape), leaf.dtype), sample
        )

    def one_step(i: Array, carry: tuple[S, PyTree]) -> tuple[S, PyTree]:
        state, rows = carry
        state = step(state)
        row = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], record(state))
        return state, _write(rows, row, i)

    def one_block(i: Array, carry: tuple) -> tuple:
        state, whole, _ = carry
        count, (state, rows) = repeat(
            one_step,
            (state, empty(length)),
            0,
            jnp.minimum(length, limit - i * length),
            lambda carry: going(carry[0]),
        )
        return state, _write(whole, rows, i * length), i * length + count

    start: Any = (state, empty(blocks * length), jnp.int32(0))
    last = (jnp.int32(limit) + length - 1) // length
    _, ended = repeat(one_block, start, 0, last, lambda carry: going(carry[0]))
    return ended


def _write(rows: PyTree, new: PyTree, position: Array) -> PyTree:
    return jax.tree.map(
        lambda old, new: lax.dynamic_update_slice_in_dim(old, new, position, 0),
        rows,
        new,
    )


def is_running(run: Run) -> Bool[Array, "*batch"]:
    """Whether no stop test has been met."""
    return run.status == Status.RUNNING


def steps_per_chunk(entry: PyTree) -> int:
    """How many such entries one chunk may record."""
    return max(1, min(STEPS_PER_CHUNK, BYTES_PER_CHUNK // size_of(entry)))


start = jit(begin)

NOT_BEGUN = -1

# A run of so many bytes is kept for the next that begins like it.
LARGEST_KEPT = 2**16


class Outset:
    """Where runs that one program makes begin, and how many steps they take at once."""

    def __init__(self, run: Run) -> None:
        self.shapes = run
        self.pace = Pace()
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(run))
        self.zeros = self._zeros() if size <= LARGEST_KEPT else None
        self._last: tuple[Any, Any] = None, None

    def run(self, params: PyTree) -> Run:
        """A run that `advance` is to begin at the parameters."""
        zeros = self._zeros() if self.zeros is None else self.zeros
        return zeros._replace(point=zeros.point._replace(params=params))

    def there(self, tolerances: Tolerances) -> Tolerances:
        """The tolerances where they are used; to bring a number there takes time."""
        given, there = self._last
        if given != tolerances:
            with jax.debug_nans(False):  # one may be NaN, and means the usual
                there = jax.tree.map(jnp.asarray, tolerances)
            self._last = tolerances, there
        return there

    def _zeros(self) -> Run:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), self.shapes)
        return zeros._replace(step=jnp.int32(NOT_BEGUN))


def outset(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    params: PyTree,
    tolerances: Tolerances,
) -> Outset:
    """The one of all runs like this."""
    return start.made(_outset, fun, rule, params, tolerances)


def _outset(program: Any, numbers: list) -> Outset:
    return Outset(jax.eval_shape(program, numbers))


@jit
def advance(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    tolerances: Tolerances,
    kept: Kept,
    run: Run,
    limit: Count,
) -> tuple[Run, Entry | None, Entry | None, Int[Array, " 4"]]:
    """Take up to ``limit`` more steps, after the first evaluation if none was made.

    Returns:
      The run; the entry of where it was, and of each step; and how many they are,
      beside the run's step, status and evaluations, in one array for the host.
    """

    def record(run: Run) -> Entry | None:
        return entry_of(run.point, kept)

    run = lax.cond(
        run.step == NOT_BEGUN,
        lambda run: begin(fun, rule, run.point.params, tolerances),
        lambda run: run,
        run,
    )
    first = record(run)
    run, rows, count = repeat_recorded(
        lambda run: take_step(fun, rule, tolerances, run),
        run,
        limit,
        going=is_running,
        record=record,
        capacity=steps_per_chunk(jax.eval_shape(record, run)),
    )
    tally = jnp.stack([count, run.step, run.status, run.evaluations])
    return run, first, rows, tally


def run_to_end(
    fun: ScalarFunction,
    rule: optax.GradientTransformation,
    params: PyTree,
    tolerances: Tolerances,
    max_steps: Count,
) -> Run:
    """Begin, and take steps until a stop test is met; a pure function, no record."""
    return repeat(
        lambda _, run: take_step(fun, rule, tolerances, run),
        begin(fun, rule, params, tolerances),
        0,
        max_steps,
        is_running,
    )[1]
