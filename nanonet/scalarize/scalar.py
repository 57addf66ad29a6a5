"""One number of a scalarised program, known while tracing or computed when it runs.

And what is made of numbers: NumPy's object arrays, and the arrays of the program.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

#: What was computed before in this trace: a name for it → what it was computed from,
#: kept so that no identity in the name is used again, and the result.
Memo = dict[Hashable, tuple[tuple["Scalar", ...], "Scalar"]]

#: What NumPy computes on known numbers exactly as XLA would.
_EXACT: dict[Callable, Callable[..., Any]] = {
    lax.add: operator.add,
    lax.sub: operator.sub,
    lax.mul: operator.mul,
    lax.neg: operator.neg,
    lax.eq: operator.eq,
    lax.ne: operator.ne,
    lax.lt: operator.lt,
    lax.gt: operator.gt,
    lax.bitwise_and: operator.and_,
    lax.bitwise_or: operator.or_,
    lax.bitwise_not: operator.invert,
}
_COMMUTATIVE = {lax.add, lax.mul, lax.max, lax.min, lax.eq, lax.ne}


class Scalar:
    """A number that NumPy takes for a plain object, and whose arithmetic is emitted.

    Arithmetic on known numbers is done at once, and zeros and ones fold away: a factor
    or dividend known to be zero gives zero, also where the other operand turns out to
    be infinite or NaN, and x + 0 is x, also where x is -0. The rest is emitted, once:
    the same operation on the same operands is the same `Scalar`.
    """

    __slots__ = ("memo", "value")

    #: A NumPy scalar if known; otherwise a JAX array, mostly a tracer, of shape ().
    value: Any
    memo: Memo | None

    def __init__(self, value: Any, memo: Memo | None = None) -> None:
        self.value = value
        self.memo = None if isinstance(value, np.generic) else memo

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    @property
    def known(self) -> bool:
        return isinstance(self.value, np.generic)

    def equals(self, number: float) -> bool:
        """Whether this is known to be ``number``."""
        return self.known and bool(self.value == number)

    def like(self, number: float) -> "Scalar":
        """``number``, known and of this number's dtype."""
        return Scalar(self.dtype.type(number))

    def __add__(self, other: "Scalar") -> "Scalar":
        if other.equals(0):
            return self
        return other if self.equals(0) else apply(lax.add, self, other)

    def __sub__(self, other: "Scalar") -> "Scalar":
        if other.equals(0):
            return self
        return -other if self.equals(0) else apply(lax.sub, self, other)

    def __mul__(self, other: "Scalar") -> "Scalar":
        if not (self.known and other.known):
            if self.equals(0) or other.equals(1):
                return self
            if other.equals(0) or self.equals(1):
                return other
        return apply(lax.mul, self, other)

    def __truediv__(self, other: "Scalar") -> "Scalar":
        inexact = self.dtype.kind not in "biu"
        if other.equals(1) or (inexact and self.equals(0) and not other.known):
            return self
        return apply(lax.div, self, other)

    def __and__(self, other: "Scalar") -> "Scalar":
        for one, two in ((self, other), (other, self)):
            if one.dtype == bool and one.known:
                return two if one.value else one
        return apply(lax.bitwise_and, self, other)

    def __or__(self, other: "Scalar") -> "Scalar":
        for one, two in ((self, other), (other, self)):
            if one.dtype == bool and one.known:
                return one if one.value else two
        return apply(lax.bitwise_or, self, other)

    def __neg__(self) -> "Scalar":
        return apply(lax.neg, self)

    def __abs__(self) -> "Scalar":
        return apply(lax.abs, self)

    def __invert__(self) -> "Scalar":
        return apply(lax.bitwise_not, self)

    def __lt__(self, other: "Scalar") -> "Scalar":
        return apply(lax.lt, self, other)

    def __gt__(self, other: "Scalar") -> "Scalar":
        return apply(lax.gt, self, other)


def apply(
    function: Callable[..., Any], *operands: Scalar, name: Hashable = None
) -> Scalar:
    """``function`` of the operands, elementwise, under a ``name`` (else its own).

    A function of known numbers is known.
    """
    values = [operand.value for operand in operands]
    if all(operand.known for operand in operands):
        if function in _EXACT:
            return Scalar(_EXACT[function](*values))
        with jax.ensure_compile_time_eval():
            return Scalar(np.asarray(function(*values))[()])
    memo = next(operand.memo for operand in operands if not operand.known)
    assert memo is not None
    identities = [(x.dtype, x.value.tobytes()) if x.known else id(x) for x in operands]
    if function in _COMMUTATIVE:
        identities.sort(key=hash)
    key = (name or function, *identities)
    if key not in memo:
        memo[key] = operands, Scalar(function(*values), memo)
    return memo[key][1]


def equal(a: Scalar, b: Scalar) -> Scalar:
    """A == b; Python's own operator keeps its meaning, that of one object."""
    return apply(lax.eq, a, b)


def select(which: Scalar, *cases: Scalar) -> Scalar:
    """The case whose number is ``which``; of two, a boolean tells."""
    if which.known:
        return cases[int(which.value)]
    if all(case is cases[0] for case in cases):
        return cases[0]
    return apply(lax.select_n, which, *cases)


def where(condition: Scalar, yes: Scalar, no: Scalar) -> Scalar:
    """``yes`` where the condition holds, ``no`` elsewhere."""
    return select(condition, no, yes)


def convert(x: Scalar, dtype: Any) -> Scalar:
    """``x`` in another dtype; itself if that is the dtype it has."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.known and x.dtype.kind in "biu":
        return Scalar(x.value.astype(dtype))
    function = functools.partial(lax.convert_element_type, new_dtype=dtype)
    return apply(function, x, name=("convert", dtype))


def objects(shape: tuple[int, ...], items: list[Any]) -> np.ndarray:
    """An object array of that shape with these elements, in row-major order."""
    return np.array(items, object).reshape(shape)


def elementwise(function: Callable[..., Scalar], operands: int) -> Callable:
    """Lift a function of scalars to object arrays, with NumPy's broadcasting."""
    ufunc = np.frompyfunc(function, operands, 1)
    return lambda *arrays: np.asarray(ufunc(*arrays), object)


where_each = elementwise(where, 3)
maximum = functools.partial(apply, lax.max)
minimum = functools.partial(apply, lax.min)


def settle(array: np.ndarray) -> np.ndarray:
    """The same numbers, which XLA is kept from computing anew for each of their uses.

    It does that where it fuses operations, and code in which all depends on all, such
    as elimination with pivoting, then grows out of proportion.
    """
    traced = {id(x): x for x in array.flat if not x.known}
    values = lax.optimization_barrier([x.value for x in traced.values()])
    memos = [x.memo for x in traced.values()]
    settled = dict(zip(traced, map(Scalar, values, memos), strict=True))
    return objects(array.shape, [settled.get(id(x), x) for x in array.flat])


@dataclasses.dataclass(frozen=True)
class Whole:
    """Held as an array, and split into scalars at the first need."""

    array: Any
    memo: Memo

    @functools.cached_property
    def scalars(self) -> np.ndarray:
        """Object array of `Scalar`, of the array's shape."""
        array, shape = self.array, jnp.shape(self.array)
        if isinstance(array, np.ndarray):
            numbers = list(array.flat)
        elif shape == ():
            numbers = [array]
        else:
            flat = lax.reshape(array, (array.size,))
            numbers = [
                lax.index_in_dim(flat, i, keepdims=False) for i in range(flat.size)
            ]
        return objects(shape, [Scalar(number, self.memo) for number in numbers])


@dataclasses.dataclass(frozen=True)
class Split:
    """Held as scalars, and assembled into an array at the first need."""

    scalars: np.ndarray

    @functools.cached_property
    def array(self) -> Any:
        """The JAX or NumPy array."""
        shape, scalars = self.scalars.shape, self.scalars.ravel()
        if all(scalar.known for scalar in scalars):
            numbers = [scalar.value for scalar in scalars]
            return np.array(numbers, scalars[0].dtype).reshape(shape)
        if shape == ():
            return scalars[0].value
        if all(scalar is scalars[0] for scalar in scalars):
            return lax.broadcast(scalars[0].value, shape)
        pieces = [lax.broadcast(scalar.value, (1,)) for scalar in scalars]
        return lax.reshape(lax.concatenate(pieces, 0), shape)


Value = Whole | Split
