"""What a function reads beside its arguments, so that a change of it is noticed.

What is compiled under a function has the values built in that its globals, closure and
attributes had when it was traced. `captured` is a key that is another one as soon as
one of them is another one.
"""

import functools
import types
import zlib
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

# Functions of these packages read nothing that changes.
_CONSTANT = ("nanonet", "jax", "jaxlib", "optax", "numpy", "scipy", "builtins", "math")
_DEEPEST = 6


class Captured:
    """What functions read, variable by variable."""

    def __init__(self, functions: Iterable[Any]) -> None:
        self.size = 0
        """Bytes of the arrays among it."""

        self.traced = False
        """Whether JAX traces one of them."""

        self.read: dict[tuple[int, str], Any] = {}
        """The key of each variable's value, by function and name."""

        self._seen: set[int] = set()
        for i, function in enumerate(functions):
            self.read[i, ""] = self._of(function, frozenset(), 0)

    def changed(self, other: "Captured") -> set[tuple[int, str]]:
        """The variables that are not the same in another."""
        either = self.read.keys() | other.read.keys()
        missing = object()
        return {
            where
            for where in either
            if self.read.get(where, missing) != other.read.get(where, missing)
        }

    def _of(self, value: Any, names: frozenset[str], depth: int) -> Any:
        """The key of a value; of a module, of what it holds under these names."""
        if value is None or isinstance(value, bool | int | str | bytes):
            return value
        if isinstance(value, float | complex):
            return repr(value)  # a NaN equals no NaN
        if isinstance(value, np.ndarray):
            self.size += value.nbytes
            return id(value) if value.dtype.hasobject else _content(value)
        if isinstance(value, jax.Array):
            traced = isinstance(value, Tracer)
            self.traced |= traced
            self.size += 0 if traced else value.nbytes
            return id(value)
        if id(value) in self._seen or depth > _DEEPEST:
            return id(value)
        self._seen.add(id(value))
        of = functools.partial(self._of, names=names, depth=depth + 1)
        if isinstance(value, tuple | list | set | frozenset):
            return type(value), *map(of, value)
        if isinstance(value, dict):
            return dict, *((key, of(item)) for key, item in value.items())
        if isinstance(value, functools.partial):
            return of(value.func), of(value.args), of(value.keywords)
        if isinstance(value, types.MethodType):
            return of(value.__func__), of(value.__self__)
        if isinstance(value, types.FunctionType):
            return self._of_function(value, depth + 1)
        if isinstance(value, types.ModuleType):
            return id(value), *map(of, _chosen(value, names))
        # Of an object the attributes; of what jax.jit makes the function within.
        return id(value), *map(of, getattr(value, "__dict__", {}).values())

    def _of_function(self, function: types.FunctionType, depth: int) -> Any:
        if _is_constant(function.__module__):
            return id(function)
        code, around = function.__code__, function.__globals__
        names = _names(code)
        read = {name: around[name] for name in names & around.keys()}
        cells = map(_contents, function.__closure__ or ())
        read |= zip(code.co_freevars, cells, strict=True)
        read["()"] = function.__defaults__, function.__kwdefaults__
        for name, value in read.items():
            self.read[id(function), name] = self._of(value, names, depth)
        return id(function)


def reads_nothing(function: Any) -> bool:
    """Whether a function surely reads nothing that changes."""
    plain = isinstance(function, types.FunctionType | types.BuiltinFunctionType)
    return plain and _is_constant(function.__module__)


def _is_constant(module: str | None) -> bool:
    return (module or "").partition(".")[0] in _CONSTANT


def _chosen(module: types.ModuleType, names: frozenset[str]) -> list[Any]:
    """What a module holds under these names, if it is no package's."""
    if _is_constant(module.__name__):
        return []
    return [vars(module)[name] for name in sorted(names) if name in vars(module)]


@functools.lru_cache(1024)
def _names(code: types.CodeType) -> frozenset[str]:
    """The names that a function looks up, those of the functions inside it included."""
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return frozenset(code.co_names).union(*map(_names, inner))


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def _content(array: np.ndarray) -> Any:
    """The key of an array's numbers, which may change in place."""
    return array.shape, array.dtype.str, zlib.crc32(np.ascontiguousarray(array).data)
