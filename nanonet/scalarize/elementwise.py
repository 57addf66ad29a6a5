"""Primitives that do the same to every element."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax
from jax.extend.core import Primitive

from nanonet.scalarize.scalar import apply, convert, elementwise, equal, select

#: Those whose zeros and ones fold away, or that need nothing to be emitted.
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "add_any": operator.add,
    "and": operator.and_,
    "div": operator.truediv,
    "eq": equal,
    "gt": operator.gt,
    "lt": operator.lt,
    "max": functools.partial(apply, lax.max),
    "min": functools.partial(apply, lax.min),
    "mul": operator.mul,
    "ne": functools.partial(apply, lax.ne),
    "neg": operator.neg,
    "not": operator.invert,
    "or": operator.or_,
    "select_n": select,
    "sub": operator.sub,
}

#: The others, bound once per element.
# fmt: off
OTHERS = frozenset({
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e",
    "bessel_i1e", "cbrt", "ceil", "clamp", "clz", "complex", "conj", "copy", "cos",
    "cosh", "digamma", "eq_to", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1",
    "floor", "ge", "igamma", "igamma_grad_a", "igammac", "imag", "integer_pow",
    "is_finite", "le", "le_to", "lgamma", "log", "log1p", "log2", "logistic",
    "lt_to", "nextafter", "one_minus_square", "polygamma", "population_count",
    "pow", "real", "reduce_precision", "regularized_incomplete_beta", "rem",
    "round", "rsqrt", "shift_left", "shift_right_arithmetic", "shift_right_logical",
    "sign", "sin", "sinh", "sqrt", "square", "stop_gradient", "tan", "tanh", "xor",
    "zeta",
})
# fmt: on


def elementwise_rule(primitive: Primitive) -> Callable[..., np.ndarray] | None:
    """The rule of a primitive, if it is elementwise."""
    if primitive.name == "convert_element_type":
        return _convert_element_type
    if primitive.name not in OPERATORS and primitive.name not in OTHERS:
        return None

    def rule(*operands: np.ndarray, **params: Any) -> np.ndarray:
        bind = functools.partial(primitive.bind, **params)
        emit = functools.partial(apply, bind, name=(primitive.name, str(params)))
        function = OPERATORS.get(primitive.name, emit)
        return elementwise(function, len(operands))(*operands)

    return rule


def _convert_element_type(x: np.ndarray, *, new_dtype: Any, **_: Any) -> np.ndarray:
    return elementwise(functools.partial(convert, dtype=new_dtype), 1)(x)
