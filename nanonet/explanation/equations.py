"""A derivative as lines of an equation: symbols, formulas, numbers, result."""

from typing import NamedTuple

from nanonet.explanation.chains import Derivative
from nanonet.explanation.symbols import J, Symbol, fill, grouped, partial


class Line(NamedTuple):
    """One product of the equation."""

    sign: str
    """What stands before it: "=" or "+"."""

    opening: Symbol
    """What is opened before it, such as "1/4·Σ(", the mean over four examples."""

    factors: tuple[Symbol, ...]

    closing: str


def equation(derivative: Derivative) -> list[Line]:
    """∂J/∂θ = symbols = formulas = numbers = the result.

    Each path is a line. Over several examples, symbols and formulas are written once.

    >>> from nanonet.explanation.chains import Path
    >>> from nanonet.explanation.symbols import symbol
    >>> w, x, y = map(symbol, ["w1", "x1", "ŷ"])
    >>> path = Path(0, ()).then(partial(J, y), Symbol("ŷ − y"), -0.5)
    >>> path = path.then(partial(y, w), x, 2.0)
    >>> for line in equation(Derivative(w, (path,), -1.0, -1.0, 3.0, None)):
    ...     print(line.sign, " · ".join(line.factors))
    = ∂J/∂ŷ · ∂ŷ/∂w1
    = (ŷ − y) · x1
    = (-0.5) · 2
    = -1
    """
    rows = derivative.paths[-1].row + 1
    one = [path for path in derivative.paths if path.row == 0]
    every, over = (
        fill(template if rows > 1 else "", n=rows)
        for template in ("1/{n}·Σ(", "1/{n}·(")
    )
    return [
        *_sum(every, [[f.symbol for f in path.factors] for path in one]),
        *_sum(every, [[grouped(f.formula) for f in path.factors] for path in one]),
        *_sum(
            over,
            [
                [grouped(short(f.value)) for f in path.factors]
                for path in derivative.paths
            ],
        ),
        Line("=", Symbol(""), (long(derivative.value),), ""),
    ]


def _sum(opening: Symbol, products: list[list[Symbol]]) -> list[Line]:
    last = len(products) - 1
    return [
        Line(
            "+" if i else "=",
            Symbol("") if i else opening,
            tuple(factors),
            ")" if opening and i == last else "",
        )
        for i, factors in enumerate(products)
    ]


def update(derivative: Derivative, learning_rate: float) -> Symbol:
    """θ - α·∂J/∂θ, in symbols, in numbers, and the result."""
    assert derivative.new is not None
    return fill(
        "{theta} − α·{slope} = {old} − {alpha:g}·{value} = {new}",
        theta=derivative.parameter,
        slope=partial(J, derivative.parameter),
        old=short(derivative.old),
        alpha=learning_rate,
        value=grouped(short(derivative.value)),
        new=long(derivative.new),
    )


def short(number: float) -> Symbol:
    """A factor as it is shown; all digits are in the data."""
    return Symbol(f"{number + 0.0:.6g}")  # which makes -0.0 a 0


def long(number: float) -> Symbol:
    """A result as it is shown."""
    return Symbol(f"{number + 0.0:.9g}")


def to_latex(derivatives: list[Derivative], learning_rate: float | None) -> str:
    """All equations, one below the other, each with its update."""
    lines = []
    for derivative in derivatives:
        head = partial(J, derivative.parameter).latex
        for line in equation(derivative):
            product = r" \cdot ".join(factor.latex for factor in line.factors)
            body = f"{line.opening.latex}{product}{line.closing}"
            lines.append(f"{head} &{line.sign} {body}")
            head = ""
        if derivative.new is not None:
            assert learning_rate is not None
            new = derivative.parameter.latex + r"^{\text{new}}"
            lines.append(f"{new} &= {update(derivative, learning_rate).latex}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
