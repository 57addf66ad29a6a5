"""How much a program computes, which decides in what form it does so."""

import math
from typing import Any

from jax.extend.core import jaxprs_in_params

from nanonet.scalarize.movement import MOVEMENT_RULES

#: Programs of more scalars than these keep their arrays. XLA makes a loop for each
#: scalar, which takes one to three milliseconds to compile, and more in larger programs
#: (8-16-3 with Adam, 14,000: 112 s, as arrays 5 s). As arrays the steps of 3-6-2 take a
#: quarter longer, those of 8-16-3 are as fast.
MOST_SCALARS = 3000

#: The same where matrices are factored, which among arrays is a library's call for each
#: lane: with them, the steps of so small a program take eight times as long.
MOST_WITH_FACTORS = 6000

FACTORS = {"cholesky", "eigh", "lu", "qr", "triangular_solve"}
MOVEMENTS = MOVEMENT_RULES.keys() | {"convert_element_type", "copy"}


def is_small(program: Any) -> bool:
    """Whether a program is to be one of scalars."""
    factors: set[str] = set()
    count = scalars(program, factors)
    return count <= (MOST_WITH_FACTORS if factors else MOST_SCALARS)


def scalars(program: Any, factors: set[str]) -> float:
    """How many scalars are computed, those of a loop once; and by what ``factors``."""
    count = 0.0
    for equation in needed(getattr(program, "jaxpr", program)):
        name, params = equation.primitive.name, equation.params
        inner = _inner(name, params)
        size = sum(var.aval.size for var in equation.outvars)
        if inner:
            size = sum(scalars(each, factors) for each in inner)
        elif name in MOVEMENTS:
            size = 0
        elif name == "dot_general":
            shape, (summed, _) = (
                equation.invars[0].aval.shape,
                params["dimension_numbers"][0],
            )
            size *= math.prod(shape[i] for i in summed)
        elif name in FACTORS:
            factors.add(name)
            size *= equation.invars[0].aval.shape[-1] / 2
        elif name.startswith(("arg", "reduce_")):
            size = equation.invars[0].aval.size
        count += size
    return count


def _inner(name: str, params: dict) -> list[Any]:
    """The programs that are computed in an equation: no rule for a derivative."""
    if name == "custom_linear_solve":
        return [params["jaxprs"].solve]
    inner = list(jaxprs_in_params(params))
    return inner[:1] if name.startswith("custom_") else inner


def needed(jaxpr: Any) -> list[Any]:
    """The equations that an output or an effect depends on."""
    needed, equations = set(map(id, jaxpr.outvars)), []
    for equation in reversed(jaxpr.eqns):
        if equation.effects or any(id(var) in needed for var in equation.outvars):
            needed.update(map(id, equation.invars))
            equations.append(equation)
    return equations[::-1]


def numbers(jaxpr: Any) -> float:
    """How many numbers a program computes; infinitely many where it loops."""
    size = 0.0
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("scan", "while"):
            return math.inf
        size += sum(var.aval.size for var in equation.outvars)
        size += sum(map(numbers, jaxprs_in_params(equation.params)))
    return size
