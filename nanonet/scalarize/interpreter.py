"""Evaluates a traced program, equation by equation, over scalars where it can."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import JaxprEqn, Literal

from nanonet.scalarize.control_flow import CONTROL_FLOW_RULES
from nanonet.scalarize.elementwise import elementwise_rule
from nanonet.scalarize.indexing import INDEXING_RULES
from nanonet.scalarize.linear_algebra import LINEAR_ALGEBRA_RULES
from nanonet.scalarize.reduction import REDUCTION_RULES
from nanonet.scalarize.scalar import Memo
from nanonet.scalarize.shape import SHAPE_RULES
from nanonet.scalarize.value import Split, Value, Whole

#: Rules that take and return object arrays of scalars, or decline.
RULES: dict[str, Callable] = {
    **SHAPE_RULES,
    **INDEXING_RULES,
    **REDUCTION_RULES,
    **LINEAR_ALGEBRA_RULES,
}


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """Evaluates programs in one trace, in which nothing is computed twice."""

    max_size: int
    memo: Memo = dataclasses.field(default_factory=dict)

    def inner(self) -> "Interpreter":
        """One for a trace inside this one: the body of a loop, a branch."""
        return Interpreter(self.max_size)

    def is_small(self, array: Any) -> bool:
        """Whether an array, or its abstract value, is to be held as scalars."""
        kinds = (np.number, np.bool_)  # random keys and the like have no arithmetic
        numbers = any(jnp.issubdtype(array.dtype, kind) for kind in kinds)
        return numbers and 0 < array.size <= self.max_size

    def run(self, program: Any, arguments: Sequence[Value]) -> list[Value]:
        """The outputs of ``program``, a jaxpr with its constants or without."""
        jaxpr, consts = (
            getattr(program, "jaxpr", program),
            getattr(program, "consts", ()),
        )
        values = dict(zip(jaxpr.invars, arguments, strict=True))
        values.update(zip(jaxpr.constvars, map(self.constant, consts), strict=True))

        def read(atom: Any) -> Value:
            if isinstance(atom, Literal):
                aval: Any = atom.aval
                return self.constant(np.asarray(atom.val, aval.dtype))
            return values[atom]

        for equation in _needed(jaxpr):
            operands = [read(atom) for atom in equation.invars]
            with equation.ctx.manager:
                results = self.evaluate(equation, operands)
            values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def constant(self, array: Any) -> Value:
        """A value that is known, if it is small, so that zeros and ones fold away."""
        if isinstance(array, Tracer) or not self.is_small(array):
            return Whole(array, self.memo)
        return Whole(np.asarray(array), self.memo)

    def evaluate(self, equation: JaxprEqn, operands: list[Value]) -> Sequence[Value]:
        """The results of one equation: by a rule if there is one, else on arrays."""
        primitive, params = equation.primitive, equation.params
        if primitive.name in CONTROL_FLOW_RULES:
            results = CONTROL_FLOW_RULES[primitive.name](self, operands, **params)
            if results is not NotImplemented:
                return results
        rule = RULES.get(primitive.name) or elementwise_rule(primitive)
        atoms = [*equation.invars, *equation.outvars]
        if rule is not None and all(self.is_small(atom.aval) for atom in atoms):
            results = rule(*[operand.scalars for operand in operands], **params)
            if results is not NotImplemented:
                results = results if primitive.multiple_results else [results]
                return [Split(result) for result in results]
        arrays = [operand.array for operand in operands]
        results = primitive.bind(*arrays, **primitive.get_bind_params(params))
        results = results if primitive.multiple_results else [results]
        return [Whole(result, self.memo) for result in results]


def _needed(jaxpr: Any) -> list[JaxprEqn]:
    """The equations that an output or an effect depends on."""
    needed, equations = set(map(id, jaxpr.outvars)), []
    for equation in reversed(jaxpr.eqns):
        if equation.effects or any(id(var) in needed for var in equation.outvars):
            needed.update(map(id, equation.invars))
            equations.append(equation)
    return equations[::-1]
