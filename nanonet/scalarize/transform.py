"""The transformation itself: trace, then evaluate the trace over scalars."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero
from jax.dtypes import float0
from jax.extend.core import ClosedJaxpr, JaxprEqn, jaxpr_as_fun
from jax.extend.core.primitives import convert_element_type_p

from nanonet._internal.checks import check_number
from nanonet.scalarize.arithmetic import REDUCTION_RULES, elementwise_rule
from nanonet.scalarize.control_flow import CONTROL_FLOW_RULES
from nanonet.scalarize.interpret import interpret
from nanonet.scalarize.lanes import lanes_p
from nanonet.scalarize.linear_algebra import LINEAR_ALGEBRA_RULES
from nanonet.scalarize.movement import MOVEMENT_RULES
from nanonet.scalarize.scalar import Memo, Split, Value, Whole
from nanonet.scalarize.sharing import share
from nanonet.scalarize.size import is_small

P = ParamSpec("P")
R = TypeVar("R")

#: Rules that take and return object arrays of scalars, or decline.
RULES = MOVEMENT_RULES | REDUCTION_RULES | LINEAR_ALGEBRA_RULES


def scalarize(fun: Callable[P, R], *, max_size: int = 256) -> Callable[P, R]:
    """Compute ``fun`` with every small array held as so many scalars.

    Under `jax.vmap` each scalar is a vector over the batch, so that one vector lane
    computes one example, and XLA fuses what it would otherwise hand to loops and
    libraries meant for large arrays::

        jax.vmap(scalarize(train))(many_params)

    ``fun`` is traced, and its trace is evaluated with elementwise operations once per
    element, products of matrices and sums as sums of scalars, factorisations and
    triangular systems unrolled, and nothing emitted for moving elements. Loops and
    branches carry scalars. Larger arrays and operations without a rule stay as they
    are. So does a program of more scalars than are worth their compilation (see
    `nanonet.scalarize.size`): under `jax.vmap` its arrays then have the batch along
    their last axis.

    Zeros and ones that are known while tracing (data that ``fun`` closes over,
    identity matrices) fold away. So where the plain function computes 0 · NaN or 0 · ∞
    with such a zero, this one has 0. Otherwise the two agree to rounding, and in
    shapes, dtypes and weak types. Derivatives are those of ``fun``, scalarised.

    Args:
      fun: any function of pytrees of arrays that JAX can trace.
      max_size: the most elements of an array that is held as scalars.

    Raises:
      ValueError: ``max_size`` is less than 1.

    >>> fun = scalarize(jnp.dot)
    >>> W, x = jnp.array([[1.0, 0.0], [2.0, 3.0]]), jnp.array([4.0, 5.0])
    >>> print(fun(W, x))
    [ 4. 23.]
    >>> "dot_general" in str(jax.make_jaxpr(fun)(W, x))
    False

    """
    check_number("max_size", max_size, at_least=1)

    @functools.wraps(fun)
    def scalarized(*args: P.args, **kwargs: P.kwargs) -> R:
        program, shapes = jax.make_jaxpr(fun, return_shape=True)(*args, **kwargs)
        arguments = list(map(jnp.asarray, jax.tree.leaves((args, kwargs))))
        results = _evaluate(program, arguments, max_size)
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return scalarized


def _evaluate(program: Any, arguments: list[Any], max_size: int) -> list[Any]:
    """The program's outputs, whose derivative is the scalarised derivative of it.

    What the program closes over and is being traced becomes an argument, because it
    may be differentiated, too.
    """
    consts = dict(enumerate(program.consts))
    open_ones = {i: const for i, const in consts.items() if isinstance(const, Tracer)}

    def close(opened: list[Any]) -> Any:
        every = consts | dict(zip(open_ones, opened, strict=True))
        return ClosedJaxpr(program.jaxpr, list(every.values()))

    @jax.custom_jvp
    def evaluate(opened: list[Any], arguments: list[Any]) -> list[Any]:
        closed = close(opened)
        if is_small(closed) or closed.effects:
            return _interpret(closed, arguments, max_size)
        given = list(map(jnp.asarray, closed.consts)) + arguments
        results = lanes_p.bind(*given, jaxpr=closed.jaxpr)
        return list(map(_as_type, results, closed.out_avals))

    @functools.partial(evaluate.defjvp, symbolic_zeros=True)
    def derivative(primals: Any, tangents: Any) -> tuple[list[Any], list[Any]]:
        primals, structure = jax.tree.flatten(primals)
        tangents = jax.tree.leaves(tangents)
        moving = [i for i, t in enumerate(tangents) if not isinstance(t, SymbolicZero)]

        tangents = [tangents[i] for i in moving]
        linear = []

        def forward(primals: list[Any]) -> tuple[list[Any], list[Any]]:
            def of_moving(*moved: Any) -> list[Any]:
                every = dict(enumerate(primals)) | dict(zip(moving, moved, strict=True))
                opened, arguments = jax.tree.unflatten(structure, every.values())
                return jaxpr_as_fun(close(opened))(*arguments)

            moved = [primals[i] for i in moving]
            results, pushforward = jax.linearize(of_moving, *moved)
            linear.append(jax.make_jaxpr(pushforward)(*tangents))
            return results, linear[-1].consts

        results, consts = scalarize(forward, max_size=max_size)(primals)
        program = ClosedJaxpr(linear[-1].jaxpr, consts)
        if is_small(program):
            return results, _interpret(program, tangents, max_size)
        return results, jaxpr_as_fun(program)(*tangents)

    return evaluate(list(open_ones.values()), arguments)


def _interpret(program: Any, arguments: list[Any], max_size: int) -> list[Any]:
    @share
    def run(arguments: list[Any]) -> list[Any]:
        interpreter = Interpreter(max_size)
        values = [Whole(argument, interpreter.memo) for argument in arguments]
        with np.errstate(all="ignore"):  # known numbers may overflow as others do
            return [result.array for result in interpreter.run(program, values)]

    return list(map(_as_type, run(arguments), program.out_avals))


def _as_type(array: Any, aval: Any) -> Any:
    """``array`` as a JAX array of the weak or strong type that ``aval`` has."""
    if aval.dtype == float0:  # the derivative of an integer, which JAX does not hold
        return array
    array = jnp.asarray(array)
    if array.dtype != aval.dtype or array.weak_type == aval.weak_type:
        return array
    return convert_element_type_p.bind(
        array, new_dtype=aval.dtype, weak_type=aval.weak_type, sharding=None
    )


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """Evaluates programs in one trace, in which nothing is computed twice."""

    max_size: int
    memo: Memo = dataclasses.field(default_factory=dict)

    def is_small(self, array: Any) -> bool:
        """Whether an array, or its abstract value, is to be held as scalars."""
        kinds = (np.number, np.bool_)  # random keys and the like have no arithmetic
        numbers = any(jnp.issubdtype(array.dtype, kind) for kind in kinds)
        return numbers and 0 < array.size <= self.max_size

    def run(self, program: Any, arguments: Sequence[Value]) -> list[Value]:
        """The outputs of ``program``, a jaxpr with its constants or without."""
        return interpret(program, arguments, self.constant, self.evaluate)

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
