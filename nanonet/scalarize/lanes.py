"""A program of arrays under `jax.vmap`, with the lanes along the last axis.

JAX puts the axis that it maps over first. The elements of one lane are then together,
and a product of small matrices becomes one for each lane. With the lanes last, each
element is a contiguous vector of them, and all that an operation computes is one loop
over elements and lanes: a program grows with its operations, not with its numbers.
"""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import batching, mlir

from nanonet.scalarize.arithmetic import OPERATORS, OTHERS
from nanonet.scalarize.control_flow import CONTROL_FLOW_RULES
from nanonet.scalarize.interpret import interpret
from nanonet.scalarize.loops_of_lanes import LOOPS, Lane

#: Longer sums are loops over blocks of a quarter as many terms.
LONGEST_SUM = 32

#: Products of matrices of at least so many rows, columns and terms are a library's.
LEAST_OF_MATRICES = 16

_CALLS = CONTROL_FLOW_RULES.keys() - LOOPS.keys()
_ELEMENTWISE = OPERATORS.keys() | OTHERS | {"convert_element_type"}

#: Primitives to which the last axis is as any other, and how to tell them of it.
_MOVEMENTS: dict[str, Callable[..., dict]] = {
    "broadcast_in_dim": lambda n, shape, broadcast_dimensions, **_: dict(
        shape=(*shape, n), broadcast_dimensions=(*broadcast_dimensions, len(shape))
    ),
    "cumsum": lambda n, **_: {},
    "reduce_and": lambda n, **_: {},
    "reduce_max": lambda n, **_: {},
    "reduce_min": lambda n, **_: {},
    "reduce_or": lambda n, **_: {},
    "reshape": lambda n, new_sizes, **_: dict(new_sizes=(*new_sizes, n)),
    "rev": lambda n, **_: {},
    "slice": lambda n, start_indices, limit_indices, strides: dict(
        start_indices=(*start_indices, 0),
        limit_indices=(*limit_indices, n),
        strides=strides and (*strides, 1),
    ),
    "split": lambda n, **_: {},
    "squeeze": lambda n, **_: {},
    "transpose": lambda n, permutation: dict(
        permutation=(*permutation, len(permutation))
    ),
}
_JOINS = {"concatenate", "stack"}


class Lanes(NamedTuple):
    """Evaluates programs for so many lanes, along an axis of that name."""

    size: int
    name: Any
    own: dict
    """Which numbers of a loop's state are each lane's own, of loops seen before."""

    def run(self, program: Any, arguments: Sequence[Lane]) -> list[Lane]:
        """The outputs of a jaxpr, with its constants or as ones of the arguments."""
        return interpret(
            program,
            arguments,
            lambda array: Lane(jnp.asarray(array), False),
            self.evaluate,
        )

    def evaluate(self, equation: Any, operands: list[Lane]) -> Sequence[Lane]:
        """The results of one equation."""
        name, params = equation.primitive.name, equation.params
        if name in _CALLS:
            return CONTROL_FLOW_RULES[name](self, operands, **params)
        if name in LOOPS:
            return LOOPS[name](self, operands, **params)
        if name == "pmax" and params["axes"] == (self.name,):
            return [Lane(jnp.max(x, -1) if own else x, False) for x, own in operands]
        arrays, shared = [x for x, _ in operands], not any(own for _, own in operands)
        if not shared and name in _SUMS:
            result = _SUMS[name](*map(self.spread, operands), **params)
            if result is not NotImplemented:
                return [Lane(result, True)]
        bind = functools.partial(
            equation.primitive.bind, **equation.primitive.get_bind_params(params)
        )
        if shared:
            results = bind(*arrays)
        elif name in _ELEMENTWISE:
            shape = equation.outvars[0].aval.shape
            results = bind(*[self.spread(operand, shape) for operand in operands])
        elif name in _JOINS:
            results = bind(*map(self.spread, operands))
        elif name in _MOVEMENTS:
            results = bind(*arrays, **_MOVEMENTS[name](self.size, **params))
        else:
            axes = [-1 if own else None for _, own in operands]
            each = jax.vmap(bind, axes, -1, axis_size=self.size, axis_name=self.name)
            results = each(*arrays)
        results = results if equation.primitive.multiple_results else [results]
        return [Lane(result, not shared) for result in results]

    def spread(self, value: Lane, shape: tuple[int, ...] | None = None) -> Any:
        """The value in every lane, and of a shape, if it is another one."""
        x, own = value
        of_one = jnp.shape(x)[:-1] if own else jnp.shape(x)
        shape = of_one if shape is None else shape
        if own and of_one == shape:
            return x
        dims = tuple(range(len(shape) - len(of_one), len(shape)))
        dims += (len(shape),) if own else ()
        return lax.broadcast_in_dim(x, (*shape, self.size), dims)


def _dot_general(
    a: Any, b: Any, *, dimension_numbers: Any, preferred_element_type: Any, **_: Any
) -> Any:
    """Sum of products; each element of a result is computed once."""
    dtype = np.dtype(preferred_element_type or a.dtype)
    if dtype.itemsize < 4:
        return NotImplemented
    (a_summed, b_summed), (a_batch, b_batch) = dimension_numbers
    a_free = [i for i in range(a.ndim - 1) if i not in (*a_summed, *a_batch)]
    b_free = [i for i in range(b.ndim - 1) if i not in (*b_summed, *b_batch)]
    sizes = [[a.shape[i] for i in axes] for axes in (a_free, a_summed)]
    sizes.append([b.shape[i] for i in b_free])
    if min(map(math.prod, sizes)) >= LEAST_OF_MATRICES:
        return NotImplemented
    a = _terms(a.astype(dtype), a_summed, [*a_batch, *a_free])
    b = _terms(b.astype(dtype), b_summed, [*b_batch, *b_free])
    a = jnp.expand_dims(a, range(a.ndim - 1, a.ndim - 1 + len(b_free)))
    first = 1 + len(a_batch)
    b = jnp.expand_dims(b, range(first, first + len(a_free)))
    return lax.optimization_barrier(_sum_of(operator.mul, a, b))


def _reduce_sum(x: Any, *, axes: Any, **_: Any) -> Any:
    kept = [i for i in range(x.ndim - 1) if i not in axes]
    x = _terms(x, axes, kept)
    return _sum_of(operator.pos, x) if len(x) else jnp.zeros(x.shape[1:], x.dtype)


def _terms(x: Any, summed: Sequence[int], kept: Sequence[int]) -> Any:
    """What is summed over, as one axis, first."""
    x = x.transpose([*summed, *kept, x.ndim - 1])
    return x.reshape(-1, *x.shape[len(summed) :])


def _sum_of(term: Callable, *xs: Any) -> Any:
    count = len(xs[0])
    if count <= LONGEST_SUM:
        terms = (term(*[x[i] for x in xs]) for i in range(count))
        return functools.reduce(operator.add, terms)
    size = LONGEST_SUM // 4
    end = count - count % size

    def add(total: Any, block: list[Any]) -> tuple[Any, None]:
        return total + _sum_of(term, *block), None

    blocks = [x[:end].reshape(-1, size, *x.shape[1:]) for x in xs]
    nothing = jnp.zeros(jnp.broadcast_shapes(*[x.shape[1:] for x in xs]), xs[0].dtype)
    total, _ = lax.scan(add, nothing, blocks)
    return total + _sum_of(term, *[x[end:] for x in xs]) if end < count else total


_SUMS: dict[str, Callable] = {"dot_general": _dot_general, "reduce_sum": _reduce_sum}

#: A program whose constants are the first of its arguments.
lanes_p = Primitive("lanes")
lanes_p.multiple_results = True


@lanes_p.def_impl
def _plain(*given: Any, jaxpr: Any) -> list[Any]:
    n = len(jaxpr.constvars)
    return jaxpr_as_fun(ClosedJaxpr(jaxpr, given[:n]))(*given[n:])


def _over_lanes(axis: Any, given: Any, dims: Any, *, jaxpr: Any) -> tuple[list, list]:
    values = [
        Lane(x, False) if dim is None else Lane(jnp.moveaxis(x, dim, -1), True)
        for x, dim in zip(given, dims, strict=True)
    ]
    results = Lanes(axis.size, axis.name, {}).run(jaxpr, values)
    axes = [jnp.ndim(x) - 1 if own else None for x, own in results]
    return [x for x, _ in results], axes


lanes_p.def_abstract_eval(lambda *_, jaxpr: [var.aval for var in jaxpr.outvars])
mlir.register_lowering(lanes_p, mlir.lower_fun(_plain, multiple_results=True))
batching.fancy_primitive_batchers[lanes_p] = _over_lanes
