"""`jit` that parts its arguments: numbers may change, all else is compiled in."""

import functools
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import jax
import numpy as np
from jax.extend.core import jaxprs_in_params
from jaxtyping import Array, PyTree

from nanonet._internal.captured import Captured, reads_nothing

# A function keeps no more programs, and builds no more data into them.
MOST_PROGRAMS = 128
MOST_BYTES = 2**28

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


def partition(tree: PyTree) -> tuple[Any, list]:
    """Part a tree's numbers from the rest, which is hashable.

    Numbers are arrays, floats and complex numbers. An integer is none: it may be a
    size, on which a compilation depends; as an array, ``np.asarray(3)``, it is one.

    >>> static, numbers = partition({"learning_rate": 0.1, "memory_size": 10})
    >>> numbers
    [0.1]
    >>> combine(static, [0.2])
    {'learning_rate': 0.2, 'memory_size': 10}
    """
    leaves, treedef = jax.tree.flatten(tree)
    numeric = tuple(map(_is_number, leaves))
    # NumPy's doubles are floats, but would compile apart.
    numbers = [
        float(leaf) if isinstance(leaf, float) else leaf
        for leaf in itertools.compress(leaves, numeric)
    ]
    rest = tuple(
        None if is_number else leaf
        for leaf, is_number in zip(leaves, numeric, strict=True)
    )
    return (treedef, rest, numeric), numbers


def _is_number(leaf: Any) -> bool:
    """Whether a leaf may change without a new compilation."""
    return _holds_numbers(type(leaf)) or isinstance(leaf, Array)  # it may be traced


@functools.lru_cache(1024)
def _holds_numbers(kind: type) -> bool:
    return issubclass(kind, (float, complex, np.inexact, np.ndarray, Array))


def combine(static: Any, numbers: list) -> Any:
    """Undo `partition`."""
    treedef, rest, numeric = static
    remaining = iter(numbers)
    leaves = [
        next(remaining) if is_number else leaf
        for is_number, leaf in zip(numeric, rest, strict=True)
    ]
    return jax.tree.unflatten(treedef, leaves)


class jit(Generic[P, T]):  # noqa: N801  (used as jax.jit is)
    """`jax.jit` of a function whose arguments may hold functions, text and sizes.

    At the boundary all arguments are parted: their numbers are traced, and the rest is
    compiled in. A rule, an objective or a network is passed like any other argument,
    and a new learning rate compiles nothing. What functions among the arguments read
    from elsewhere is looked at in each call, and where it has changed they are compiled
    anew. Programs that were not used for long are let go, with the data built into
    them.

    >>> double = jit(lambda function, x: 2 * function(x))
    >>> float(double(abs, -3.0))
    6.0
    """

    def __init__(self, function: Callable[P, T], **options: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.options = options
        self.programs: OrderedDict[Any, _Program] = OrderedDict()
        self.lock = threading.Lock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what is compiled, or compile it."""
        static, numbers = partition((args, kwargs))
        return self._use(static, lambda program: program.compiled(numbers))

    def ahead(self, *args: P.args, **kwargs: P.kwargs) -> Callable[P, T]:
        """Compile for arguments like these; a function of such, for any thread.

        Threads have JAX's settings each for itself, among them x64, and would compile
        anew by theirs. `jax.disable_jit` leaves it be.

        Raises:
          TypeError: a function among them closes over what is being traced.
        """
        x64 = jax.dtypes.canonicalize_dtype(float) == np.float64
        with jax.disable_jit(False):
            compiled = self.made(_executable, *args, **kwargs)

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with jax.enable_x64(x64), jax.disable_jit(False):
                return compiled(partition((args, kwargs))[1])

        return call

    def primitives(self, *args: P.args, **kwargs: P.kwargs) -> frozenset[str]:
        """The names of JAX's primitives in the program for arguments like these."""
        return self.made(_primitives, *args, **kwargs)

    def made(
        self, make: Callable[[Any, list], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What ``make`` makes of a program and of numbers like these, once."""
        static, numbers = partition((args, kwargs))
        what = make, *map(jax.typeof, numbers)

        def found(program: _Program) -> Any:
            if program.captured.traced:
                raise TypeError(
                    "A function that closes over values traced by jax.jit, jax.vmap or "
                    "jax.grad cannot run inside them here; call this outside."
                )
            if what not in program.made:
                program.made[what] = make(program.compiled, numbers)
            return program.made[what]

        return self._use(static, found)

    def _use(self, static: Any, use: Callable[["_Program"], R]) -> R:
        """What ``use`` makes of a program, which traces it if it is a new one."""
        with self.lock:
            program = self.programs.get(static)
            if program is not None:
                self.programs.move_to_end(static)
        if program is not None and program.is_current():
            return use(program)
        functions = [one for one in _functions(static) if not reads_nothing(one)]
        before = Captured(functions)
        new = _Program(self._compiled(static), {}, functions, before, set())
        result = use(new)
        after = Captured(functions)
        with self.lock:
            self.programs[static] = new._replace(
                captured=after, own=after.changed(before)
            )
            self._let_go()
        return result

    def clear(self) -> None:
        """Let go of all that is compiled."""
        self.programs.clear()

    def _compiled(self, static: Any) -> Any:
        def combined(numbers: list) -> Any:
            args, kwargs = combine(static, numbers)
            return self.function(*args, **kwargs)  # pyright: ignore[reportCallIssue]

        combined.__name__ = getattr(self.function, "__name__", "function")
        return jax.jit(combined, **self.options)

    def _let_go(self) -> None:
        """Forget the programs that were not used for the longest time."""
        size = sum(program.captured.size for program in self.programs.values())
        while len(self.programs) > MOST_PROGRAMS or (
            size > MOST_BYTES and len(self.programs) > 1
        ):
            size -= self.programs.popitem(last=False)[1].captured.size


def _executable(compiled: Any, numbers: list) -> Any:
    return compiled.lower(numbers).compile()


def _primitives(compiled: Any, numbers: list) -> frozenset[str]:
    found, seen = set(), set()
    waiting = [compiled.trace(numbers).jaxpr.jaxpr]
    while waiting:
        jaxpr = waiting.pop()
        if jaxpr not in seen:
            seen.add(jaxpr)
            for equation in jaxpr.eqns:
                found.add(equation.primitive.name)
                waiting += jaxprs_in_params(equation.params)
    return frozenset(found)


class _Program(NamedTuple):
    """What is compiled, and of what."""

    compiled: Any
    """By `jax.jit`, at the first call."""
    made: dict
    """What else was made of it, by what made it and the types of the arguments."""
    functions: list[Any]
    captured: Captured
    """What the functions read."""
    own: set
    """Variables that they change themselves when they are traced: a counter, say."""

    def is_current(self) -> bool:
        """Whether the functions read what they did."""
        return Captured(self.functions).changed(self.captured) <= self.own


def _functions(static: Any) -> Iterator[Any]:
    """All functions in what is compiled in, those that a tree's nodes hold included."""
    treedef, rest, _ = static
    yield from filter(callable, rest)
    nodes = [treedef]
    while nodes:
        node = nodes.pop()
        data = node.node_data()
        if data is not None:
            yield from filter(callable, jax.tree.leaves(data[1]))
        nodes += node.children()
