"""Numbers that are used again are kept, not computed again."""

import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Literal, Primitive
from jax.interpreters import ad, batching, mlir

from nanonet.xla import is_older_than

#: With jax older than 0.12, where to keep a number takes a loop of its own: what takes
#: no more operations than these to compute again, over all its uses, is.
FEW_OPERATIONS = 16


def share(fun: Callable) -> Callable:
    """Make XLA keep each number that ``fun`` computes and uses more than once.

    XLA fuses operations into one loop per result, and computes anew in each what they
    have in common, unless it holds it to be expensive. Where all results depend on all
    numbers, the program so grows out of proportion. A barrier behind each number that
    is used again keeps it linear.
    """

    @functools.wraps(fun)
    def shared(*args: Any) -> Any:
        program, shapes = jax.make_jaxpr(fun, return_shape=True)(*args)
        results = _evaluate(program, jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return shared


def _evaluate(program: Any, arguments: list[Any]) -> list[Any]:
    jaxpr = program.jaxpr
    values = dict(zip(jaxpr.invars, arguments, strict=True))
    values.update(zip(jaxpr.constvars, program.consts, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    shared = _shared(jaxpr)
    for equation in jaxpr.eqns:
        results = _results(equation, list(map(read, equation.invars)))
        for var, result in zip(equation.outvars, results, strict=True):
            values[var] = _barrier(result) if var in shared else result
    return list(map(read, jaxpr.outvars))


def _shared(jaxpr: Any) -> set[Any]:
    """The numbers that are worth keeping."""
    used = [*jaxpr.outvars, *(atom for e in jaxpr.eqns for atom in e.invars)]
    uses = collections.Counter(atom for atom in used if not isinstance(atom, Literal))
    few = FEW_OPERATIONS if is_older_than(0, 12) else 0
    operations, shared = collections.Counter(), set()
    for equation in jaxpr.eqns:
        # What a fusion has to compute of a number: back to what is kept.
        given = [atom for atom in equation.invars if not isinstance(atom, Literal)]
        needed = 1 + sum(operations[atom] for atom in given if atom not in shared)
        for var in equation.outvars:
            operations[var] = needed
            if var.aval.shape == () and (uses[var] - 1) * needed > few:
                shared.add(var)
    return shared


def _results(equation: Any, operands: list[Any]) -> Sequence[Any]:
    primitive, params = equation.primitive, equation.params
    # Others' barriers go: with these behind them, a program that has both takes two to
    # six times as long to compile.
    if primitive.name == "optimization_barrier":
        return operands
    with equation.ctx.manager:
        results = primitive.bind(*operands, **primitive.get_bind_params(params))
    return results if primitive.multiple_results else [results]


def _barrier(number: Any) -> Any:
    """The same number, which XLA does not compute again for each of its uses."""
    old = is_older_than(0, 12) and number.dtype.kind in "fiub"
    return kept_p.bind(number) if old else lax.optimization_barrier(number)


def _divided(number: Any) -> Any:
    """The same number, by a division that XLA does not see through.

    Before jax 0.12, XLA for CPUs drops barriers before it fuses. But it never repeats a
    division by what it does not know to be one; LLVM, which does, leaves it out.
    """
    dtype = number.dtype
    if dtype.kind == "b":
        return _divided(lax.convert_element_type(number, jnp.int32)) != 0
    bits = number
    if dtype.kind == "f":
        bits = lax.bitcast_convert_type(number, np.dtype(f"i{dtype.itemsize}"))
    return lax.div(number, ((bits | 1) != 0).astype(dtype))


kept_p = Primitive("kept")
kept_p.def_impl(lambda number: number)
kept_p.def_abstract_eval(lambda number: number)
mlir.register_lowering(kept_p, mlir.lower_fun(_divided, multiple_results=False))
batching.defvectorized(kept_p)
ad.deflinear2(kept_p, lambda cotangent, _: [cotangent])
