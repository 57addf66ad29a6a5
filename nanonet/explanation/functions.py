"""Functions of formulas.

Of scalars, `dot` and `outer` are products and `solve` is a quotient, so that the
formulas of many parameters are those of one as well.
"""

import numpy as np

from nanonet.explanation.expression import (
    Expression,
    Name,
    Operation,
    Value,
    as_expression,
    is_array,
)
from nanonet.network.symbol import ATOM, NEGATIVE, POWER, PRODUCT, SUM

_TRANSPOSED = Operation(
    lambda a, b: np.matmul(a.T, b), "{a}ᵀ{b}", PRODUCT, (ATOM, POWER)
)
_OUTER = Operation(np.outer, "{a} {b}ᵀ", PRODUCT, (PRODUCT, ATOM))
_ROOT = Operation(np.sqrt, "√{a}", POWER, (ATOM,), r"\sqrt{{{a}}}")
_NORM = Operation(np.linalg.norm, "‖{a}‖", ATOM, (NEGATIVE,))
_ABSOLUTE = Operation(np.abs, "|{a}|", ATOM, (NEGATIVE,))
_LARGER = Operation(
    np.maximum, "max({a}, {b})", ATOM, (NEGATIVE, NEGATIVE), r"\max({a}, {b})"
)
_SMALLER = Operation(
    np.minimum, "min({a}, {b})", ATOM, (NEGATIVE, NEGATIVE), r"\min({a}, {b})"
)
_LARGEST = Operation(
    lambda a: np.max(np.abs(a)), "max|{a}|", ATOM, (NEGATIVE,), r"\max|{a}|"
)


_EXPONENTIAL = Operation(np.exp, "e^({a})", ATOM, (NEGATIVE,))
_LOGARITHM = Operation(np.log, "ln {a}", POWER, (ATOM,), r"\ln {a}")
_LOGARITHM_OF = Operation(np.log, "ln({a})", POWER, (NEGATIVE,), r"\ln({a})")
_TANH = Operation(np.tanh, "tanh({a})", ATOM, (NEGATIVE,), r"\tanh({a})")
_IS_ABOVE = Operation(
    lambda a, b: 1.0 * (a > b), "[{a} > {b}]", ATOM, (NEGATIVE, NEGATIVE)
)
_AT_MOST = Operation(np.less_equal, "{a} ≤ {b}", NEGATIVE, (NEGATIVE, NEGATIVE))
_LESS_POWER = Operation(lambda a: -np.expm1(-a), "1 − e^(−{a})", SUM, (PRODUCT,))


def _solved(matrix: np.ndarray, b: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, b)
    except np.linalg.LinAlgError:
        return np.full_like(b, np.nan)


def _least_squares(matrix: np.ndarray, b: np.ndarray) -> np.ndarray:
    columns = matrix.reshape(len(matrix), -1)
    found = np.linalg.lstsq(columns, b, rcond=None)[0]
    return found if matrix.ndim > 1 else found[0]


_SOLVE = Operation(_solved, "{a}⁻¹ {b}", PRODUCT, (ATOM, POWER))
_LEAST = Operation(_least_squares, "{a}⁺ {b}", PRODUCT, (ATOM, POWER))
_DIAGONAL = Operation(lambda a: np.diag(np.diag(a)), "diag({a})", ATOM, (NEGATIVE,))


def _solved_among(free: np.ndarray, inverse: np.ndarray, b: np.ndarray) -> np.ndarray:
    chosen, x = free > 0, np.zeros_like(b)
    matrix = np.linalg.inv(inverse)[np.ix_(chosen, chosen)]
    x[chosen] = np.linalg.solve(matrix, b[chosen])
    return x


_AMONG = Operation(
    lambda f, a: f[:, None] * a * f, "{a} {b} {a}", PRODUCT, (ATOM, POWER)
)
_COLUMNS = Operation(np.multiply, "{a} {b}", PRODUCT, (PRODUCT, POWER))
_SOLVE_AMONG = Operation(
    _solved_among, "({a} {b}⁻¹ {a})⁺ {c}", PRODUCT, (ATOM, ATOM, POWER)
)


def root(x: Expression) -> Expression:
    """√x."""
    return _ROOT(x)


def dot(a: Expression, b: Expression) -> Expression:
    """The product aᵀb, of two vectors, say."""
    return _TRANSPOSED(a, b) if is_array(a, b) else a * b


def outer(a: Expression, b: Expression) -> Expression:
    """The matrix a bᵀ."""
    return _OUTER(a, b) if is_array(a, b) else a * b


def solve(matrix: Expression, b: Expression) -> Expression:
    """The x of matrix x = b; not finite where the matrix is singular."""
    if not is_array(matrix):
        return b / matrix
    return _SOLVE(matrix, b)


def least(matrix: Expression, b: Expression) -> Expression:
    """The shortest x that makes ‖matrix x - b‖ least."""
    return _LEAST(matrix, b) if is_array(matrix) else b / matrix


def diagonal(matrix: Expression) -> Expression:
    """The matrix with its diagonal alone."""
    return _DIAGONAL(matrix) if is_array(matrix) else matrix


def among(free: Expression, matrix: Expression) -> Expression:
    """The matrix with its rows and columns of the free ones alone, else 0."""
    return _AMONG(free, matrix) if is_array(matrix) else free * matrix


def columns(matrix: Expression, free: Expression) -> Expression:
    """The matrix with its columns of the free ones alone, else 0."""
    return _COLUMNS(matrix, free) if is_array(free) else matrix * free


def solve_among(free: Expression, inverse: Expression, b: Expression) -> Expression:
    """The x, 0 where it is not free, of (inverse⁻¹ x) = b for the free ones."""
    return _SOLVE_AMONG(free, inverse, b) if is_array(b) else inverse * b


def confined(x: Expression, low: Value, high: Value) -> Expression:
    """The nearest number, or vector, between the two; infinite ones are no bounds."""
    for limit, bound, name in ((larger, low, "l"), (smaller, high, "u")):
        if np.any(np.isfinite(bound)):
            x = limit(x, Name(name, bound) if is_array(x) else float(bound))
    return x


def identity(matrix: Expression) -> Expression:
    """I, as large as the matrix; 1 for a scalar."""
    if not is_array(matrix):
        return as_expression(1)
    return Name("I", np.eye(len(np.asarray(matrix.value))), literal=True)


def on_diagonal(factor: Expression, matrix: Expression) -> Expression:
    """Factor times I, to be added to the matrix."""
    return factor * identity(matrix) if is_array(matrix) else factor


def largest(x: Expression) -> Expression:
    """The largest of |x|."""
    return _LARGEST(x)


def length(x: Expression) -> Expression:
    """‖x‖."""
    return (_NORM if is_array(x) else _ABSOLUTE)(x)


def larger(a: Expression | float, b: Expression | float) -> Expression:
    """The larger one."""
    return _LARGER(a, b)


def smaller(a: Expression | float, b: Expression | float) -> Expression:
    """The smaller one."""
    return _SMALLER(a, b)


def exponential(x: Expression) -> Expression:
    """e to the power of x."""
    return _EXPONENTIAL(x)


def logarithm(x: Expression) -> Expression:
    """The natural logarithm."""
    return (_LOGARITHM if isinstance(x, Name) else _LOGARITHM_OF)(x)


def tanh(x: Expression) -> Expression:
    """The hyperbolic tangent."""
    return _TANH(x)


def is_above(a: Expression, b: float) -> Expression:
    """1 where a > b, else 0."""
    return _IS_ABOVE(a, b)


def at_most(a: Expression, b: Expression) -> Expression:
    """Whether a ≤ b."""
    return _AT_MOST(a, b)


def less_power(x: Expression) -> Expression:
    """1 - e to the power of -x, with all its digits where x is small."""
    return _LESS_POWER(x)
