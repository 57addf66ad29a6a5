"""A program run equation by equation, on values of any kind."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from jax.extend.core import Literal

from nanonet.scalarize.size import needed

Value = TypeVar("Value")


def interpret(
    program: Any,
    arguments: Sequence[Value],
    constant: Callable[[Any], Value],
    evaluate: Callable[[Any, list[Value]], Sequence[Value]],
) -> list[Value]:
    """The outputs of a jaxpr; its constants are its own, or the first arguments.

    Args:
      program: a jaxpr, with its constants or without.
      arguments: values of its inputs.
      constant: array → value.
      evaluate: an equation and the values of its operands → those of its results.
    """
    jaxpr = getattr(program, "jaxpr", program)
    consts = map(constant, getattr(program, "consts", ()))
    variables = [*jaxpr.constvars, *jaxpr.invars]
    given = [*consts, *arguments][-len(variables) :]
    values = dict(zip(variables, given, strict=True))

    def read(atom: Any) -> Value:
        if isinstance(atom, Literal):
            aval: Any = atom.aval
            return constant(np.asarray(atom.val, aval.dtype))
        return values[atom]

    for equation in needed(jaxpr):
        operands = [read(atom) for atom in equation.invars]
        with equation.ctx.manager:
            results = evaluate(equation, operands)
        values.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]
