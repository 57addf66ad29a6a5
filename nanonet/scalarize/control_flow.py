"""Calls are walked into; loops and branches keep their form, over scalars."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import jaxprs_in_params
from jaxtyping import PyTree

from nanonet.scalarize.scalar import Scalar, objects
from nanonet.scalarize.sharing import share
from nanonet.scalarize.value import Split, Value, Whole

if TYPE_CHECKING:
    from nanonet.scalarize.interpreter import Interpreter

#: A scan this short is unrolled if all that it reads and writes is small, and it
#: computes no more numbers than these.
LONGEST_UNROLLED = 8
MOST_UNROLLED = 2048


def _call(param: str) -> Callable:
    """The rule of a call to the program that its parameter ``param`` holds."""

    def rule(here: "Interpreter", operands: list[Value], **params: Any) -> list[Value]:
        return here.run(params[param], operands)

    return rule


def _custom_linear_solve(
    here: "Interpreter",
    operands: list[Value],
    *,
    const_lengths: Any,
    jaxprs: Any,
    **_: Any,
) -> list[Value]:
    """Walk into the solver; the other functions are for derivatives."""
    start = const_lengths.matvec + const_lengths.vecmat
    stop = start + const_lengths.solve
    right_sides = operands[stop + const_lengths.transpose_solve :]
    return here.run(jaxprs.solve, [*operands[start:stop], *right_sides])


def _cond(
    here: "Interpreter",
    operands: list[Value],
    *,
    branches: Sequence[Any],
    branches_platforms: Any = None,
    **_: Any,
) -> list[Value]:
    """One branch of several; where they are for platforms, the one for any."""
    if branches_platforms is not None:
        if None not in branches_platforms:
            return NotImplemented
        return here.run(branches[branches_platforms.index(None)], operands[1:])
    index = operands[0].scalars.item()
    if index.known:
        chosen = branches[min(max(int(index.value), 0), len(branches) - 1)]
        return here.run(chosen, operands[1:])
    packed = pack(here, operands[1:])

    def branch(jaxpr: Any) -> Callable[[], PyTree]:
        @share
        def run() -> PyTree:
            inner = here.inner()
            results = inner.run(jaxpr, unpack(inner, packed, jaxpr.in_avals))
            return traced(pack(inner, results))

        return run

    results = lax.switch(index.value, [branch(jaxpr) for jaxpr in branches])
    return unpack(here, results, branches[0].out_avals)


def _while_loop(
    here: "Interpreter",
    operands: list[Value],
    *,
    cond_nconsts: int,
    cond_jaxpr: Any,
    body_nconsts: int,
    body_jaxpr: Any,
) -> list[Value]:
    consts = pack(here, operands[: cond_nconsts + body_nconsts])
    init = traced(pack(here, operands[cond_nconsts + body_nconsts :]))

    def going_on(carry: PyTree) -> jax.Array:
        inner = here.inner()
        arguments = [*consts[:cond_nconsts], *carry]
        arguments = unpack(inner, arguments, cond_jaxpr.in_avals)
        return inner.run(cond_jaxpr, arguments)[0].array

    @share
    def body(carry: PyTree) -> PyTree:
        inner = here.inner()
        arguments = [*consts[cond_nconsts:], *carry]
        arguments = unpack(inner, arguments, body_jaxpr.in_avals)
        return traced(pack(inner, inner.run(body_jaxpr, arguments)))

    return unpack(here, lax.while_loop(going_on, body, init), body_jaxpr.out_avals)


def _scan(
    here: "Interpreter",
    operands: list[Value],
    *,
    jaxpr: Any,
    length: int,
    reverse: bool,
    unroll: int,
    **counts: Any,
) -> list[Value]:
    num_consts, num_carry = _counts(**counts)
    start = num_consts + num_carry
    xs = [x.array for x in operands[start:]]
    ys = [_stacked_aval(y, length) for y in jaxpr.out_avals[num_carry:]]
    short = 0 < length <= LONGEST_UNROLLED and length * _size(jaxpr) <= MOST_UNROLLED
    if short and all(map(here.is_small, [*xs, *ys])):
        steps = range(length)[::-1] if reverse else range(length)
        return _unrolled(here, operands, jaxpr, num_consts, num_carry, steps)
    consts = pack(here, operands[:num_consts])
    init = traced(pack(here, operands[num_consts:start]))

    @share
    def body(carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        inner = here.inner()
        arguments = unpack(inner, [*consts, *carry, *x], jaxpr.in_avals)
        results = traced(pack(inner, inner.run(jaxpr, arguments)))
        return results[:num_carry], results[num_carry:]

    carry, columns = lax.scan(body, init, xs, length, reverse, unroll)
    carry = unpack(here, carry, jaxpr.out_avals[:num_carry])
    pairs = zip(columns, ys, strict=True)
    return [*carry, *[Whole(_assemble(c, y.shape), here.memo) for c, y in pairs]]


def _size(jaxpr: Any) -> float:
    """How many numbers a program computes; infinitely many where it loops."""
    size = 0.0
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("scan", "while"):
            return math.inf
        size += sum(var.aval.size for var in equation.outvars)
        size += sum(map(_size, jaxprs_in_params(equation.params)))
    return size


def _counts(
    *, num_consts: int = 0, num_carry: int = 0, ft_in: Any = None, **_: Any
) -> tuple[int, int]:
    """How many of a scan's operands are constants, and how many are carried."""
    if ft_in is not None:  # as jax 0.12 says it
        num_consts, num_carry = map(len, ft_in.unpack()[:2])
    return num_consts, num_carry


def _stacked_aval(aval: Any, length: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((length, *aval.shape), aval.dtype)


def _assemble(columns: PyTree, shape: tuple[int, ...]) -> jax.Array:
    """The array whose elements along its later axes are these columns."""
    if not isinstance(columns, list):
        return columns
    return jnp.reshape(jnp.stack(columns, axis=-1), shape)


def _unrolled(
    here: "Interpreter",
    operands: list[Value],
    jaxpr: Any,
    num_consts: int,
    num_carry: int,
    steps: Iterable[int],
) -> list[Value]:
    start = num_consts + num_carry
    consts, carry = operands[:num_consts], operands[num_consts:start]
    ys: dict[int, list[Value]] = {}
    for step in steps:
        x = [Split(np.asarray(x.scalars[step], object)) for x in operands[start:]]
        results = here.run(jaxpr, [*consts, *carry, *x])
        carry, ys[step] = results[:num_carry], results[num_carry:]
    columns = zip(*[ys[step] for step in sorted(ys)], strict=True)
    return [*carry, *[Split(np.stack([y.scalars for y in c])) for c in columns]]


def pack(here: "Interpreter", values: list[Value]) -> list[PyTree]:
    """Lists of numbers for small values, arrays for the others: what JAX can carry."""
    return [
        [scalar.value for scalar in value.scalars.flat]
        if isinstance(value, Split) or here.is_small(value.array)
        else value.array
        for value in values
    ]


def traced(packed: list[PyTree]) -> list[PyTree]:
    """The same with nothing known and no weak types, as a loop's state must be."""
    return jax.tree.map(lambda x: lax.convert_element_type(x, x.dtype), packed)


def unpack(
    here: "Interpreter", packed: Sequence[PyTree], avals: Sequence[Any]
) -> list[Value]:
    """Undo `pack`, for use ``here``."""
    return [
        Split(objects(aval.shape, [Scalar(number, here.memo) for number in one]))
        if isinstance(one, list)
        else Whole(one, here.memo)
        for one, aval in zip(packed, avals, strict=True)
    ]


CONTROL_FLOW_RULES: dict[str, Callable] = {
    "checkpoint": _call("jaxpr"),
    "closed_call": _call("call_jaxpr"),
    "cond": _cond,
    "custom_jvp_call": _call("call_jaxpr"),
    "custom_linear_solve": _custom_linear_solve,
    "custom_vjp_call": _call("call_jaxpr"),
    "jit": _call("jaxpr"),
    "remat2": _call("jaxpr"),
    "scan": _scan,
    "while": _while_loop,
}
