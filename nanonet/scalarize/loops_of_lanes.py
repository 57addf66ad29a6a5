"""Loops and branches of a program whose lanes are along the last axis of its arrays."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from nanonet.scalarize.control_flow import CONTROL_FLOW_RULES, counts

if TYPE_CHECKING:
    from nanonet.scalarize.lanes import Lanes


class Lane(NamedTuple):
    """An array of all lanes, along its last axis, or one that they share."""

    array: Any
    own: bool


def _cond(here: "Lanes", operands: list[Lane], **params: Any) -> list[Lane]:
    """One branch if all lanes take the same, else the results of all of them."""
    if params.get("branches_platforms") is not None:
        return CONTROL_FLOW_RULES["cond"](here, operands, **params)
    branches, (which, *rest) = params["branches"], operands
    own = [value.own for value in rest]
    results = [here.run(branch, rest) for branch in branches]
    if which.own:
        every = zip(*results, strict=True)
        return [_chosen(here, which.array, list(cases)) for cases in every]
    of_each = [any(one.own for one in cases) for cases in zip(*results, strict=True)]

    def run(branch: Any) -> Callable[[list[Any]], list[Any]]:
        return lambda arrays: _as(here, here.run(branch, _lanes(arrays, own)), of_each)

    arrays = [value.array for value in rest]
    return _lanes(lax.switch(which.array, list(map(run, branches)), arrays), of_each)


def _chosen(here: "Lanes", which: Any, cases: list[Lane]) -> Lane:
    index = jnp.clip(which.astype(jnp.int32), 0, len(cases) - 1)
    arrays = list(map(here.spread, cases))
    index = jnp.broadcast_to(index, arrays[0].shape)
    index = index.astype(bool) if len(cases) == 2 else index
    return Lane(lax.select_n(index, *arrays) if len(cases) > 1 else arrays[0], True)


def _while_loop(
    here: "Lanes",
    operands: list[Lane],
    *,
    cond_nconsts: int,
    cond_jaxpr: Any,
    body_nconsts: int,
    body_jaxpr: Any,
) -> list[Lane]:
    """Goes on while any lane does; one that has ended keeps its state."""
    of_cond, of_body = operands[:cond_nconsts], operands[cond_nconsts:][:body_nconsts]
    init = operands[cond_nconsts + body_nconsts :]

    def advance(state: list[Lane]) -> list[Lane]:
        new = here.run(body_jaxpr, [*of_body, *state])
        [going] = here.run(cond_jaxpr, [*of_cond, *state])
        if not going.own:
            return new
        pairs = zip(state, new, strict=True)
        return [_chosen(here, going.array, [old, new]) for old, new in pairs]

    own = _own(here, (body_jaxpr, *_flags(operands)), advance, init)

    def going_on(arrays: list[Any]) -> Any:
        [going] = here.run(cond_jaxpr, [*of_cond, *_lanes(arrays, own)])
        return jnp.any(going.array) if going.own else going.array

    def body(arrays: list[Any]) -> list[Any]:
        return _as(here, advance(_lanes(arrays, own)), own)

    return _lanes(lax.while_loop(going_on, body, _as(here, init, own)), own)


def _scan(
    here: "Lanes",
    operands: list[Lane],
    *,
    jaxpr: Any,
    length: int,
    reverse: bool,
    unroll: int,
    **params: Any,
) -> list[Lane]:
    num_consts, num_carry = counts(**params)
    start = num_consts + num_carry
    consts, init, xs = (
        operands[:num_consts],
        operands[num_consts:start],
        operands[start:],
    )
    of_ys: list[bool] = []

    def advance(state: list[Lane], x: list[Any]) -> list[Lane]:
        return here.run(jaxpr, [*consts, *state, *_lanes(x, _flags(xs))])

    def first(state: list[Lane]) -> list[Lane]:
        rows = [jnp.zeros(x.array.shape[1:], x.array.dtype) for x in xs]
        return advance(state, rows)[:num_carry]

    own = _own(here, (jaxpr, *_flags(operands)), first, init)

    def body(arrays: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        results = advance(_lanes(arrays, own), x)
        of_ys[:] = _flags(results[num_carry:])
        carry = _as(here, results[:num_carry], own)
        return carry, [y.array for y in results[num_carry:]]

    columns = [x.array for x in xs]
    carry, ys = lax.scan(body, _as(here, init, own), columns, length, reverse, unroll)
    return [*_lanes(carry, own), *_lanes(ys, of_ys)]


def _own(
    here: "Lanes",
    key: tuple[Any, ...],
    body: Callable[[list[Lane]], list[Lane]],
    init: list[Lane],
) -> list[bool]:
    """Which parts of a loop's state come to be each lane's own."""
    if key not in here.own:
        own, new = [], _flags(init)
        while new != own:
            own, found = new, []

            def look(arrays: list[Any], own: Any = own, found: Any = found) -> None:
                found[:] = _flags(body(_lanes(arrays, own)))

            jax.eval_shape(look, _as(here, init, own))
            new = [a or b for a, b in zip(own, found, strict=True)]
        here.own[key] = own
    return here.own[key]


def _flags(values: Sequence[Lane]) -> list[bool]:
    return [value.own for value in values]


def _lanes(arrays: Sequence[Any], own: Sequence[bool]) -> list[Lane]:
    return list(map(Lane, arrays, own))


def _as(here: "Lanes", values: Sequence[Lane], own: Sequence[bool]) -> list[Any]:
    """Arrays, in every lane where they are to be each lane's own."""
    pairs = zip(values, own, strict=True)
    return [here.spread(value) if each else value.array for value, each in pairs]


LOOPS: dict[str, Callable] = {"cond": _cond, "scan": _scan, "while": _while_loop}
