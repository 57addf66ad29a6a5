"""Calls are walked into; loops and branches keep their form, over scalars."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import PyTree

from nanonet.scalarize.scalar import Scalar, Split, Value, Whole, objects
from nanonet.scalarize.sharing import share
from nanonet.scalarize.size import numbers

if TYPE_CHECKING:
    from nanonet.scalarize.transform import Interpreter

#: A scan this short is unrolled if all that it reads and writes is small, and it
#: computes no more numbers than these.
LONGEST_UNROLLED = 8
MOST_UNROLLED = 2048


def _call(param: str) -> Callable:
    """The rule of a call to the program that its parameter ``param`` holds."""

    def rule(here: Any, operands: list[Any], **params: Any) -> list[Any]:
        return here.run(params[param], operands)

    return rule


def _custom_linear_solve(
    here: Any,
    operands: list[Any],
    *,
    const_lengths: Any,
    jaxprs: Any,
    **_: Any,
) -> list[Any]:
    """Walk into the solver; the other functions are for derivatives."""
    start = const_lengths.matvec + const_lengths.vecmat
    stop = start + const_lengths.solve
    right_sides = operands[stop + const_lengths.transpose_solve :]
    return here.run(jaxprs.solve, [*operands[start:stop], *right_sides])


def _cond(
    here: Any,
    operands: list[Any],
    *,
    branches: Sequence[Any],
    branches_platforms: Any = None,
    **_: Any,
) -> list[Any]:
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
    runs = [share(lambda jaxpr=b: _run(here, jaxpr, packed)) for b in branches]
    results = lax.switch(index.value, runs)
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
    packed = pack(here, operands)
    of_cond, of_body = packed[:cond_nconsts], packed[cond_nconsts:][:body_nconsts]
    init = traced(packed[cond_nconsts + body_nconsts :])

    def going_on(carry: list[PyTree]) -> jax.Array:
        [[going]] = _run(here, cond_jaxpr, [*of_cond, *carry])
        return going

    @share
    def body(carry: list[PyTree]) -> list[PyTree]:
        return _run(here, body_jaxpr, [*of_body, *carry])

    return unpack(here, lax.while_loop(going_on, body, init), body_jaxpr.out_avals)


def _scan(
    here: "Interpreter",
    operands: list[Value],
    *,
    jaxpr: Any,
    length: int,
    reverse: bool,
    unroll: int,
    **params: Any,
) -> list[Value]:
    num_consts, num_carry = counts(**params)
    start = num_consts + num_carry
    xs = operands[start:]
    ys = [
        jax.ShapeDtypeStruct((length, *y.shape), y.dtype)
        for y in jaxpr.out_avals[num_carry:]
    ]
    short = 0 < length <= LONGEST_UNROLLED and length * numbers(jaxpr) <= MOST_UNROLLED
    if short and all(map(here.is_small, [*(x.array for x in xs), *ys])):
        consts, carry = operands[:num_consts], operands[num_consts:start]
        rows: dict[int, list[Value]] = {}
        for step in range(length)[::-1] if reverse else range(length):
            x = [Split(np.asarray(x.scalars[step], object)) for x in xs]
            results = here.run(jaxpr, [*consts, *carry, *x])
            carry, rows[step] = results[:num_carry], results[num_carry:]
        stacks = zip(*[rows[step] for step in range(length)], strict=True)
        return [*carry, *[Split(np.stack([y.scalars for y in ys])) for ys in stacks]]
    packed = pack(here, operands[:start])
    consts, init = packed[:num_consts], traced(packed[num_consts:])

    @share
    def body(carry: list[PyTree], x: list[PyTree]) -> tuple[PyTree, PyTree]:
        results = _run(here, jaxpr, [*consts, *carry, *x])
        return results[:num_carry], results[num_carry:]

    arrays = [x.array for x in xs]
    carry, columns = lax.scan(body, init, arrays, length, reverse, unroll)
    carry = unpack(here, carry, jaxpr.out_avals[:num_carry])
    for column, y in zip(columns, ys, strict=True):
        if isinstance(column, list):  # its elements, each along the steps
            column = jnp.reshape(jnp.stack(column, axis=-1), y.shape)
        carry.append(Whole(column, here.memo))
    return carry


def counts(
    *, num_consts: int = 0, num_carry: int = 0, ft_in: Any = None, **_: Any
) -> tuple[int, int]:
    """How many of a scan's operands are constants, and how many are carried."""
    if ft_in is not None:  # as jax 0.12 says it
        num_consts, num_carry = map(len, ft_in.unpack()[:2])
    return num_consts, num_carry


def _run(here: "Interpreter", program: Any, packed: list[PyTree]) -> list[PyTree]:
    """Run a program in a trace of its own: the body of a loop, a branch."""
    inner = dataclasses.replace(here, memo={})
    results = inner.run(program, unpack(inner, packed, program.in_avals))
    return traced(pack(inner, results))


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
