"""What all languages share: how an expression becomes text, and lines are broken."""

import re
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from nanonet.model.equation.steps import (
    Call,
    Choice,
    Expression,
    Filled,
    Linear,
    Mean,
    Missing,
    Share,
    Step,
    Symbol,
)
from nanonet.table.columns import Column

#: Where a line may be broken; no name holds it, since it is not printable.
BREAK = "\0"


class Named(NamedTuple):
    """The steps of an equation, and what its columns and answers are called."""

    steps: tuple[Step, ...]
    inputs: tuple[Column, ...]
    outputs: tuple[str, ...]
    classes: bool
    """Whether the answers are probabilities, or whatever is largest, of classes."""


class Language:
    """How one language writes the expressions of `nanonet.model.equation.steps`."""

    times = " * "
    around = " "
    """Between a sign and its term."""

    def __init__(self, named: Named) -> None:
        self.named = named

    def symbol(self, symbol: Symbol) -> str:
        """A name, whatever it stands for."""
        raise NotImplementedError

    def number(self, value: float) -> str:
        """Digits of a number that is not negative.

        >>> Language.number(None, 1500.0), Language.number(None, 2e-7)
        ('1500', '2e-07')
        """
        return repr(float(value)).removesuffix(".0")

    def call(self, f: str, z: str) -> str:
        """f(z)."""
        return f"{f}({z})"

    def share(self, place: int, z: Sequence[str | None]) -> str:
        """Softmax of z at that place; None is 0."""
        raise NotImplementedError

    def choice(self, choice: Choice) -> Iterator[tuple[str, str]]:
        """Signs and terms: a number for each level, where the column is at it."""
        column = self.named.inputs[choice.column.index[0]]
        for value, level in zip(choice.values, column.levels or (), strict=True):
            if value:
                sign, size = self.signed(value)
                yield sign, self.product(size, self.condition(column.name, str(level)))

    def condition(self, column: str, level: str) -> str:
        """1 where the column is at this level, else 0."""
        raise NotImplementedError

    def missing(self, column: str) -> str:
        """1 where the cell of a column is missing, else 0."""
        raise NotImplementedError

    def filled(self, column: str, value: str) -> str:
        """The number in a column, or, where it is missing, the other one."""
        raise NotImplementedError

    def mean(self, parts: Sequence[str]) -> str:
        """The mean of several terms."""
        return f"({f'{BREAK}+ '.join(parts)}) / {len(parts)}"

    def product(self, factor: str, term: str) -> str:
        """A number times a term."""
        return f"{factor}{self.times}{term}"

    def express(self, expression: Expression) -> str:
        """The expression, with `BREAK` where its line may be broken."""
        match expression:
            case Symbol():
                return self.symbol(expression)
            case Missing(column):
                return self.missing(self.symbol(column))
            case Filled(column, value):
                return self.filled(self.symbol(column), self.decimal(value))
            case Call(f, z):
                return self.call(f, self.express(z))
            case Share(place, z):
                return self.share(place, [each and self.symbol(each) for each in z])
            case Mean(of):
                return self.mean([self.express(part) for part in of])
            case Linear():
                return self._linear(expression)

    def _linear(self, linear: Linear) -> str:
        signed = list(self._terms(linear)) or [("+", self.number(0.0))]
        (sign, first), *others = signed
        text = ("-" if sign == "-" else "") + first
        for sign, term in others:
            text += f"{BREAK}{sign}{self.around}{term}"
        return text

    def _terms(self, linear: Linear) -> Iterator[tuple[str, str]]:
        if linear.constant:
            yield self.signed(linear.constant)
        for factor, term in linear.terms:
            sign, size = self.signed(factor)
            text = self.express(term)
            alone = abs(factor) == 1.0
            yield sign, text if alone else self.product(size, text)
        for choice in linear.choices:
            yield from self.choice(choice)

    def decimal(self, value: float) -> str:
        """The number with its sign, where it is negative."""
        sign, size = self.signed(value)
        return size if sign == "+" else f"-{size}"

    def signed(self, value: float) -> tuple[str, str]:
        """The sign, and the number without it."""
        return ("-" if value < 0 else "+"), self.number(abs(value))


def layout(text: str, *, indent: str, width: int = 88, newline: str = "\n") -> str:
    r"""Break lines at `BREAK` where they get longer than ``width``.

    >>> print(layout("y = 1\0+ 2\0+ 3", indent="    ", width=9))
    y = 1 + 2
        + 3
    """
    first, *others = text.split(BREAK)
    lines = [first]
    for piece in others:
        if len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(indent + piece)
    return newline.join(lines)


def numbered(symbol: Symbol, joint: str = "_") -> str:
    """A name as most languages have it.

    >>> numbered(Symbol("h", (2,))), numbered(Symbol("h", (0, 4)))
    ('h3', 'h1_5')
    """
    return symbol.kind + joint.join(str(i + 1) for i in symbol.index)


def identifiers(names: Sequence[str], taken: Container[str]) -> list[str]:
    """A different name of ASCII letters, digits and _ for each text.

    ``taken`` are names that mean something already; so are h1, z2_3 and the like.

    >>> identifiers(["sepal length (cm)", "2nd", "if", "h1", "é", "b", "b "], {"if"})
    ['sepal_length_cm', 'x_2nd', 'x_if', 'x_h1', 'x5', 'b', 'b_']
    """
    found: list[str] = []
    for i, text in enumerate(names):
        name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or f"x{i + 1}"
        if (
            not name[0].isalpha()
            or name in taken
            or re.fullmatch(r"[hszoy][\d_]+", name)
        ):
            name = f"x_{name}"
        while name in found:
            name += "_"
        found.append(name)
    return found
