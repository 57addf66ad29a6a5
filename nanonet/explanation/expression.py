"""Formulas as trees: each knows how it is written, with its numbers too, and its value.

They are made with Python's operators, and computed by NumPy in float64::

    v = beta * v_before + (1 - beta) * g
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nanonet.explanation.symbols import bracketed, fill, number_symbol
from nanonet.network.symbol import ATOM, NEGATIVE, POWER, PRODUCT, SUM, Symbol

Value = float | bool | np.ndarray


class Expression:
    """A formula."""

    value: Value
    """What it comes to."""

    constant: bool
    """Whether it is made of numbers that a rule keeps, such as α and 1 - β."""

    def written(self, *, numbers: bool) -> Symbol:
        """The formula in symbols; or with the numbers put in."""
        raise NotImplementedError

    @property
    def symbols(self) -> Symbol:
        """The formula in symbols."""
        return self.written(numbers=False)

    @property
    def numbers(self) -> Symbol | None:
        """The formula with the numbers put in; what is constant is worked out.

        None where it is but a symbol, whose number says nothing new.
        """
        return None if isinstance(self, Name) else self.written(numbers=True)

    def at(self, row: int) -> "Expression":
        """The formula of one row, where the numbers are those of several."""
        raise NotImplementedError

    def __add__(self, other: "Expression | float") -> "Expression":
        return _ADD(self, other)

    def __radd__(self, other: float) -> "Expression":
        return _ADD(other, self)

    def __sub__(self, other: "Expression | float") -> "Expression":
        return _SUBTRACT(self, other)

    def __rsub__(self, other: float) -> "Expression":
        return _SUBTRACT(other, self)

    def __mul__(self, other: "Expression | float") -> "Expression":
        return _MULTIPLY(self, other)

    def __rmul__(self, other: float) -> "Expression":
        return _MULTIPLY(other, self)

    def __truediv__(self, other: "Expression | float") -> "Expression":
        return _DIVIDE(self, other)

    def __rtruediv__(self, other: float) -> "Expression":
        return _DIVIDE(other, self)

    def __neg__(self) -> "Expression":
        return _NEGATE(self)

    def __pow__(self, exponent: int) -> "Expression":
        return _power(exponent)(self)

    def __matmul__(self, other: "Expression") -> "Expression":
        return (_APPLY if is_array(self, other) else _MULTIPLY)(self, other)


class Name(Expression):
    """A symbol that stands for a number, a vector or a matrix."""

    def __init__(
        self,
        symbol: Symbol | str,
        value: Any,
        *,
        constant: bool = False,
        literal: bool = False,
    ) -> None:
        self.symbol = symbol if isinstance(symbol, Symbol) else Symbol(symbol)
        self.value = as_value(value)
        self.constant = constant
        self.literal = literal

    def written(self, *, numbers: bool) -> Symbol:
        """The symbol, or its number; a literal is always itself."""
        if self.literal or not numbers:
            return self.symbol
        return number_symbol(self.value)

    def at(self, row: int) -> "Name":
        """The same of one row."""
        if isinstance(self.value, float):
            return self
        return Name(self.symbol, np.asarray(self.value)[row])


class _Compound(Expression):
    def __init__(self, operation: "Operation", parts: tuple[Expression, ...]) -> None:
        self.operation, self.parts = operation, parts
        self.constant = all(part.constant for part in parts)
        with np.errstate(all="ignore"):  # what is not finite is shown
            values = [part.value for part in parts]
            self.value = as_value(operation.compute(*values))

    def written(self, *, numbers: bool) -> Symbol:
        if numbers and self.constant:
            return number_symbol(self.value)
        return self.operation.written([p.written(numbers=numbers) for p in self.parts])

    def at(self, row: int) -> Expression:
        """The same of one row."""
        return _Compound(self.operation, tuple(part.at(row) for part in self.parts))


class Operation(NamedTuple):
    """How a formula is computed from its parts, and how it is written."""

    compute: Callable[..., Any]
    text: str
    """Of {a}, {b} and {c}, as `fill` takes it."""

    binds: int
    needs: tuple[int, ...]
    """How tightly each part has to bind, not to be put in brackets."""

    latex: str | None = None
    """Where it needs no brackets in LaTeX: in a fraction, under a root."""

    def __call__(self, *parts: Expression | float) -> Expression:
        return _Compound(self, tuple(map(as_expression, parts)))

    def written(self, parts: list[Symbol]) -> Symbol:
        """The formula of parts as they are written."""
        names = dict(zip("abc", parts, strict=False))
        enclosed = {
            name: part if part.binds >= need else bracketed(part)
            for (name, part), need in zip(names.items(), self.needs, strict=True)
        }
        symbol, latex = fill(self.text, **enclosed), self.latex
        if latex is not None:
            latex = latex.format(**{name: part.latex for name, part in names.items()})
        return Symbol(symbol, symbol.html, latex or symbol.latex, self.binds)


def as_value(value: Any) -> Value:
    """A float, an array of floats, or whether something holds."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    array = np.asarray(value, float)
    return array if array.ndim else float(array)


def as_expression(part: Expression | float) -> Expression:
    """A formula, or a number that is written as it is."""
    if isinstance(part, Expression):
        return part
    return Name(number_symbol(part), part, constant=True, literal=True)


def is_array(*parts: Expression) -> bool:
    """Whether one of them is a vector or a matrix."""
    return any(isinstance(part.value, np.ndarray) for part in parts)


_ADD = Operation(np.add, "{a} + {b}", SUM, (NEGATIVE, SUM))
_SUBTRACT = Operation(np.subtract, "{a} − {b}", SUM, (NEGATIVE, PRODUCT))
_MULTIPLY = Operation(np.multiply, "{a}·{b}", PRODUCT, (PRODUCT, PRODUCT))
_DIVIDE = Operation(
    np.divide, "{a}/{b}", PRODUCT, (PRODUCT, POWER), r"\frac{{{a}}}{{{b}}}"
)
_NEGATE = Operation(np.negative, "−{a}", NEGATIVE, (PRODUCT,))
_APPLY = Operation(np.matmul, "{a} {b}", PRODUCT, (PRODUCT, POWER))


def _power(exponent: int) -> Operation:
    raised = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return Operation(lambda a: np.power(a, exponent), f"{{a}}{raised}", POWER, (ATOM,))
