"""Numbers that are used again are computed once."""

import collections
import functools
from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.extend.core import Literal

#: What XLA computes anew for each use where it fuses operations.
_CHEAP = {
    *("abs", "add", "and", "clamp", "convert_element_type", "copy", "eq", "ge", "gt"),
    *("is_finite", "le", "lt", "max", "min", "mul", "ne", "neg", "not", "or"),
    *("select_n", "sign", "square", "sub", "xor", "integer_pow"),
}

#: How many operations to repeat rather than store a number.

_MOST_REPEATED = 0


def share(fun: Callable) -> Callable:
    """Make XLA keep what ``fun`` computes from numbers and uses more than once.

    XLA fuses operations into one loop per result, and repeats in each what they have in
    common, unless it is one that it holds to be expensive. Where all results depend on
    all numbers, the program so grows out of proportion. A barrier behind each number
    that is used again keeps it linear.
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

    to_keep = _repeated(jaxpr)
    for equation in jaxpr.eqns:
        operands = map(read, equation.invars)
        params = equation.primitive.get_bind_params(equation.params)
        with equation.ctx.manager:
            results = equation.primitive.bind(*operands, **params)
        results = results if equation.primitive.multiple_results else [results]
        for var, result in zip(equation.outvars, results, strict=True):
            values[var] = lax.optimization_barrier(result) if var in to_keep else result
    return list(map(read, jaxpr.outvars))


def _repeated(jaxpr: Any) -> set[Any]:
    """The numbers that would be computed anew, at the cost of many operations."""
    used = [*jaxpr.outvars, *(atom for e in jaxpr.eqns for atom in e.invars)]
    uses = collections.Counter(atom for atom in used if not isinstance(atom, Literal))
    costs: dict[Any, int] = collections.defaultdict(int)
    repeated = set()
    for equation in jaxpr.eqns:
        operands = [atom for atom in equation.invars if not isinstance(atom, Literal)]
        cost = 1 + sum(costs[atom] for atom in operands)
        for var in equation.outvars:
            if var.aval.shape:
                continue
            again = uses[var] - 1
            if equation.primitive.name not in _CHEAP:
                costs[var] = 0 if again else cost
            elif again * cost > _MOST_REPEATED:
                repeated.add(var)
            else:
                costs[var] = cost
    return repeated
