"""Numbers that are used again are computed once."""

import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import lax
from jax.extend.core import Literal


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
        results = _run(program, jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return shared


def _run(program: Any, arguments: list[Any]) -> list[Any]:
    jaxpr = program.jaxpr
    values = dict(zip(jaxpr.invars, arguments, strict=True))
    values.update(zip(jaxpr.constvars, program.consts, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    used = [*jaxpr.outvars, *(atom for e in jaxpr.eqns for atom in e.invars)]
    uses = collections.Counter(atom for atom in used if not isinstance(atom, Literal))
    for equation in jaxpr.eqns:
        results = _results(equation, list(map(read, equation.invars)))
        for var, result in zip(equation.outvars, results, strict=True):
            again = var.aval.shape == () and uses[var] > 1
            values[var] = lax.optimization_barrier(result) if again else result
    return list(map(read, jaxpr.outvars))


def _results(equation: Any, operands: list[Any]) -> Sequence[Any]:
    primitive, params = equation.primitive, equation.params
    # Others' barriers go: with these behind them, a program that has both takes two to
    # six times as long to compile.
    if primitive.name == "optimization_barrier":
        return operands
    with equation.ctx.manager:
        results = primitive.bind(*operands, **primitive.get_bind_params(params))
    return results if primitive.multiple_results else [results]
